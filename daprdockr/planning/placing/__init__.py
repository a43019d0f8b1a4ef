"""Which node should have an instance."""
