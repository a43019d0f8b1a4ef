"""Tests of ``daprdockr.agent.mirror.mirror``."""
