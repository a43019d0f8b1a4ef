"""Queries that other servers answer: upstreams, their replies, and the clients that wait for them."""
