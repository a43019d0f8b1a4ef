"""Why a node takes no instance: the reasons, and that they are those by which placement decides."""

from __future__ import annotations

from collections import Counter
from itertools import product
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.cordon import asking_to_drain
from daprdockr.model.stored.entries import Entry, Listing
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.volume import UNKNOWN, VolumeRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.candidates import Bar, candidates
from daprdockr.planning.placing.placement import rank, vacancies
from daprdockr.planning.placing.refusing import refusal
from tests.build.values import KEYS, definition, fixing, named

MIB = 1 << 20
OTHER = named("db", Container={"Memory": 300 * MIB, "NanoCpus": 1_500_000_000, **fixing(5432)})
CACHE = named("cache", Container=fixing(6379))


def cluster(
    wanted: Definition, *held: tuple[str, str], cordon: bytes | None = None, volumes: str = "", **record: Any
) -> Cluster:
    """
    A node ``a``, and what it has of ``web.myapp`` and others: each a name and a state. ``volumes``: the nodes with the
    data of ``web.myapp``, a letter for each instance.
    """
    entries = {KEYS.service(one.name): one.encode() for one in (wanted, OTHER, CACHE)}
    entries[KEYS.node("a")] = NodeRecord(**record).encode()
    for service, state in held:
        name = InstanceName(ServiceName(group="myapp", service=service), 1)
        entries[KEYS.claim(name)] = ClaimRecord("a", State(state)).encode()
    if cordon is not None:
        entries[KEYS.cordon("a")] = cordon
    for number, node in enumerate(volumes, 1):
        entries[KEYS.volumes(InstanceName(wanted.name, number))] = VolumeRecord(node, ("data",)).encode()
    made = Cluster(KEYS)
    made.replace(Listing(1, 9, tuple(Entry(key, value, 5, 5, 77) for key, value in entries.items())))
    return made


class ReasonTests(SynchronousTestCase):
    """One reason for each kind of refusal, in words with the numbers that it is about."""

    def expect(self, bar: Bar, text: str, *held: tuple[str, str], wanted: Definition, **known: Any) -> None:
        found = refusal(cluster(wanted, *held, **known), wanted, "a")
        assert found is not None
        self.assertEqual((found.bar, found.text), (bar, text))

    def test_node(self) -> None:
        """A node that takes nothing at all says why."""
        wanted = definition(instances=2)
        self.expect(Bar.NOT_READY, "not ready: no beat yet", wanted=wanted, ready=False, unready="no beat yet")
        self.expect(Bar.CORDONED, "it is cordoned", wanted=wanted, cordon=b"")
        self.expect(Bar.DRAINING, "it is drained", wanted=wanted, cordon=asking_to_drain())
        found = refusal(cluster(wanted), wanted, "elsewhere")
        self.assertEqual(found and found.bar, Bar.ABSENT)

    def test_definition(self) -> None:
        """A constraint is said with what the node has, and a privilege by its name."""
        wanted = definition(Placement={"Constraints": ["zone == x"]})
        self.expect(Bar.CONSTRAINT, "zone == x is not met: it has no label zone", wanted=wanted)
        self.expect(Bar.CONSTRAINT, "zone == x is not met: its zone is y", wanted=wanted, labels={"zone": "y"})
        needy = definition(Container={"Privileged": True})
        self.expect(Bar.PRIVILEGE, "it does not allow privileged", wanted=needy, allow=("binds",))

    def test_room(self) -> None:
        """The needs of an instance stand beside what is left of the node."""
        wanted = definition(Container={"Memory": 256 * MIB})
        text = "an instance needs 256 MiB of memory, 212 MiB are left"
        self.expect(Bar.MEMORY, text, ("db", "running"), wanted=wanted, memory=512 * MIB)
        wanted = definition(Container={"NanoCpus": 750_000_000})
        text = "an instance needs 0.75 processors, 0.5 are left"
        self.expect(Bar.CPUS, text, ("db", "running"), wanted=wanted, cpus=2)

    def test_ports(self) -> None:
        """A host port is taken by another service's instance, or by one of this service."""
        wanted = definition(instances=2, Container=fixing(5432))
        others = ("cache", "running"), ("db", "running"), ("gone", "running")
        self.expect(Bar.PORT, "host port 5432/tcp is taken there by db.myapp", *others, wanted=wanted)
        text = "it has one already: host port 5432/tcp goes to one instance of a node"
        self.expect(Bar.ONE_PER_NODE, text, ("web", "running"), wanted=wanted)

    def test_one_per_node(self) -> None:
        """A service that spreads says so."""
        wanted, text = definition(instances=2, Placement={"OnePerNode": True}), "it has one already: OnePerNode"
        self.expect(Bar.ONE_PER_NODE, f"{text} allows no second", ("web", "running"), wanted=wanted)

    def test_volumes(self) -> None:
        """Where the data of all free instances is on other nodes they are named, of many the first three."""
        three = "the data is elsewhere: of 1.web.myapp on x, 2.web.myapp on y, 3.web.myapp on x"
        unknown = "the data is elsewhere: of 1.web.myapp on an unknown node"
        for instances, nodes, text in (
            (3, "xy", None),
            (3, "xya", None),
            (3, "xyx", three),
            (5, "xyxyy", f"{three} and 2 more"),
            (1, UNKNOWN, unknown),
        ):
            wanted = definition(instances=instances, Container={"Volumes": ["data:/data"]})
            found = refusal(cluster(wanted, volumes=nodes), wanted, "a")
            self.assertEqual(found and (found.bar, found.text), text and (Bar.VOLUME, text))

    def test_failures(self) -> None:
        """A node on which the service, or nothing, starts is ranked last and says so."""
        wanted = definition(instances=2)
        self.expect(Bar.FAILING, "it has not come up there", wanted=wanted, fails=("web.myapp",))
        self.expect(Bar.FAILING, "it has not come up there", ("web", "backing-off"), wanted=wanted)
        self.expect(Bar.DARK, "nothing starts there: the disk is full", wanted=wanted, trouble="the disk is full")

    def test_none(self) -> None:
        """A node that would take one more has no reason."""
        wanted = definition(instances=2)
        self.assertIsNone(refusal(cluster(wanted, ("web", "running")), wanted, "a"))
        all_placed = definition(instances=1)
        self.assertIsNone(refusal(cluster(all_placed, ("web", "running")), all_placed, "a"))


class AgreementTests(SynchronousTestCase):
    """The reasons are those of placement."""

    def test_placement(self) -> None:
        """In all combinations a node is refused here exactly if placement does not rank it."""
        members: list[dict[str, Any]] = [{}, {"Placement": {"Constraints": ["zone == x"], "OnePerNode": True}}]
        containers: list[dict[str, Any]] = [{}, {"Privileged": True}, fixing(5432), {"Memory": 256 * MIB}]
        containers.append({"NanoCpus": 750_000_000})
        records: list[dict[str, Any]] = [{}, {"ready": False}, {"labels": {"zone": "x"}}, {"allow": ()}]
        records += [{"memory": 512 * MIB, "cpus": 2}, {"fails": ("web.myapp",)}, {"trouble": "full"}]
        held = [(), (("db", "running"),), (("web", "running"),), (("web", "backing-off"), ("db", "running"))]
        refused = Counter[bool]()
        for extra, container, record, there, cordon in product(members, containers, records, held, (None, b"")):
            wanted = definition(instances=3, Container=container, **extra)
            known = cluster(wanted, *there, cordon=cordon, **record)
            claims = known.claims(wanted.name)
            counted = Counter(claim.node for claim in claims.values())
            ranking = rank(vacancies(wanted, claims), wanted, counted, candidates(known))
            found = refusal(known, wanted, "a")
            out = found is not None and found.bar not in (Bar.FAILING, Bar.DARK)
            self.assertEqual(out, "a" not in ranking.takers, (extra, container, record, there, cordon, found))
            refused[out] += 1
        self.assertGreater(min(refused.values()), 50)
