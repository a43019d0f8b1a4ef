"""Tests of ``daprdockr.planning.jobs``."""
