"""Tests of ``daprdockr.compose``."""
