"""Tests of ``daprdockr.api``."""
