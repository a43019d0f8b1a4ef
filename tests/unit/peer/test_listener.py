"""The peer listener: where it listens, whom it opens sessions for, and how many connections it keeps."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.error import CannotListenError, ConnectionDone
from twisted.internet.testing import MemoryReactorClock
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.streams import EngineStreams
from daprdockr.model.errors import EngineSilent
from daprdockr.model.frames import FrameKind, FrameReader, written
from daprdockr.model.host import ContainerState
from daprdockr.model.images import ImageStock
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import ServiceName
from daprdockr.model.session import (
    ExecAsked,
    ForwardAsked,
    ImageAsked,
    JoinAsked,
    LogsAsked,
    OfferAsked,
    SessionAsked,
    SessionRequest,
    StockAsked,
    VolumesAsked,
    image_token_digest,
    token_digest,
)
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.entries import Batch, Entry
from daprdockr.model.stored.token import TokenRecord
from daprdockr.peer.admission import MOST, QUESTIONS, Places, SessionRefused, Tokens
from daprdockr.peer.channel import OPENING, PeerChannel
from daprdockr.peer.images import ImagesHere, ImageThreads
from daprdockr.peer.joining import JoinSession
from daprdockr.peer.listener import FOLLOW, MOST_UNKNOWN, Admission, PeerListener
from daprdockr.peer.on_this_node import OnThisNode
from daprdockr.peer.own import ListenAddress, OwnPeer
from daprdockr.sealing.certificates import self_signed
from tests.build.images import DIFFS, IMAGE, NAME
from tests.build.values import API, KEYS, WEB, instance
from tests.fakes.log_lines import LogLines
from tests.fakes.run import HeldRun, run_at_once
from tests.fakes.store import MemoryStore
from tests.fakes.wire import VANISHED, Wire, silence

PAIR = self_signed(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))


class Nothing:
    """No container."""

    def __init__(self) -> None:
        self.looked_up = 0

    def of(self, service: ServiceName) -> Mapping[int, tuple[ContainerState, ...]]:
        self.looked_up += 1
        return {}


class TakenReactor(MemoryReactorClock):
    """A reactor on whose machine ports may be taken."""

    taken = False

    def listenTCP(self, port: int, factory: Any, backlog: int = 50, interface: str = "") -> Any:  # noqa: N802  Twisted's name
        if self.taken:
            raise CannotListenError(interface, port, OSError("in use"))
        return super().listenTCP(port, factory, backlog, interface)


class LookedUp(MemoryStore):
    """A store in which something happens while it is asked."""

    during: Callable[[], object] = staticmethod(lambda: None)

    def get(self, key: str) -> Entry | None:
        self.during()
        return super().get(key)


class ListenerTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor: Any = TakenReactor()
        self.store = LookedUp()
        self.place: ListenAddress = ("10.0.0.1", 5081)
        self.nothing = Nothing()
        self.docker: Any = SimpleNamespace(ask=lambda *asked: self.answer)
        self.answer: Deferred[Any] = Deferred()
        cluster = Cluster(KEYS)
        entry = Entry(KEYS.claim(instance(1)), ClaimRecord("a").encode(), 1, 5, 7)
        cluster.apply(Batch(1, 5, (entry,)))
        here = OnThisNode("a", self.nothing, cluster, cast(EngineStreams, self.docker), lambda *event: None)
        places = Places(
            "a",
            {one: 1 for one in MOST} | {LogsAsked: 2},
        )
        tokens = Tokens(lambda *call, **named: self.run_call(*call, **named), self.store, KEYS, "a")
        own = OwnPeer(PAIR, lambda: (self.place, self.place))
        directory = Path(self.mktemp())
        directory.mkdir()
        self.pushed: list[tuple[str, str, str, str]] = []
        self.engine = SimpleNamespace(stock=lambda *asked: ImageStock(1))
        images = ImagesHere(
            node="a",
            engine=cast(Any, self.engine),
            threads=ImageThreads(run_at_once, run_at_once),
            directory=directory,
            open_image=cast(Any, None),
        )
        self.offers: Any = SimpleNamespace(
            check=self.check,
            engine=SimpleNamespace(offer=None),
            run=lambda *_: Deferred(),
            node="a",
            trouble=str,
            under_way=set(),
        )
        offers = cast(Any, self.offers if self.hands else None)
        pushed = lambda *pushed: self.pushed.append(pushed)  # noqa: E731
        admission = Admission(tokens, places, images, self.joining, offers, pushed)
        self.listener = PeerListener(reactor=self.reactor, own=own, admission=admission, here=here)

    joining: Any = None
    hands = True
    run_call: Any = staticmethod(run_at_once)
    """Runs a call to the store."""

    def check(self, shown: str, asked: OfferAsked) -> None:
        if shown != "":
            raise SessionRefused("not for you")

    def join(self, during: Callable[[PeerChannel], object] = lambda channel: None) -> tuple[FrameKind, str] | None:
        """
        Ask to join, with a token that was handed out; what comes first, None if nothing does.

        :param during: happens while the token is looked up.
        """
        token = "5f" * 32
        key = KEYS.invitation(token_digest(token))
        self.store.put(key, TokenRecord("a").encode(), self.store.grant(3600).id)
        channel, wire = self.connected()
        request = SessionRequest(token, JoinAsked("b", "10.0.0.2", "request"))
        self.store.during = lambda: during(channel)
        channel.dataReceived(written(FrameKind.ASK, request.encode()))
        return self.first(wire) if wire.value() else None

    def connected(self) -> tuple[PeerChannel, Wire]:
        channel, wire = self.listener.channel(), Wire()
        channel.makeConnection(wire)
        return channel, wire

    def ask(
        self, number: int, follow: bool = True, asked: SessionAsked | None = None, channels: Any = None
    ) -> tuple[PeerChannel, Wire]:
        """Ask for the log of the first instance, or something else, with a token of one's own."""
        token = f"{number:064x}"
        self.store.put(KEYS.session(token_digest(token)), TokenRecord("a").encode(), self.store.grant(30).id)
        channel, wire = self.connected()
        if channels is not None:
            channels.append(channel)
        request = SessionRequest(token, asked or LogsAsked(instance(1), follow=follow))
        channel.dataReceived(written(FrameKind.ASK, request.encode()))
        self.reactor.advance(0)
        return channel, wire

    def first(self, wire: Wire) -> tuple[FrameKind, str]:
        (kind, content), *_ = FrameReader().feed(wire.value())
        return kind, content.decode()

    def test_listens(self) -> None:
        """It listens at its address, and moves when that does."""
        self.listener.startService()
        self.assertEqual([(port, at) for port, _, _, at in self.reactor.tcpServers], [(5081, "10.0.0.1")])
        self.place = ("10.0.0.2", 5081)
        self.reactor.advance(FOLLOW)
        self.reactor.advance(FOLLOW)
        self.assertEqual(self.reactor.tcpServers[-1][3], "10.0.0.2")
        self.listener.stopService()

    def test_taken(self) -> None:
        """A port that is taken is said once, and tried again."""
        lines = LogLines(self)
        self.reactor.taken = True
        self.listener.startService()
        self.reactor.advance(FOLLOW)
        self.assertEqual(len(lines("give this agent another --peer")), 1)
        self.reactor.taken = False
        self.reactor.advance(FOLLOW)
        self.assertEqual(len(self.reactor.tcpServers), 1)

    def test_token(self) -> None:
        """A session begins for a token that is in etcd, and for no other one; a side that vanishes is found soon."""
        _, wire = self.ask(1)
        self.assertEqual(self.first(wire)[0], FrameKind.ACCEPTED)
        self.assertLessEqual(silence(wire.socket), VANISHED)
        channel, wire = self.connected()
        request = SessionRequest("5f" * 32, LogsAsked(instance(1)))
        channel.dataReceived(written(FrameKind.ASK, request.encode()))
        self.assertEqual(self.first(wire)[0], FrameKind.REFUSED)

    def test_bounded(self) -> None:
        """More than there are places for are refused in one line, until one is free; so it is after a refusal."""
        self.ask(1, follow=False)
        first, _ = self.ask(2)
        self.ask(3)
        _, wire = self.ask(4)
        self.assertIn("try again later", self.first(wire)[1])
        first.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(self.first(self.ask(5)[1])[0], FrameKind.ACCEPTED)

    def test_strangers(self) -> None:
        """Of too many connections that show no token the oldest is closed, and no session."""
        _, session = self.ask(1)
        wires = [self.connected()[1] for _ in range(MOST_UNKNOWN + 1)]
        self.assertEqual([wire.aborted for wire in wires[:2]], [True, False])
        self.assertFalse(session.aborted)

    def test_strangers_at_once(self) -> None:
        """So it is with many that connect before the reactor has closed one."""
        pairs = [self.connected() for _ in range(2 * MOST_UNKNOWN)]
        self.assertEqual(sum(not wire.aborted for _, wire in pairs), MOST_UNKNOWN)
        for channel, _ in pairs[:MOST_UNKNOWN]:
            channel.connectionLost(Failure(ConnectionDone()))
        self.assertFalse(self.connected()[1].aborted)
        self.assertFalse(pairs[-1][1].aborted)

    def test_come_and_gone(self) -> None:
        """Etcd is not asked about those that are gone before their turn, so nobody waits behind them."""
        held = self.run_call = HeldRun()
        for number in range(50):
            channel, _ = self.ask(number)
            channel.connectionLost(Failure(ConnectionDone()))
        self.assertEqual(held.names, ["get"] * QUESTIONS)
        _, wire = self.ask(50)
        held.end("get")
        held.end("commit")
        for _ in ("get", "commit"):
            held.waiting.pop().arrive()
        self.assertEqual(self.first(wire)[0], FrameKind.ACCEPTED)

    def test_slow_engine(self) -> None:
        """An Engine that answers late, or does not, ends no connection of one that has shown a token."""
        _, stranger = self.connected()
        _, wire = self.ask(1, asked=VolumesAsked())
        self.reactor.advance(OPENING)
        self.assertEqual((stranger.aborted, wire.aborted), (True, False))
        self.answer.errback(EngineSilent("the Docker Engine did not answer within 20 s"))
        self.assertEqual(self.first(wire), (FrameKind.REFUSED, "the Docker Engine did not answer within 20 s"))

    def test_changes(self) -> None:
        """Those that follow a service look for new containers when it changes here, and only then."""
        self.ask(1)
        before = self.nothing.looked_up
        self.listener.on_changes([API])
        self.assertEqual(self.nothing.looked_up, before)
        self.listener.on_changes([API, WEB])
        self.assertTrue(self.nothing.looked_up > before)

    def test_stopped(self) -> None:
        """No connection outlives the agent."""
        self.listener.startService()
        _, wire = self.ask(1)
        self.listener.stopService()
        self.assertTrue(wire.aborted)

    def test_gone_early(self) -> None:
        """A connection that is gone before its token was looked up takes no place."""
        channels: list[PeerChannel] = []
        self.store.during = lambda: channels[0].connectionLost(Failure(ConnectionDone()))
        _, wire = self.ask(1, channels=channels)
        self.assertEqual(wire.value(), b"")
        self.store.during = lambda: None
        for number in range(2, 4):
            self.assertEqual(self.first(self.ask(number)[1])[0], FrameKind.ACCEPTED)

    def test_purposes(self) -> None:
        """A command and a forward need a container that runs here; without one they are refused in one line each."""
        both: list[SessionAsked] = [ExecAsked(instance(1), ("sh",)), ForwardAsked(instance(1), 80)]
        for number, asked in enumerate(both, 1):
            kind, text = self.first(self.ask(number, asked=asked)[1])
            self.assertEqual(kind, FrameKind.REFUSED)
            self.assertIn("1.web.myapp has no container that runs on a", text)

    def test_stock(self) -> None:
        """A command line that would push an image learns how much of it the Engine has."""
        _, wire = self.ask(1, asked=StockAsked(IMAGE, NAME, DIFFS))
        frames = FrameReader().feed(wire.value())
        self.assertEqual(frames[1], (FrameKind.OUTPUT, ImageStock(1).encode()))

    def test_image(self) -> None:
        """An image is taken with a token for just this one on this node, as often as it is sent, and with no other."""
        token, asked = "7a" * 32, ImageAsked(IMAGE, NAME, 0, 10)
        lease = self.store.grant(60).id
        record = TokenRecord("a", "anna@desk")
        self.store.put(KEYS.session(image_token_digest(token, "a", asked)), record.encode(), lease)
        self.store.put(KEYS.session(image_token_digest(token, "b", asked)), TokenRecord("b").encode(), lease)
        for wanted, kind in (
            (asked, FrameKind.ACCEPTED),
            (asked, FrameKind.ACCEPTED),
            (ImageAsked(IMAGE, "shop/web:2", 0, 10), FrameKind.REFUSED),
            (LogsAsked(instance(1)), FrameKind.REFUSED),
        ):
            channel, wire = self.connected()
            channel.dataReceived(written(FrameKind.ASK, SessionRequest(token, wanted).encode()))
            self.assertEqual(self.first(wire)[0], kind)
            channel.connectionLost(Failure(ConnectionDone()))
        text = f"anna@desk pushes this image from {channel.client}"
        self.assertEqual(self.pushed, [(token_digest(token), NAME, text, "anna@desk")] * 2)

    def test_offer(self) -> None:
        """A node that is known by its certificate is offered an image, as many at once as there are places."""
        self.assertEqual(self.first(self.wanted())[0], FrameKind.ACCEPTED)
        self.assertIn("offers of images under way", self.first(self.wanted())[1])

    def test_offer_refused(self) -> None:
        """A node that may not have it is refused, and takes no place."""
        self.offers.check = lambda shown, asked: self.check("somebody", asked)
        self.assertEqual(self.first(self.wanted()), (FrameKind.REFUSED, "not for you"))
        self.offers.check = self.check
        self.assertEqual(self.first(self.wanted())[0], FrameKind.ACCEPTED)

    def wanted(self) -> Wire:
        channel, wire = self.connected()
        channel.dataReceived(written(FrameKind.ASK, SessionRequest("", OfferAsked(NAME)).encode()))
        return wire

    def test_join_nowhere(self) -> None:
        """A node without a member of etcd admits no hosts."""
        self.assertEqual(self.join(), (FrameKind.REFUSED, "this node admits no hosts: it has no member of etcd"))


class UnsharedListenerTests(ListenerTests):
    """A listener that hands no images does all the rest too."""

    hands = False

    def test_offer(self) -> None:
        """Nobody is offered an image."""
        self.assertIn("node a hands no images to other nodes", self.first(self.wanted())[1])

    def test_offer_refused(self) -> None:
        """Nobody is refused in another way."""
        self.test_offer()


class JoiningListenerTests(ListenerTests):
    """A listener that admits hosts does all the rest too."""

    def joining(self, channel: PeerChannel, asked: JoinAsked) -> JoinSession:
        never: Any = SimpleNamespace(admit=None)
        return JoinSession(channel, asked, never, lambda call, *words: Deferred())

    def test_join_nowhere(self) -> None:
        """A host with a token is let in, as many at once as there are places; without one it is not."""
        self.assertEqual(self.join(), (FrameKind.ACCEPTED, ""))
        refused = self.join()
        assert refused is not None
        self.assertIn("try again later", refused[1])
        channel, wire = self.connected()
        request = SessionRequest("6a" * 32, JoinAsked("b", "10.0.0.2", "request"))
        channel.dataReceived(written(FrameKind.ASK, request.encode()))
        self.assertIn("has expired", self.first(wire)[1])

    def test_join_gone_early(self) -> None:
        """A host that is gone before its token was looked up takes no place."""
        self.assertIsNone(self.join(lambda channel: channel.connectionLost(Failure(ConnectionDone()))))
        self.assertEqual(self.join(), (FrameKind.ACCEPTED, ""))
