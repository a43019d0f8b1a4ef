"""What etcd holds, as this agent knows it, and what follows from the history of that."""
