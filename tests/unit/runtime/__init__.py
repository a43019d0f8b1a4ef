"""Tests of ``daprdockr.runtime``."""
