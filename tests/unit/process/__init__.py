"""Tests of ``daprdockr.process``."""
