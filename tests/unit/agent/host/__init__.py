"""Tests of ``daprdockr.agent.host.host``."""
