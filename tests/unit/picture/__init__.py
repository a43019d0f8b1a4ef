"""Tests of ``daprdockr.picture``."""
