"""Each part of an agent, made once, from the parts that it needs."""
