"""Placement: which node should have an instance."""
