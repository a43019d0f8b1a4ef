"""Records in etcd that stand under no lease: they count for nothing, and go."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.mirror.ownerless import AGAIN, DELAY, EVENTS, Ownerless
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Batch, Deleted, Entry, Listing
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.slot import SlotRecord
from tests.build.stored import events_in
from tests.build.values import KEYS, WEB, definition, instance
from tests.fakes.agents import MemoryCluster
from tests.fakes.log_lines import LogLines
from tests.fakes.run import HeldRun, LoopClock
from tests.fakes.store import MemoryStore

GHOST = ClaimRecord("ghost", state=State.RUNNING, healthy=True)
DELETED = "stood under no lease, as a copy leaves it, and was deleted"
GONE = 4 * DELAY
"""Seconds in which what nobody owns is gone."""


class MirrorTests(SynchronousTestCase):
    """Keys without a lease, as the mirror reads them."""

    def setUp(self) -> None:
        self.cluster = Cluster(KEYS)

    def test_counts_for_nothing(self) -> None:
        """Claim, succession, slot and node do not exist without a lease, whatever they say; a definition needs none."""
        for lease, there in ((0, False), (9, True)):
            entries = [
                Entry(KEYS.claim(instance(1)), GHOST.encode(), 5 + lease, 5 + lease, lease),
                Entry(KEYS.successor(instance(2)), GHOST.encode(), 5 + lease, 5 + lease, lease),
                Entry(KEYS.slot(WEB, 1), SlotRecord("ghost", instance(1), "d").encode(), 5 + lease, 5 + lease, lease),
                Entry(KEYS.node("ghost"), NodeRecord().encode(), 5 + lease, 5 + lease, lease),
                Entry(KEYS.service(WEB), definition().encode(), 5 + lease, 5 + lease),
            ]
            self.cluster.replace(Listing(1, 20 + lease, tuple(entries)))
            leased = (
                self.cluster.claims(WEB),
                self.cluster.successors(WEB),
                self.cluster.slots(WEB),
                self.cluster.nodes,
            )
            self.assertEqual([bool(one) for one in (*leased, self.cluster.services)], [*[there] * 4, True])
            self.assertEqual(len([one for one in self.cluster.broken.values() if one.ownerless]), 0 if there else 4)

    def test_written_over(self) -> None:
        """A record that loses its lease is gone at once: its last form does not stand, as a broken one's does."""
        key = KEYS.claim(instance(1))
        self.cluster.replace(Listing(1, 5, (Entry(key, GHOST.encode(), 5, 5, 9),)))
        changes = self.cluster.apply(Batch(1, 6, (Entry(key, GHOST.encode(), 5, 6, 0),)))
        self.assertEqual((self.cluster.claims(WEB), changes.services), ({}, frozenset({WEB})))
        self.assertEqual([(one.key, one.revision, one.ownerless) for one in changes.broken], [(key, 6, True)])

    def test_garbage(self) -> None:
        """Nor does it matter whether it can be read."""
        self.cluster.apply(Batch(1, 6, (Entry(KEYS.claim(instance(1)), b"{", 6, 6, 0),)))
        self.assertTrue(self.cluster.broken[KEYS.claim(instance(1))].ownerless)


class AgentTests(SynchronousTestCase):
    """Whole agents beside such records."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.store = self.cluster.store

    @property
    def events(self) -> list[str]:
        return [event.text for event in events_in(self.store)]

    def test_copied_claims(self) -> None:
        """A copy of a former cluster keeps no instance from running, and no start waits for the nodes in it."""
        for number in (1, 2):
            self.store.put(KEYS.claim(instance(number)), GHOST.encode())
        self.store.put(KEYS.successor(instance(1)), GHOST.encode())
        for ghost in ("ghost", "a"):
            self.store.put(KEYS.node(ghost), NodeRecord().encode())
        agent = self.cluster.make("a")
        self.cluster.start(agent)
        self.cluster.define(definition(instances=2))
        self.cluster.advance(12)
        self.assertEqual([str(one.instance) for one in agent.running], ["1.web.myapp", "2.web.myapp"])
        self.assertEqual({claim.node for claim in self.cluster.claims.values()}, {"a"})
        self.assertIsNone(self.store.get(KEYS.node("ghost")))
        self.assertIsNone(self.store.get(KEYS.successor(instance(1))))
        (told,) = [text for text in self.events if "no lease" in text]
        self.assertIn("(and 4 more)", told)

    def test_a_living_claim_written_over(self) -> None:
        """Its owner takes it up again, and the container is not touched."""
        agent = self.cluster.add("a")
        self.cluster.define(definition())
        self.cluster.advance(3)
        before = [one.id for one in agent.running]
        found = self.store.get(KEYS.claim(instance(1)))
        assert found is not None
        self.store.put(found.key, found.value)
        self.cluster.advance(GONE + 3)
        again = self.store.get(found.key)
        self.assertEqual((len(before), [one.id for one in agent.running]), (1, before))
        self.assertEqual(again.lease if again else 0, agent.heartbeat.lease)

    def test_drain(self) -> None:
        """A succession that nobody carries out does not keep an instance on a node that is drained."""
        first, second = self.cluster.add("a"), self.cluster.add("b")
        self.cluster.define(definition())
        self.cluster.advance(3)
        (owner,) = [one for one in (first, second) if one.running]
        self.store.put(KEYS.successor(instance(1)), GHOST.encode())
        self.store.put(KEYS.cordon(owner.settings.node), b'{"Drain":true}')
        self.cluster.advance(40)
        self.assertEqual([], owner.running)

    def test_out_of_touch(self) -> None:
        """An agent that does not believe its etcd deletes nothing, and does it when that is over."""
        agent = self.cluster.add("a")
        agent.mirror.in_touch = False
        key = KEYS.node("ghost")
        agent.mirror.note(Entry(key, NodeRecord().encode(), 10_000, self.store.put(key, NodeRecord().encode())))
        agent.ownerless.on_changes(agent.cluster.apply(Batch(1, 1, ())))
        agent.clock.advance(GONE)
        self.assertIsNotNone(self.store.get(key))
        agent.mirror.in_touch = True
        agent.clock.advance(AGAIN)
        self.assertIsNone(self.store.get(key))

    def test_refused(self) -> None:
        """An etcd that refuses it is named once; one that does not answer is not, for others do that."""
        agent = self.cluster.add("a")
        lines = LogLines(self)
        key = KEYS.node("ghost")
        self.store.put(key, NodeRecord().encode())
        agent.follower.step()
        self.store.unavailable = True
        agent.clock.advance(GONE)
        self.assertEqual(lines("were not deleted"), [])
        self.store.unavailable = False
        self.store.forbidden = (key,)
        for _ in range(3):
            agent.clock.advance(AGAIN)
        self.assertEqual(len(lines("were not deleted")), 1)
        self.store.forbidden = ()
        agent.clock.advance(AGAIN)
        self.assertIsNone(self.store.get(key))

    def test_unreadable(self) -> None:
        """A record that cannot be read, but stands under a lease, is its owner's: it is not deleted."""
        self.cluster.add("a")
        key, ghost = KEYS.claim(instance(1)), KEYS.node("ghost")
        self.store.put(key, b"{", self.store.grant(600).id)
        self.store.put(ghost, NodeRecord().encode())
        self.cluster.advance(GONE + 1)
        self.assertIsNotNone(self.store.get(key))
        self.assertIsNone(self.store.get(ghost))

    def test_written_meanwhile(self) -> None:
        """Only what was seen without a lease is deleted, not what stands there since under one."""
        agent = self.cluster.add("a")
        key = KEYS.node("ghost")
        self.store.put(key, NodeRecord().encode())
        agent.follower.step()
        self.store.put(key, NodeRecord().encode(), self.store.grant(600).id)
        agent.clock.advance(GONE)
        self.assertIsNotNone(self.store.get(key))

    def test_events(self) -> None:
        """An event without a lease, which would stay permanently, is deleted within the hour; others are not."""
        agent = self.cluster.add("a")
        left, told = KEYS.event("ghost", 1), KEYS.event("b", 2)
        self.store.put(left, b"{}")
        self.store.put(told, b"{}", self.store.grant(10 * int(EVENTS)).id)
        for _ in range(120):
            agent.clock.advance(EVENTS / 120)
        self.assertIsNone(self.store.get(left))
        self.assertIsNotNone(self.store.get(told))


class TimesTests(SynchronousTestCase):
    """When it deletes, of an agent whose etcd answers when the test says so."""

    def setUp(self) -> None:
        self.clock, self.calls, self.store = LoopClock(), HeldRun(), MemoryStore()
        self.cluster, self.told, self.chance = Cluster(KEYS), list[str](), 0.0
        self.ownerless = Ownerless(
            reactor=self.clock,
            run=self.calls,
            store=self.store,
            cluster=self.cluster,
            in_touch=lambda: True,
            chance=lambda: self.chance,
            record_event=lambda subject, text: self.told.append(f"{subject} {text}"),
        )
        self.ownerless.startService()

    def put(self, *nodes: str, leased: str = "") -> None:
        """Records of these nodes are seen at once, and of one that has a lease, and cannot be read."""
        leases = dict.fromkeys(nodes, 0) | ({leased: self.store.grant(60).id} if leased else {})
        entries = []
        for node, lease in leases.items():
            revision = self.store.put(KEYS.node(node), b"[]", lease)
            entries.append(Entry(KEYS.node(node), b"[]", revision, revision, lease))
        self.ownerless.on_changes(self.cluster.apply(Batch(1, self.store.revision, tuple(entries))))

    def search(self) -> None:
        """The first search, which finds nothing, is over."""
        self.clock.advance(DELAY)
        self.calls.end("list")

    def delete(self, node: str) -> None:
        """It is deleted, and the mirror sees that."""
        self.calls.end("commit")
        self.assertIsNone(self.store.get(KEYS.node(node)))
        self.cluster.apply(Batch(1, self.store.revision, (Deleted(KEYS.node(node), self.store.revision),)))

    def test_delay(self) -> None:
        """From one second to three, by chance, for agents that see a record at the same time."""
        self.search()
        for chance, delay in ((0.0, DELAY), (0.5, 2 * DELAY), (0.75, 2.5 * DELAY)):
            self.chance = chance
            self.put("ghost")
            self.clock.advance(delay - 0.1)
            self.assertEqual(self.calls.names, [])
            self.clock.advance(0.1)
            self.delete("ghost")
            self.clock.advance(AGAIN)

    def test_more_meanwhile(self) -> None:
        """A record that comes later, or with others that are not concerned, puts none off."""
        self.search()
        self.put("ghost", leased="another")
        self.chance = 0.5
        self.put("third")
        self.clock.advance(DELAY)
        self.assertEqual(self.calls.names, ["commit"])
        self.put("fourth")
        self.delete("ghost")
        self.delete("third")
        self.assertEqual(self.told, [f"{KEYS.node('ghost')} {DELETED} (and 1 more)"])

    def test_while_events_are_searched(self) -> None:
        """One that comes while etcd takes its time to list the events is deleted soon after, not in an hour."""
        self.clock.advance(DELAY)
        self.put("ghost")
        self.clock.advance(GONE)
        self.calls.end("list")
        self.assertEqual(self.calls.names, [])
        self.clock.advance(AGAIN)
        self.delete("ghost")
        self.assertEqual(self.told, [f"{KEYS.node('ghost')} {DELETED}"])

    def test_events_each_hour(self) -> None:
        """Events are searched an hour after the last search, whatever was deleted meanwhile."""
        self.search()
        self.put("ghost")
        self.clock.advance(DELAY)
        self.delete("ghost")
        self.clock.advance(EVENTS - DELAY - 1)
        self.assertEqual(self.calls.names, [])
        self.clock.advance(1)
        self.assertEqual(self.calls.names, ["list"])

    def test_stopped(self) -> None:
        """An agent that is stopped deletes nothing any more, nor if it was just about to."""
        self.ownerless.stopService()
        self.put("ghost")
        self.clock.advance(GONE)
        self.assertEqual((self.calls.names, self.clock.getDelayedCalls()), ([], []))

    def test_unforeseen(self) -> None:
        """An error that nobody foresaw is logged, and the next attempt comes in time."""
        self.clock.advance(DELAY)
        self.calls.take("list").arrived.errback(ZeroDivisionError())
        self.assertEqual(len(self.flushLoggedErrors(ZeroDivisionError)), 1)
        self.clock.advance(AGAIN)
        self.assertEqual(self.calls.names, ["list"])
