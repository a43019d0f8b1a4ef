"""Tests of ``daprdockr.planning``."""
