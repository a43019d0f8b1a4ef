"""Certificates from an ACME server (RFC 8555): the adapter of certbot's ``acme`` package."""
