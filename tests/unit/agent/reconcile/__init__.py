"""Tests of ``daprdockr.agent.reconcile.reconcile``."""
