"""Tests of ``daprdockr.agent``."""
