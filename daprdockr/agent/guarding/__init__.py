"""The agent's side of the guard: the containers that must end before the lease does."""
