"""Measurements beside peers, on this machine: no tests, nothing here passes or fails."""
