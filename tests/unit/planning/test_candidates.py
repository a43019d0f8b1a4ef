"""Candidates: the nodes that may take instances, and the room left there, as the mirror shows."""

from __future__ import annotations

import json
import math
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Entry, Listing
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.revisioned import Claim
from daprdockr.model.wanted.secrets import stamped
from daprdockr.planning.candidates import Candidate, candidates, mark, runs_elsewhere
from daprdockr.planning.fitting import able, room, why_nowhere
from tests.build.values import KEYS, WEB, definition, fixing, named

GIB = 1 << 30


def cluster(*entries: tuple[str, bytes]) -> Cluster:
    made = Cluster(KEYS)
    made.replace(Listing(1, 9, tuple(Entry(key, value, 5, 5, 77) for key, value in entries)))
    return made


def node(name: str, **record: Any) -> tuple[str, bytes]:
    return KEYS.node(name), NodeRecord(**record).encode()


class CandidatesTests(SynchronousTestCase):
    def test_ready_and_not_cordoned(self) -> None:
        """A node that is not ready yet, or cordoned, is no candidate; the others come by name."""
        seen = cluster(node("b"), node("a"), node("c", ready=False), node("d"), (KEYS.cordon("d"), b""))
        self.assertEqual([candidate.name for candidate in candidates(seen)], ["a", "b"])

    def test_keys(self) -> None:
        """Secrets need a node with the keys that they are sealed to, and one that is not set needs any key at all."""
        wish = definition(Secrets=[{"Name": "x"}], Placement={"Constraints": ["zone == a"]})
        at = evolve(wish, secrets=stamped(wish.secrets, {"x": ("s", "k1")}))
        nodes = [
            Candidate(name, {"zone": zone}, 0, keys=frozenset(keys))
            for name, zone, keys in (("a", "a", ()), ("b", "a", ("k2",)), ("c", "a", ("k1", "k2")), ("d", "b", ("k1",)))
        ]
        self.assertEqual([one.name for one in able(at, nodes)], ["c"])
        self.assertEqual([one.name for one in able(wish, nodes)], ["b", "c"])
        self.assertEqual(len(able(definition(), nodes)), 4)
        self.assertIn("copy the cluster key to the nodes", why_nowhere(at, nodes[:2]))
        said = why_nowhere(at, [*nodes[:2], nodes[3]])
        self.assertEqual(said, "no node that has the key to its secrets meets zone == a")
        (found,) = candidates(cluster(node("a", keys=("k1",))))
        self.assertEqual(found.keys, {"k1"})

    def test_an_older_agent(self) -> None:
        """A node whose agent does not tell whether it is ready is; what it has is not known."""
        (found,) = candidates(cluster((KEYS.node("a"), json.dumps({"Labels": {"zone": "x"}}).encode())))
        self.assertEqual(found, Candidate("a", {"zone": "x"}, 0, math.inf, math.inf, frozenset()))

    def test_room_that_is_left(self) -> None:
        """A node's room is reduced by its instances, those it prepares to take over as well."""
        wish = definition(instances=9, Container={"Memory": GIB, "NanoCpus": 250_000_000})
        held = [(KEYS.claim(InstanceName(WEB, number)), ClaimRecord("a").encode()) for number in (1, 2)]
        taken = (KEYS.successor(InstanceName(WEB, 3)), ClaimRecord("a").encode())
        seen = cluster(node("a", memory=4 * GIB, cpus=2), (KEYS.service(WEB), wish.encode()), *held, taken)
        (found,) = candidates(seen)
        self.assertEqual((found.load, found.memory, found.cpus), (3, GIB, 1.25))

    def test_host_ports(self) -> None:
        """A fixed host port is had by one instance of a node, whatever service it is of; each protocol has its own."""
        fixed = definition(instances=9, Container=fixing(5432))
        held = KEYS.claim(InstanceName(WEB, 1)), ClaimRecord("a").encode()
        taken = KEYS.successor(InstanceName(WEB, 2)), ClaimRecord("b").encode()
        nodes = node("a"), node("b"), node("c")
        seen = candidates(cluster(*nodes, (KEYS.service(WEB), fixed.encode()), held, taken))
        for one in (fixed, named("db", Container=fixing(5432))):
            self.assertEqual(room(one, seen), {"a": 0, "b": 0, "c": 1})
        for one in (named("db", Container=fixing(5433)), named("db", Container=fixing(5432, "udp"))):
            self.assertEqual(room(one, seen), {"a": 1, "b": 1, "c": 1})
        self.assertEqual(why_nowhere(fixed, seen), "")
        reason = "no node has host port 5432/tcp free: each node has it for one instance"
        self.assertEqual(why_nowhere(fixed, seen[:2]), reason)

    def test_no_room(self) -> None:
        """Memory and processors that no node has left are the reason, with the numbers."""
        wish = definition(Container={"Memory": 2 * GIB, "NanoCpus": 1_500_000_000})
        nodes = node("a", memory=GIB, cpus=8), node("b", memory=8 * GIB, cpus=1)
        reason = "no node has 2048 MiB of memory and 1.5 processors left"
        self.assertEqual(why_nowhere(wish, candidates(cluster(*nodes))), reason)
        self.assertEqual(why_nowhere(wish, candidates(cluster(*nodes, node("c", memory=2 * GIB, cpus=2)))), "")

    def test_images(self) -> None:
        """The images that a node has are recognized by their marks."""
        (found,) = candidates(cluster(node("a", images=(mark("web:1"),))))
        self.assertIn(mark("web:1"), found.images)


class PrivilegesTests(SynchronousTestCase):
    """A definition that needs privileges goes to nodes that allow them."""

    wish = definition(Container={"Privileged": True, "Binds": ["/srv:/srv"]}, Placement={"Constraints": ["zone == x"]})

    def seen(self, **allowed: Any) -> tuple[Candidate, ...]:
        return candidates(cluster(*(node(name, allow=allow, labels={"zone": name}) for name, allow in allowed.items())))

    def test_allowed(self) -> None:
        """Only who allows all of them may take it; an older agent, which does not say, allows all."""
        seen = self.seen(x=("binds", "privileged", "runtime"))
        self.assertEqual([one.name for one in able(self.wish, seen)], ["x"])
        self.assertEqual([one.name for one in able(self.wish, self.seen(x=None))], ["x"])
        for too_little in ((), ("binds",), ("privileged",)):
            self.assertEqual(able(self.wish, self.seen(x=too_little)), [])
        self.assertEqual(len(able(definition(), self.seen(x=(), y=()))), 2)

    def test_why_nowhere(self) -> None:
        """A person reads what is missing, and what to do."""
        self.assertEqual(why_nowhere(self.wish, ()), "no node takes instances now")
        self.assertEqual(why_nowhere(self.wish, self.seen(x=None)), "")
        self.assertEqual(
            why_nowhere(self.wish, self.seen(x=("binds",), y=())),
            "no node allows binds,privileged: start an agent with --allow binds,privileged, or change the definition",
        )
        self.assertEqual(why_nowhere(self.wish, self.seen(y=None)), "no node meets zone == x")


class MarkTests(SynchronousTestCase):
    def test_runs_elsewhere(self) -> None:
        """A definition is proven by a claim of another node that runs just that one."""
        records = {
            "another node": (ClaimRecord("b", State.RUNNING, definition="d1"), True),
            "not healthy": (ClaimRecord("b", State.UNHEALTHY, definition="d1"), True),
            "this node": (ClaimRecord("a", State.RUNNING, definition="d1"), False),
            "a former definition": (ClaimRecord("b", State.RUNNING, definition="d0"), False),
            "does not start": (ClaimRecord("b", State.BACKING_OFF, definition="d1"), False),
        }
        for kind, (record, proven) in records.items():
            claims = [Claim(InstanceName(WEB, 1), record, 5, 5, 77)]
            self.assertEqual(runs_elsewhere(claims, "a", "d1"), proven, kind)

    def test_one_image_many_names(self) -> None:
        """References that are the same to the Engine have the same mark, and others have not."""
        same = ("web", "web:latest", "library/web", "docker.io/library/web:latest")
        self.assertEqual(len({mark(reference) for reference in same}), 1)
        others = ("web:1", "registry:5000/web", "me/web", "web@sha256:00", "registry:5000/web:1")
        self.assertEqual(len({mark(reference) for reference in ("web", *others)}), 6)
