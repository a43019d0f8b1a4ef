"""The changes that ``make bench-change`` measures: those that the agent takes part in."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from benchmarks.change import SERVICES, Cluster, measure


class ChangeTests(SynchronousTestCase):
    """A small cluster."""

    def test_all_is_placed(self) -> None:
        """In the end each instance is claimed, evenly, and the agent runs its share."""
        cluster = Cluster(self, nodes=4, instances=8)
        changes = list(cluster.place())
        self.assertEqual(len(changes), 2 * SERVICES * 6)
        self.assertEqual(len(cluster.agent.running), SERVICES * 2)
        self.assertEqual(sum(len(cluster.agent.cluster.claims(name)) for name in cluster.names), SERVICES * 8)

    def test_flaps(self) -> None:
        """Each instance that fails is well again afterwards, and the agent has seen both."""
        cluster = Cluster(self, nodes=3, instances=3)
        list(cluster.place())
        before = cluster.agent.cluster.generation
        self.assertEqual(len(list(cluster.flap())), cluster.agent.cluster.generation - before)
        held = [claim for name in cluster.names for claim in cluster.agent.cluster.claims(name).values()]
        self.assertEqual({claim.record.healthy for claim in held if claim.node != "a"}, {True})

    def test_a_row(self) -> None:
        """A row of the table has the shape and two figures."""
        self.assertRegex(measure(3, 2), r"\A +3 +10 x 2 +\d+\.\d\d +\d+\.\d\d\Z")
