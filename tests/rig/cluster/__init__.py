"""Several hosts on this machine, each a network namespace with an Engine, an agent and a member of etcd."""
