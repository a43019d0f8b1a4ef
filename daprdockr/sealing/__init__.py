"""Sealed values: the adapter of the cryptography package, and the file with the cluster's private keys."""
