"""Tests against the real parts: etcd, Docker Engine, nginx, and the programs people use with them."""
