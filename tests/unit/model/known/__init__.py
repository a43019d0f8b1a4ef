"""Tests of ``daprdockr.model.known``."""
