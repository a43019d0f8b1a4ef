"""Tests of ``daprdockr.sessions``."""
