"""Tests of ``daprdockr.acme``."""
