"""Views: brought up to date before anybody is notified of a change."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.mirror.views import Views
from daprdockr.model.known.changes import Changes
from daprdockr.runtime.signal import Signal
from tests.build.whole import TTL
from tests.fakes.agents import MemoryAgent, MemoryCluster


class Remembering:
    """A view that records each change that it receives, beside its own name."""

    def __init__(self, name: str, heard: list[tuple[str, Changes]]) -> None:
        self._name = name
        self._heard = heard

    def on_changes(self, changes: Changes) -> None:
        self._heard.append((self._name, changes))


class ViewsTests(SynchronousTestCase):
    """``Views``, and those of an agent."""

    def test_order(self) -> None:
        """Views hear of a change in the order in which they are listed, and those who subscribed after all of them."""
        heard: list[tuple[str, Changes]] = []
        changed: Signal[[Changes]] = Signal()
        changed.subscribe(lambda changes: heard.append(("subscriber", changes)))
        views = Views([Remembering("first", heard), Remembering("second", heard)], changed)
        change = Changes(nodes=True)
        views(change)
        self.assertEqual(heard, [("first", change), ("second", change), ("subscriber", change)])

    def test_first_subscriber(self) -> None:
        """A subscriber before all parts of an agent finds its views as they are after the change."""
        cluster = MemoryCluster(self)
        agent = cluster.make("a")
        waits: list[float] = []

        def ask(changes: Changes) -> None:
            if changes.nodes and "b" not in agent.cluster.nodes:
                waits.append(agent.mass_expiry.until)

        agent.parts.base.signals.cluster_changed._subscribers.insert(0, ask)
        self.begin(cluster, agent)
        waits.clear()
        cluster.advance(TTL + 1)
        self.assertEqual([until > 0 for until in waits], [True])

    def begin(self, cluster: MemoryCluster, agent: MemoryAgent) -> None:
        """The agent and another node ``b``, which falls silent."""
        cluster.start(agent)
        cluster.crash(cluster.add("b"))
