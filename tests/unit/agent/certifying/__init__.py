"""Certificates on a node."""
