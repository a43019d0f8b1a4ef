"""Tests of ``daprdockr.arguments``."""
