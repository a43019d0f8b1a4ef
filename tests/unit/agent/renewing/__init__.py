"""Tests of ``daprdockr.agent.renewing``."""
