"""Tests of ``daprdockr.dns.zone.zone``."""
