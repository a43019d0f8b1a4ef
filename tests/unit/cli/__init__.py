"""Tests of ``daprdockr.cli``."""
