"""The registry whose threads a pull takes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reconcile.engine_threads import registry


class RegistryTests(SynchronousTestCase):
    def test_registry(self) -> None:
        """The first part of a reference is a registry if it looks like a host; else it is Docker Hub's."""
        for reference, expected in (
            ("web", "docker.io"),
            ("library/web:1", "docker.io"),
            ("r.example.com/a/web:1", "r.example.com"),
            ("localhost/web", "localhost"),
            ("r:5000/web@sha256:0", "r:5000"),
        ):
            self.assertEqual(registry(reference), expected)
