"""Tests of ``daprdockr.model.wanted``."""
