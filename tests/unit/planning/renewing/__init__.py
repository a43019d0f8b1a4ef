"""Tests of ``daprdockr.planning.renewing``."""
