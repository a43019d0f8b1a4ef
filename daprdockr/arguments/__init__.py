"""The command lines of agent and operator, as values."""
