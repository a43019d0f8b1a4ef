"""Tests of ``daprdockr.agent.membership``."""
