"""Services that are placed at the same time: nobody reaches for what is another's, whatever it knows yet."""

from __future__ import annotations

from collections import Counter
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Batch, Change, Deleted, Entry
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.volume import VolumeRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.candidates import candidates, failing
from daprdockr.planning.placing.placement import rank, vacancies
from daprdockr.planning.placing.wave import LONGEST, MOST, offers
from tests.build.values import KEYS, definition

NODES = st.integers(1, 6).map(lambda count: "abcdef"[:count])
WISHES = st.lists(
    st.tuples(st.integers(1, 9), st.sampled_from([{}, {"OnePerNode": True}, {"Constraints": ["node != a"]}])),
    max_size=5,
)
Firsts = dict[InstanceName, str]


class Etcd:
    """A mirror that receives all changes at once, with the revisions that etcd would give."""

    def __init__(self, nodes: str, **record: Any) -> None:
        self.revision = 1
        self.cluster = Cluster(KEYS)
        for node in nodes:
            self.tell(KEYS.node(node), NodeRecord(**record).encode())

    def tell(self, key: str, value: bytes, created: int = 0) -> None:
        self.revision += 1
        self._apply(Entry(key, value, created or self.revision, self.revision, 1))

    def define(self, name: str, instances: int, **members: Any) -> Definition:
        wanted = definition(Name=name, instances=instances, **members)
        self.tell(KEYS.service(wanted.name), wanted.encode())
        return wanted

    def claim(self, instance: InstanceName, node: str, **record: Any) -> None:
        self.tell(KEYS.claim(instance), ClaimRecord(node, **record).encode())

    def claim_all(self) -> None:
        for instance, node in self.firsts().items():
            self.claim(instance, node)

    def lose(self, node: str) -> None:
        """The lease of a node ends: all of its keys go at one revision."""
        self.revision += 1
        held = [c for name in self.cluster.services for c in self.cluster.claims(name).values() if c.node == node]
        keys = [KEYS.node(node), *(KEYS.claim(claim.instance) for claim in held)]
        self._apply(*(Deleted(key, self.revision) for key in keys))

    def firsts(self) -> Firsts:
        """The node that should take each free instance."""
        seen = offers(self.cluster, candidates(self.cluster))
        return {
            InstanceName(name, number): node
            for name, offered in seen.items()
            for number, node in self._rank(name, offered).items()
        }

    def _rank(self, name: ServiceName, offered: Any) -> Any:
        claims, wanted = self.cluster.claims(name), self.cluster.services[name].definition
        held = Counter(claim.node for claim in claims.values())
        return rank(vacancies(wanted, claims), wanted, held, offered, failing(name, claims.values(), offered)).first

    def _apply(self, *changes: Change) -> None:
        self.cluster.apply(Batch(7, self.revision, changes))


class WaveTests(SynchronousTestCase):
    """``offers``, by the ranking that is made of them."""

    def place(self, etcd: Etcd, wishes: list[Any], data: st.DataObject) -> None:
        """Set services and claim instances, in any order; what each node saw at any time must be what came of it."""
        seen: list[Firsts] = []
        owners: Firsts = {}
        waiting = list(enumerate(wishes))
        while waiting or etcd.firsts():
            seen.append(etcd.firsts())
            if waiting and (not seen[-1] or data.draw(st.booleans())):
                number, (instances, placement) = waiting.pop()
                etcd.define(f"s{number}", instances, Placement=placement)
            else:
                instance = data.draw(st.sampled_from(sorted(seen[-1])))
                owners[instance] = seen[-1][instance]
                etcd.claim(instance, owners[instance])
        for firsts in seen:
            self.assertEqual(firsts, {instance: owners[instance] for instance in firsts})

    @given(NODES, WISHES, st.data())
    def test_whatever_is_known_yet(self, nodes: str, wishes: list[Any], data: st.DataObject) -> None:
        """While services are set and claimed each instance is one node's alone as long as it is free."""
        self.place(Etcd(nodes), wishes, data)

    @given(NODES.filter(lambda nodes: len(nodes) > 1), WISHES, st.data())
    def test_after_a_death(self, nodes: str, wishes: list[Any], data: st.DataObject) -> None:
        """So it is when a node's instances of several services are placed anew."""
        etcd = Etcd(nodes)
        self.place(etcd, wishes, data)
        etcd.lose(nodes[-1])
        self.place(etcd, [], data)

    def test_tied(self) -> None:
        """An instance that waits for the node with its data counts as that node's, and is given to no other one."""
        etcd = Etcd("ab")
        db = etcd.define("db", 1, Container={"Volumes": ["data:/data"]})
        etcd.tell(KEYS.volumes(InstanceName(db.name, 1)), VolumeRecord("a", ("data",)).encode())
        web = etcd.define("web", 1)
        seen = offers(etcd.cluster, candidates(etcd.cluster))
        loads = {name: {one.name: one.load for one in offered} for name, offered in seen.items()}
        self.assertEqual(loads, {web.name: {"a": 1, "b": 0}})

    @given(NODES, st.lists(st.integers(1, 9), max_size=6))
    def test_even(self, nodes: str, sizes: list[int]) -> None:
        """Services that are set together leave equal nodes with claims that differ by one at the most."""
        etcd = Etcd(nodes)
        for number, instances in enumerate(sizes):
            etcd.define(f"s{number}", instances)
        etcd.claim_all()
        loads = [etcd.cluster.loads[node] for node in nodes]
        self.assertEqual(sum(loads), sum(sizes))
        self.assertLessEqual(max(loads) - min(loads), 1)

    def test_room_is_given_once(self) -> None:
        """Memory that a service is going to take is not there for the next one."""
        etcd = Etcd("ab", memory=1000)
        for name in ("s1", "s2"):
            etcd.define(name, 2, Container={"Memory": 450})
        etcd.define("s3", 2, Container={"Memory": 200})
        firsts = etcd.firsts()
        self.assertEqual(Counter(i.service.service for i in firsts), Counter(s1=2, s2=2))
        etcd.claim_all()
        self.assertEqual(etcd.firsts(), {})

    def test_fails_meanwhile(self) -> None:
        """A node on which an instance cannot start is counted with what it has, and is given no more."""
        etcd = Etcd("ab")
        wanted = etcd.define("s1", 3)
        etcd.define("s2", 1)
        etcd.claim(InstanceName(wanted.name, 1), "a", state=State.BACKING_OFF)
        firsts = etcd.firsts()
        self.assertEqual({i.number: node for i, node in firsts.items() if i.service == wanted.name}, {2: "b", 3: "b"})
        self.assertEqual({node for i, node in firsts.items() if i.service != wanted.name}, {"a"})

    def test_old_wishes(self) -> None:
        """A service that nobody has had room for since long is counted on by nobody, and counts what is there."""
        etcd = Etcd("ab")
        etcd.define("s1", 1, Placement={"Constraints": ["zone == x"]})
        later = etcd.define("s2", 3)
        self.assertIn(ServiceName(group="myapp", service="s1"), offers(etcd.cluster, candidates(etcd.cluster)))
        etcd.claim_all()
        self.assertEqual(len(etcd.cluster.claims(later.name)), 3)
        etcd.revision += LONGEST
        etcd.define("s3", 1)
        self.assertEqual([name.service for name in offers(etcd.cluster, candidates(etcd.cluster))], ["s3"])

    def test_many(self) -> None:
        """Of very many services the first are offered something, and the next when those have what they want."""
        etcd = Etcd("ab")
        names = [etcd.define(f"s{number:03d}", 1).name for number in range(MOST + 2)]
        self.assertEqual(list(offers(etcd.cluster, candidates(etcd.cluster))), names[:MOST])
        etcd.claim(InstanceName(names[0], 1), "a")
        self.assertEqual(list(offers(etcd.cluster, candidates(etcd.cluster))), names[1 : MOST + 1])

    def test_nothing_free(self) -> None:
        """While nothing is free there is nothing to offer."""
        etcd = Etcd("ab")
        etcd.define("s1", 3)
        etcd.claim_all()
        self.assertEqual(offers(etcd.cluster, candidates(etcd.cluster)), {})
