"""Tests of daprdockr.relay."""
