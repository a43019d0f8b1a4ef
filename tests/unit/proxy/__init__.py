"""Tests of ``daprdockr.proxy``."""
