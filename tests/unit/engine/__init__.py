"""Tests of ``daprdockr.engine``."""
