"""Tests of ``daprdockr.dns.listening``."""
