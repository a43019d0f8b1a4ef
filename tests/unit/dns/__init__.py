"""Tests of ``daprdockr.dns``."""
