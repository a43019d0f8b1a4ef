"""The page of an agent in memory: what it runs, what happened, and what etcd's absence changes."""

from __future__ import annotations

from typing import Any

from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import getChildForRequest
from twisted.web.test.requesthelper import DummyRequest

from daprdockr.api.page import UnchangingFile
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.history import RevisionRecord
from daprdockr.model.stored.renewal import RenewalRecord
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.page.assets import ASSETS
from daprdockr.wiring.api_listening import served
from daprdockr.wiring.paging import REST, Examined, Paging, paging
from tests.build.values import API, HTTP, KEYS, WEB, definition
from tests.build.whole import WholeCase


class LocalRequest(DummyRequest):
    """A request that came by loopback."""

    def getHost(self) -> IPv4Address:  # noqa: N802  Twisted's name
        return IPv4Address("TCP", "127.0.0.1", 5080)


class Streamed(LocalRequest):
    """A request of one who follows."""

    args: dict[bytes, list[bytes]] = {}
    channel = None

    def registerProducer(self, producer: Any, streaming: bool) -> None:  # noqa: N802  Twisted's name
        """The transport in memory never stalls."""


class ExaminedTests(SynchronousTestCase):
    def test_due(self) -> None:
        """A page is examined when a source of it has changed, and once in a while."""
        clock = Clock()
        examined = Examined(clock.seconds)
        self.assertEqual([examined.is_due(source) for source in (1, 1, 2, 2)], [True, False, True, False])
        clock.advance(REST)
        self.assertEqual([examined.is_due(2), examined.is_due(2)], [True, False])


class PagingTests(WholeCase):
    def setUp(self) -> None:
        super().setUp()
        self.parts = self.agent.parts

    def written(self, parts: Paging) -> str:
        return self.successResultOf(Deferred.fromCoroutine(parts.write()))

    def test_page(self) -> None:
        """Services, instances and nodes are there as they are in etcd now."""
        self.cluster.define(definition(instances=2))
        self.cluster.advance(3)
        text = self.written(paging(self.parts))
        for words in ('id="node-a"', 'id="service-web.myapp"', "2 of 2 healthy", "All is well"):
            self.assertIn(words, text)

    def test_service(self) -> None:
        """The page of a service has its instances; one that is not defined has none."""
        self.cluster.define(definition(instances=2))
        self.cluster.advance(3)
        parts = paging(self.parts)
        text = self.successResultOf(Deferred.fromCoroutine(parts.write_service(WEB)))
        self.assertIn("2 of 2 instances healthy", str(text))
        self.assertIsNone(self.successResultOf(Deferred.fromCoroutine(parts.write_service(API))))

    def test_way_back(self) -> None:
        """A service whose rollout has stopped can go back to a definition that was healthy, as ``why`` says."""
        self.cluster.define(definition("web:2"))
        self.cluster.advance(3)
        present = self.agent.cluster.services[WEB].definition
        record = RolloutRecord(RolloutState.PAUSED, to=present.digest, reason="it is not healthy")
        self.cluster.store.put(KEYS.rollout(WEB), record.encode())
        self.cluster.store.put(KEYS.revision(WEB, 1), RevisionRecord(definition("web:1"), 1.0, "anna", True).encode())
        self.cluster.advance(1)
        text = self.successResultOf(Deferred.fromCoroutine(paging(self.parts).write_service(WEB)))
        self.assertIn("or go back: daprdockrcmd rollback web.myapp", str(text))

    def test_deleted_meanwhile(self) -> None:
        """A service that is deleted while its history is read has no page any more."""
        self.cluster.define(definition())
        self.cluster.advance(3)
        parts, reading = paging(self.parts), Deferred[None]()
        parts.recent.refresh = lambda: reading  # type: ignore[method-assign]
        writing = Deferred.fromCoroutine(parts.write_service(WEB))
        self.cluster.delete(WEB)
        self.cluster.advance(1)
        reading.callback(None)
        self.assertIsNone(self.successResultOf(writing))

    def test_renewal(self) -> None:
        """A certificate by ACME that cannot be had is a thing that needs attention, with the reason."""
        self.cluster.define(definition(Http=HTTP))
        self.cluster.advance(3)
        record = RenewalRecord(error="the server refused it")
        for name in (HTTP["HostName"], "old.test"):
            self.cluster.store.put(f"{KEYS.renewals}{name}", record.encode())
        text = self.written(paging(self.parts))
        self.assertIn("One thing needs attention", text)
        self.assertIn("cannot be had: the server refused it", text)

    def test_out_of_touch(self) -> None:
        """While etcd is away the page says that it shows the last known state, which stays."""
        self.cluster.define(definition())
        self.cluster.advance(3)
        self.cluster.store.unavailable = True
        self.cluster.advance(8)
        text = self.written(paging(self.parts))
        self.assertIn("does not follow etcd now", text)
        self.assertIn("1 of 1 healthy", text)
        self.assertIn("not of now", text)

    def test_lost_node(self) -> None:
        """A node that is lost stays on the page, until it is back."""
        other = self.cluster.add("b")
        self.cluster.advance(2)
        parts = paging(self.parts)
        self.assertNotIn("its lease ended", self.written(parts))
        self.cluster.crash(other)
        self.cluster.advance(10)
        (gone,) = parts.seen().gone
        self.assertEqual((gone.name, gone.is_meant), ("b", False))
        self.cluster.succeed(other)
        self.cluster.advance(5)
        self.assertEqual(parts.seen().gone, ())

    def test_left(self) -> None:
        """A node that was cordoned when it went has left, also when its cordon is removed, as by ``leave``."""
        other = self.cluster.add("b")
        self.cluster.advance(2)
        self.cluster.store.put(KEYS.cordon("b"), b"")
        self.cluster.advance(1)
        self.cluster.crash(other)
        self.cluster.store.commit([], [Delete(KEYS.node("b")), Delete(KEYS.cordon("b"))])
        self.cluster.advance(2)
        (gone,) = paging(self.parts).seen().gone
        self.assertEqual((gone.name, gone.is_meant), ("b", True))

    def test_followed(self) -> None:
        """Those who follow the page get what changes of it, at most twice a second."""
        root = served(self.parts)
        request = Streamed([b"page", b"stream"])
        request.render(getChildForRequest(root, request))
        self.assertIn(b"event: update", request.written[0])
        self.cluster.define(definition())
        self.cluster.advance(3)
        updates = [event for event in request.written[1:] if b"event: update" in event]
        self.assertIn(b"service-web.myapp", updates[0])
        self.assertLessEqual(len(updates), 7)
        request.processingFailed(Failure(ConnectionError()))

    def test_served(self) -> None:
        """The listener has the page at its root, and the files of the page below it."""
        root = served(self.parts)
        request = LocalRequest([b""])
        request.render(getChildForRequest(root, request))
        self.assertIn(b"<!DOCTYPE html>", b"".join(request.written))
        for asset in ASSETS.values():
            found = LocalRequest([part.encode() for part in asset.path.strip("/").split("/")])
            self.assertIsInstance(getChildForRequest(root, found), UnchangingFile)
