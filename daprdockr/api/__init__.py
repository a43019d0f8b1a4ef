"""The agent's HTTP listener."""
