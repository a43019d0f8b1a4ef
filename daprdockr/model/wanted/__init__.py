"""Definitions and their parts, as people write them."""
