"""What a reader of etcd knows: the cluster put together from its keys."""
