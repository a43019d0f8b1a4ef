"""Tests of ``daprdockr.dns.message``."""
