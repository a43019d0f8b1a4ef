"""Tests of ``daprdockr.dns.answering``."""
