"""Behaviour suites that run against a fake and against the real thing."""
