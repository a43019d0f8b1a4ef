"""Servers, clients and questions for tests of DNS over real sockets."""
