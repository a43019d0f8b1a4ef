"""Tests of ``daprdockr.model``."""
