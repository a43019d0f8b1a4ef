"""Tests of ``daprdockr.guard``."""
