"""What the agent has the guard do: containers that must end before the lease does."""
