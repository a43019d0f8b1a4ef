"""Certificates on a node: those of the operator's files and those that etcd has sealed, handed to nginx."""
