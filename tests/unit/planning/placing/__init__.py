"""Tests of ``daprdockr.planning.placing``."""
