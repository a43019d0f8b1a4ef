"""The cluster as a reader of etcd knows it, put together from its keys."""
