"""Tests of ``daprdockr.etcd``."""
