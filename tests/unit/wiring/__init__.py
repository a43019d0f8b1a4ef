"""Tests of ``daprdockr.wiring``."""
