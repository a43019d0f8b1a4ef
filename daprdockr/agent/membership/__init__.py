"""The membership of this node in the cluster: its lease, its record, its name and addresses."""
