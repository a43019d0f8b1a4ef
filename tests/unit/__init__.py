"""Tests that need nothing but Python: no process, no socket outside memory, no real time."""
