"""The contents of etcd: the layout of keys, their entries, and the records in them."""
