"""Tests of ``daprdockr.agent.reporting``."""
