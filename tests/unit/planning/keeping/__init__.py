"""Tests of ``daprdockr.planning.keeping``."""
