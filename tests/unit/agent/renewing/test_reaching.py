"""Whether a name leads to the nodes."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.renewing.reaching import Reach, ReachByEither, ReachByText
from daprdockr.model.errors import NotFound
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.node import NodeRecord
from tests.build.values import KEYS
from tests.fakes.run import run_at_once
from tests.fakes.store import MemoryStore

OURS, BALANCER, FOREIGN = "10.0.0.1", "192.0.2.1", "192.0.2.9"
ZONE = "acme.test"
ALIAS = {"_acme-challenge.b.test": "b.test.acme.test"}


@frozen
class Names:
    """The answers of the name servers."""

    address: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(factory=dict)
    text: tuple[str, ...] = ()
    anybody: bool = True

    async def addresses(self, name: str) -> tuple[str, ...]:
        return self.address

    async def alias(self, name: str) -> str:
        return self.aliases.get(name, "")

    async def texts(self, name: str) -> tuple[str, ...]:
        assert name == ZONE
        return self.text


class ReachTests(SynchronousTestCase):
    def reach(self, names: Names, zone: str = ZONE) -> tuple[ReachByEither, list[str]]:
        """The check of a name with these records; and whom it asked."""
        store, cluster, asked = MemoryStore(), Cluster(KEYS), []
        store.put(KEYS.node("a"), NodeRecord((OURS,)).encode(), store.grant(60).id)
        cluster.replace(store.list(KEYS.root))

        def ask(address: str, host_name: str, path: str) -> str:
            asked.append(f"{address} {host_name} {path}")
            return "ff.print" if address == BALANCER else "a page"

        http = Reach("print", cluster, names, ask, run_at_once, lambda: 255)
        return ReachByEither(http, ReachByText("print", zone, names)), asked

    def refused(self, names: Names, host_name: str = "a.test", zone: str = ZONE) -> str:
        reach, _ = self.reach(names, zone)
        return str(self.failureResultOf(reach(host_name), NotFound).getErrorMessage())

    def test_ours(self) -> None:
        """An address of a node is enough; one of a balancer has to answer as the nodes do."""
        for found, wanted in (
            ((OURS,), []),
            ((OURS, BALANCER), [f"{BALANCER} a.test /.well-known/acme-challenge/ff"]),
        ):
            reach, asked = self.reach(Names(found))
            self.successResultOf(reach("a.test"))
            self.assertEqual(asked, wanted)

    def test_elsewhere(self) -> None:
        """A name without an address, or with one where nobody answers as the nodes do, is refused with the reason."""
        self.assertIn("has no address in DNS", self.refused(Names()))
        self.assertIn(f"has the address {FOREIGN} in DNS", self.refused(Names((OURS, FOREIGN))))

    def test_nobody_to_ask(self) -> None:
        """Without name servers nothing is checked."""
        reach, _ = self.reach(Names(anybody=False))
        for name in ("a.test", "*.b.test"):
            self.successResultOf(reach(name))

    def test_wildcard(self) -> None:
        """A wildcard needs its CNAME, and a zone that the nodes of this account answer; the reason says what to do."""
        reach, asked = self.reach(Names((), ALIAS, ("another", "print")))
        self.successResultOf(reach("*.b.test"))
        self.assertEqual(asked, [])
        set_it = "set _acme-challenge.b.test. CNAME b.test.acme.test."
        wrong = {"_acme-challenge.b.test": "c.acme.test"}
        long = "*." + "b." * 120 + "test"
        for names, said in (
            (Names(), f"is not there: {set_it}"),
            (Names((), wrong), f"leads to c.acme.test: {set_it}"),
            (Names((), ALIAS), "the zone acme.test is not answered by the nodes"),
            (Names((), ALIAS, ("another",)), "the zone acme.test is not answered by the nodes"),
        ):
            self.assertIn(said, self.refused(names, "*.b.test"))
        self.assertIn("give the agents --acme-zone", self.refused(Names(), "*.b.test", ""))
        self.assertIn("is too long", self.refused(Names(), long))
