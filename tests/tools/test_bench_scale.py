"""The requests that ``make bench-scale`` counts, how it slows time down, and when it finds that all is placed."""

from __future__ import annotations

from attrs import evolve
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from benchmarks.clock import BenchFailed
from benchmarks.scale import idle_pace, read_run
from benchmarks.scale_claims import Claims
from benchmarks.scale_etcd import PROPOSALS, requests
from benchmarks.scale_pace import PacedReactor, PacedStore
from benchmarks.scale_store import (
    BEAT,
    FAILED,
    GRANT,
    LOST,
    OTHER,
    PUT,
    READ,
    SUCCESSION,
    TAKE,
    TELL,
    CountingStore,
    Tally,
    kind_of,
)
from daprdockr.etcd.pages import MOST_KEYS
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.entries import Absent, Batch, Delete, Deleted, Entry, Fence, Listing, Put
from daprdockr.model.stored.node import NodeRecord
from tests.build.values import KEYS
from tests.fakes.run import LoopClock
from tests.fakes.store import MemoryStore

CLAIM = KEYS.claim(InstanceName.parse("1.web.myapp"))
NEXT = KEYS.successor(InstanceName.parse("1.web.myapp"))


class KindTests(SynchronousTestCase):
    """The kinds of transactions."""

    def test_claims(self) -> None:
        """Creating an instance's key is a claim; its owner writes and deletes it."""
        self.assertEqual(TAKE, kind_of(KEYS, [Absent(CLAIM)], [Put(CLAIM, b"")]))
        self.assertEqual(TELL, kind_of(KEYS, [Fence(CLAIM, 3, 4)], [Put(CLAIM, b"")]))
        self.assertEqual(TELL, kind_of(KEYS, [Fence(CLAIM, 3, 4)], [Delete(CLAIM)]))

    def test_succession(self) -> None:
        """All about a successor's key is succession, the owner's change too."""
        self.assertEqual(SUCCESSION, kind_of(KEYS, [Absent(NEXT)], [Put(NEXT, b"")]))
        conditions = [Fence(CLAIM, 3), Fence(NEXT, 5, 4)]
        self.assertEqual(SUCCESSION, kind_of(KEYS, conditions, [Put(CLAIM, b""), Delete(NEXT)]))

    def test_other(self) -> None:
        """A node's record and etcd's identity are neither."""
        self.assertEqual(OTHER, kind_of(KEYS, [Absent(KEYS.node("a"))], [Put(KEYS.node("a"), b"")]))
        self.assertEqual(OTHER, kind_of(KEYS, [Absent(KEYS.identity)], [Put(KEYS.identity, b"")]))


class CountingTests(SynchronousTestCase):
    """The store that counts."""

    def setUp(self) -> None:
        self.memory, self.tally, self.clock = MemoryStore(), Tally(), Clock()
        self.store = CountingStore(self.memory, KEYS, self.tally, self.clock.seconds)

    def test_lost(self) -> None:
        """A claim that another made first is counted apart."""
        for _ in range(3):
            self.store.commit([Absent(CLAIM)], [Put(CLAIM, b"")])
        self.assertEqual({TAKE: 1, TAKE + LOST: 2}, +self.tally.so_far())

    def test_pages(self) -> None:
        """A list counts as often as etcd is asked for it."""
        for number in range(MOST_KEYS):
            self.memory.put(f"{KEYS.root}nodes/{number}", b"")
        self.store.list(KEYS.root)
        self.assertEqual(1, self.tally.so_far()[READ])
        self.memory.put(f"{KEYS.root}nodes/more", b"")
        self.store.list(KEYS.root)
        self.assertEqual(3, self.tally.so_far()[READ])

    def test_last_beat(self) -> None:
        """The last beat is the one that etcd answered while the lease lived, at the time it was sent."""
        self.clock.advance(1)
        lease = self.store.grant(6)
        self.assertEqual(1, self.store.beaten)
        self.clock.advance(2)
        self.store.keep_alive(lease.id)
        self.assertEqual(3, self.store.beaten)
        self.store.revoke(lease.id)
        self.clock.advance(2)
        self.store.keep_alive(lease.id)
        self.assertEqual(3, self.store.beaten)
        self.assertEqual((1, 2), (self.tally.so_far()[GRANT], self.tally.so_far()[BEAT]))

    def test_failed(self) -> None:
        """A call that etcd did not answer is no request that it was asked."""
        self.memory.unavailable = True
        self.assertRaises(EtcdUnavailable, self.store.put, CLAIM, b"")
        self.assertEqual({PUT + FAILED: 1}, +self.tally.so_far())


class EtcdsOwnTests(SynchronousTestCase):
    """etcd's metrics page."""

    def test_requests(self) -> None:
        """Calls count when they begin; of a stream its messages do, for a beat has a stream of its own."""
        page = "\n".join(
            [
                "# HELP grpc_server_started_total what it is",
                'grpc_server_started_total{grpc_method="Txn",grpc_service="etcdserverpb.KV",grpc_type="unary"} 12',
                'grpc_server_started_total{grpc_method="LeaseKeepAlive",grpc_type="bidi_stream"} 9',
                'grpc_server_msg_received_total{grpc_method="LeaseKeepAlive",grpc_type="bidi_stream"} 1e+03',
                'grpc_server_handled_total{grpc_code="OK",grpc_method="Txn",grpc_type="unary"} 11',
                f"{PROPOSALS} 5",
            ]
        )
        self.assertEqual({"Txn": 12, "LeaseKeepAlive": 1000}, +requests(page))


class PaceTests(SynchronousTestCase):
    """Agents whose time goes slower."""

    def test_reactor(self) -> None:
        """A second of the agents is some of the real clock, for what they read and what they wait for."""
        clock = Clock()
        paced = PacedReactor(clock, 10)
        called: list[float] = []
        paced.callLater(2, lambda: called.append(paced.seconds()))
        clock.advance(19)
        self.assertEqual([], called)
        clock.advance(1)
        self.assertEqual([2.0], called)

    def test_change(self) -> None:
        """When the pace changes, the agents' time goes on from where it was."""
        clock = Clock()
        paced = PacedReactor(clock, 10)
        clock.advance(20)
        paced.pace = 1
        self.assertEqual(2.0, paced.seconds())
        clock.advance(3)
        self.assertEqual(5.0, paced.seconds())

    def test_leases(self) -> None:
        """A lease lives for seconds of the agents."""
        memory = MemoryStore()
        store = PacedStore(memory, 10)
        lease = store.grant(6)
        self.assertEqual(6, lease.ttl)
        memory.advance(59)
        self.assertEqual(6, store.keep_alive(lease.id))
        memory.advance(61)
        self.assertEqual(0, store.keep_alive(lease.id))


class ClaimsTests(SynchronousTestCase):
    """The observer."""

    def setUp(self) -> None:
        self.clock = LoopClock()
        self.claims = Claims(KEYS, self.clock)

    def tell(self, *changes: Entry | Deleted) -> None:
        self.claims.changed(Batch(1, 1, changes))

    def entry(self, instance: str, record: ClaimRecord) -> Entry:
        return Entry(KEYS.claim(InstanceName.parse(instance)), record.encode(), 1, 1, 1)

    def test_counts(self) -> None:
        """Claims and healthy ones are counted by node, from the list on, whatever becomes of them."""
        one = self.entry("1.web.myapp", ClaimRecord("a"))
        self.claims.listed(Listing(1, 1, (one, self.entry("2.web.myapp", ClaimRecord("b", healthy=True)))))
        self.assertEqual(({"a": 1, "b": 1}, {"b": 1}), (+self.claims.held, +self.claims.well))
        self.tell(self.entry("1.web.myapp", ClaimRecord("b", healthy=True)))
        self.assertEqual(({"b": 2}, {"b": 2}), (+self.claims.held, +self.claims.well))
        self.assertEqual(2, self.claims.imbalance(frozenset({"a", "b"})))
        self.tell(Deleted(one.key, 2))
        self.assertEqual(({"b": 1}, {"b": 1}), (+self.claims.held, +self.claims.well))

    def test_nodes(self) -> None:
        """Nodes come and go with their records, which say whether they take instances."""
        key = KEYS.node("a")
        self.tell(Entry(key, NodeRecord(ready=False).encode(), 1, 1, 1))
        self.assertEqual(({"a"}, set()), (self.claims.nodes, self.claims.ready))
        self.tell(Entry(key, NodeRecord(ready=True).encode(), 1, 2, 1))
        self.assertEqual(({"a"}, {"a"}), (self.claims.nodes, self.claims.ready))
        self.tell(Deleted(key, 3))
        self.assertEqual((set(), set()), (self.claims.nodes, self.claims.ready))

    def test_waiting(self) -> None:
        """A wait ends with the change that makes its condition true."""
        done = self.claims.until(lambda claims: claims.held["a"] == 1, "a claim", 10)
        self.clock.advance(1)
        self.assertNoResult(done)
        self.tell(self.entry("1.web.myapp", ClaimRecord("a")))
        self.clock.advance(1)
        self.successResultOf(done)

    def test_already(self) -> None:
        """A condition that holds already needs no change."""
        done = self.claims.until(lambda claims: True, "nothing", 10)
        self.clock.advance(0)
        self.clock.advance(0)
        self.successResultOf(done)

    def test_in_vain(self) -> None:
        """A wait that takes too long fails, and says what was waited for."""
        done = self.claims.until(lambda claims: False, "a wonder", 10)
        self.clock.advance(11)
        self.assertIn("a wonder: not within 10 s", str(self.failureResultOf(done, BenchFailed).value))
        self.tell(evolve(self.entry("1.web.myapp", ClaimRecord("a"))))


class RunTests(SynchronousTestCase):
    """The words of the command line."""

    def test_read(self) -> None:
        """A run is a number of agents, and how much slower their time goes."""
        self.assertEqual((100, 1.0), (read_run("100").agents, read_run("100").pace))
        self.assertEqual((1000, 60.0), (read_run("1000:60").agents, read_run("1000:60").pace))

    def test_idle(self) -> None:
        """A hundred idle agents keep to real time; more go slower, but not more than when they are busy."""
        self.assertEqual(1.0, idle_pace(read_run("100:20")))
        self.assertEqual(10.0, idle_pace(read_run("1000:60")))
        self.assertEqual(2.0, idle_pace(read_run("1000:2")))
