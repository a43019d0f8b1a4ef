"""What stands in etcd: keys, records, and their revisions."""
