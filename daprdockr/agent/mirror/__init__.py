"""The contents of etcd as this agent knows them, and the conclusions from their history."""
