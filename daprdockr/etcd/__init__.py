"""etcd: the only room that knows the etcd3 package, gRPC, and how to run a private etcd."""
