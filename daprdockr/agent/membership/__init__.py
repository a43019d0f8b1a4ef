"""What makes this node a member of the cluster: its lease, its record, its name and addresses."""
