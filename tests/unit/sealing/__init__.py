"""Tests of ``daprdockr.sealing``."""
