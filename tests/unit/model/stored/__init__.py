"""Tests of ``daprdockr.model.stored.revisioned``."""
