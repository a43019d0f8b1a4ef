"""Publishing of the challenge zone."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reporting.publish_challenges import PublishChallenges
from daprdockr.dns.message.records import TXT, A
from daprdockr.dns.zone.challenge_zone import ChallengeZone, labels_of
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.renewal import ChallengeRecord
from tests.build.values import KEYS
from tests.fakes.store import MemoryStore

DIGEST = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI"


class PublishChallengesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store, self.cluster = MemoryStore(), Cluster(KEYS)
        self.publish = PublishChallenges(self.cluster)
        self.zones: list[ChallengeZone | None] = []
        self.publish.zones.subscribe(self.zones.append)

    def put(self, zone: str = "acme.test", **texts: str) -> None:
        found = {f"{name}.test": value for name, value in texts.items()}
        self.store.put(KEYS.challenge, ChallengeRecord(DIGEST, zone, found).encode())
        self.notice()

    def notice(self) -> None:
        changes = self.cluster.replace(self.store.list(KEYS.root))
        self.assertEqual(self.publish.revision == 0, self.stale())
        self.publish.on_changes(changes)
        self.assertEqual(self.publish.revision, self.cluster.revision)

    def stale(self) -> bool:
        """Whether the record in the mirror is one that was not there at the last publication."""
        before, self.known = getattr(self, "known", None), self.cluster.challenge
        return before is not self.known

    def has_text(self, name: str) -> bool:
        zone = self.zones[-1]
        return zone is not None and TXT in (zone.lookup(labels_of(name)) or {})

    def test_texts(self) -> None:
        """The zone has the texts that etcd has; nothing is reached before it is published."""
        self.put(a=DIGEST)
        self.assertTrue(self.has_text("a.test"))
        self.put()
        self.assertFalse(self.has_text("a.test"))
        self.assertEqual(len(self.zones), 2)

    def test_nodes(self) -> None:
        """Its name server has the addresses of all nodes, as they come."""
        self.put()
        for node, address in (("a", "10.0.0.1"), ("b", "10.0.0.2")):
            self.store.put(KEYS.node(node), NodeRecord((address,)).encode(), self.store.grant(60).id)
        self.notice()
        zone = self.zones[-1]
        assert zone is not None
        self.assertEqual((zone.lookup((b"ns",)) or {})[A].data, ("10.0.0.1", "10.0.0.2"))

    def test_none(self) -> None:
        """Without a zone, or without ACME, there is none; nothing is sent twice."""
        self.put(zone="")
        self.assertEqual(self.zones, [])
        self.put()
        self.store.commit([], [Delete(KEYS.challenge)])
        self.notice()
        self.notice()
        self.assertEqual(self.zones[1:], [None])
