"""Compose files as definitions: values in, values out. Files are read by a function that the caller hands in."""
