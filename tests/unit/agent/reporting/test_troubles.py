"""What is wrong with an agent, gathered from its parts."""

from __future__ import annotations

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reporting.troubles import troubles


@frozen
class Part:
    trouble: str


class TroublesTests(SynchronousTestCase):
    def test_in_order(self) -> None:
        """Each part that is not well has its line, in the order of the parts; one that is well has none."""
        parts = [Part("etcd is away"), Part(""), Part("the Docker Engine is away")]
        self.assertEqual(troubles(parts), ["etcd is away", "the Docker Engine is away"])

    def test_well(self) -> None:
        """Where all are well there is no line."""
        self.assertEqual(troubles([Part("")]), [])
