"""The containers of this node, as sessions ask for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.streams import EngineStreams
from daprdockr.model.host import ContainerState, Status
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.entries import Batch, Entry
from daprdockr.peer.admission import SessionRefused
from daprdockr.peer.on_this_node import OnThisNode
from tests.build.situations import container
from tests.build.values import KEYS, instance


class Found:
    def __init__(self, *containers: ContainerState) -> None:
        self.containers = containers

    def of(self, service: ServiceName) -> Mapping[int, tuple[ContainerState, ...]]:
        return {1: self.containers}


class OnThisNodeTests(SynchronousTestCase):
    def here(self, *containers: ContainerState) -> OnThisNode:
        cluster = Cluster(KEYS)
        entry = Entry(KEYS.claim(instance(1)), ClaimRecord("a").encode(), 1, 5, 7)
        cluster.apply(Batch(1, 5, (entry,)))
        engine = cast(EngineStreams, None)
        return OnThisNode("a", Found(*containers), cluster, engine, lambda *event: None)

    def test_running(self) -> None:
        """Of two copies that run it is the newer one; one that does not run is none."""
        old, new = evolve(container("old"), started=1.0), evolve(container("new"), started=2.0)
        self.assertEqual(self.here(new, old).running(instance(1)), new)
        ended = evolve(new, status=Status.EXITED)
        self.assertEqual(self.here(ended, old).running(instance(1)), old)
        refusal = self.assertRaises(SessionRefused, self.here(ended).running, instance(1))
        self.assertIn("daprdockrcmd why 1.web.myapp", str(refusal))

    def test_claimed(self) -> None:
        """A claim of this node counts, and no other one."""
        here = self.here()
        self.assertTrue(here.is_claimed(instance(1)))
        self.assertFalse(here.is_claimed(instance(2)))
        self.assertFalse(evolve(here, node="b").is_claimed(instance(1)))
