"""Tests of ``daprdockr.agent.guarding``."""
