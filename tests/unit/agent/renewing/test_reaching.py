"""Whether a name leads to the nodes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.renewing.reaching import Reach
from daprdockr.model.errors import NotFound
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.node import NodeRecord
from tests.build.values import KEYS
from tests.fakes.run import run_at_once
from tests.fakes.store import MemoryStore

OURS, BALANCER, FOREIGN = "10.0.0.1", "192.0.2.1", "192.0.2.9"


class ReachTests(SynchronousTestCase):
    def reach(self, found: tuple[str, ...] | None) -> tuple[Reach, list[str]]:
        """The check of a name with these addresses; and whom it asked."""
        store, cluster, asked = MemoryStore(), Cluster(KEYS), []
        store.put(KEYS.node("a"), NodeRecord((OURS,)).encode(), store.grant(60).id)
        cluster.replace(store.list(KEYS.root))

        async def addresses(name: str) -> tuple[str, ...] | None:
            return found

        def ask(address: str, host_name: str, path: str) -> str:
            asked.append(f"{address} {host_name} {path}")
            return "ff.print" if address == BALANCER else "a page"

        return Reach(cluster, addresses, ask, run_at_once, lambda: 255), asked

    def refused(self, found: tuple[str, ...]) -> str:
        reach, _ = self.reach(found)
        return str(self.failureResultOf(reach("a.test", "print"), NotFound).getErrorMessage())

    def test_ours(self) -> None:
        """An address of a node is enough; one of a balancer has to answer as the nodes do."""
        for found, wanted in (
            ((OURS,), []),
            ((OURS, BALANCER), [f"{BALANCER} a.test /.well-known/acme-challenge/ff"]),
            (None, []),
        ):
            reach, asked = self.reach(found)
            self.successResultOf(reach("a.test", "print"))
            self.assertEqual(asked, wanted)

    def test_elsewhere(self) -> None:
        """A name without an address, or with one where nobody answers as the nodes do, is refused with the reason."""
        self.assertIn("has no address in DNS", self.refused(()))
        self.assertIn(f"has the address {FOREIGN} in DNS", self.refused((OURS, FOREIGN)))
