"""Tests of ``daprdockr.dns.forwarding``."""
