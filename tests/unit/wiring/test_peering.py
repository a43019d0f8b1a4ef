"""The listener for sessions, made and left out."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reconcile.other_nodes import NoOthers, OtherNodes
from daprdockr.agent.statedir import PEER, StateDir
from daprdockr.model.errors import NotFound
from daprdockr.model.session import ImageAsked
from daprdockr.model.stored.entries import Batch, Entry
from daprdockr.model.stored.node import NodeRecord
from daprdockr.peer.listener import PeerListener
from daprdockr.planning.candidates import mark
from daprdockr.sessions.client import SessionFailed
from daprdockr.wiring.composition import Composition, compose
from daprdockr.wiring.handing import images_here, offers, other_nodes, pushed
from daprdockr.wiring.real import real
from tests.build.images import IMAGE, NAME
from tests.build.settings import settings
from tests.build.stored import events_in
from tests.fakes.agents import MemoryCluster
from tests.fakes.run import LoopClock


class PeeringTests(SynchronousTestCase):
    def make(self, **changed: Any) -> Composition:
        chosen = settings("a", Path(self.mktemp()).absolute(), **changed)
        chosen.state_dir.mkdir()
        state = StateDir(chosen.state_dir)
        return compose(chosen, state, real(chosen, state, LoopClock()))

    def record(self, parts: Composition) -> NodeRecord:
        registration: Any = parts.found.member.heartbeat
        found = registration._registration._record(True)
        assert isinstance(found, NodeRecord)
        return found

    def test_on(self) -> None:
        """The node's record says where sessions are taken, and which certificate is shown there."""
        parts = self.make(peer=("10.0.0.1", 5081))
        self.assertEqual(len([part for part in parts.services if isinstance(part, PeerListener)]), 1)
        record = self.record(parts)
        assert parts.outward.peer is not None
        self.assertEqual((record.peer, record.fingerprint), ("10.0.0.1:5081", parts.outward.peer.fingerprint))
        self.assertTrue((parts.base.settings.state_dir / PEER).exists())

    def test_images(self) -> None:
        """An image is handed on to nodes by their records: one without a record is not there, one takes no sessions."""
        parts = self.make(peer=("10.0.0.1", 5081))
        cluster = parts.base.cluster
        entry = Entry(cluster.keys.node("b"), NodeRecord().encode(), 1, 1, 7)
        cluster.apply(Batch(1, 1, (entry,)))
        opened = images_here(parts.base, lambda name: None, str).open_image("5f" * 32)
        asked = ImageAsked(IMAGE, NAME, 0, 1)
        self.assertRaises(NotFound, opened, "c", asked)
        self.assertIn("takes no sessions", str(self.assertRaises(SessionFailed, opened, "b", asked)))

    def test_no_peer_images(self) -> None:
        """A node asks others for images, and is asked, unless that is off; one without a listener asks nobody."""
        peer = ("10.0.0.1", 5081)
        parts = self.make(peer=peer)
        self.assertIsInstance(other_nodes(parts.base, parts.outward.peer), OtherNodes)
        self.assertIsNotNone(offers(parts.base, str))
        parts = self.make(peer=peer, no_peer_images=True)
        self.assertIsInstance(other_nodes(parts.base, parts.outward.peer), NoOthers)
        self.assertIsNone(offers(parts.base, str))
        parts = self.make()
        self.assertIsInstance(other_nodes(parts.base, parts.outward.peer), NoOthers)

    def test_loaded(self) -> None:
        """The record names an image that was pushed a moment ago."""
        parts = self.make(peer=("10.0.0.1", 5081))
        (listener,) = (part for part in parts.services if isinstance(part, PeerListener))
        listener._admission.images.loaded(NAME)
        self.assertEqual(self.record(parts).images, (mark(NAME),))

    def test_pushed(self) -> None:
        """A push is one event, though every node that is handed the image records it."""
        cluster = MemoryCluster(self)
        for name in "ab":
            base = cluster.add(name).parts.base
            pushed(base, "5f" * 32, NAME, f"anna@desk pushes it to {name}", "anna@desk")
        cluster.advance(1)
        events = events_in(cluster.store)
        self.assertEqual(
            [(e.node, e.by, e.subject, e.text) for e in events], [("a", "anna@desk", NAME, "anna@desk pushes it to a")]
        )

    def test_off(self) -> None:
        """Without it there is neither listener nor certificate, and the record says nothing."""
        parts = self.make()
        self.assertEqual([part for part in parts.services if isinstance(part, PeerListener)], [])
        record = self.record(parts)
        self.assertEqual((record.peer, record.fingerprint), ("", ""))
        self.assertNotIn(b"Peer", record.encode())
        self.assertFalse((parts.base.settings.state_dir / PEER).exists())
