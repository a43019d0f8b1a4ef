"""Queries that others answer: upstream servers, what they said, who waits for it."""
