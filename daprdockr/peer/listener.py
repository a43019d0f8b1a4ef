"""
The peer listener: sessions over TLS, for all who can write to etcd. docs/design/peer.rst has the reasons.

An address that is taken, or not there yet, is tried again: an agent that cannot be asked for logs does all the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IAddress, IListeningPort
from twisted.internet.protocol import Factory
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory

from daprdockr.model.names import ServiceName
from daprdockr.model.session import (
    BackupAsked,
    ContainerAsked,
    ExecAsked,
    ForwardAsked,
    ImageAsked,
    JoinAsked,
    OfferAsked,
    RestoreAsked,
    SessionRequest,
    StockAsked,
    VolumesAsked,
    token_digest,
)
from daprdockr.model.stored.token import TokenRecord
from daprdockr.peer.admission import Places, SessionRefused, Tokens, Turns
from daprdockr.peer.archives import BackupSession, RestoreSession
from daprdockr.peer.channel import OpenSession, PeerChannel
from daprdockr.peer.commands import CommandSession
from daprdockr.peer.forwards import ForwardSession
from daprdockr.peer.images import ImageSession, ImagesHere
from daprdockr.peer.joining import JoinSession
from daprdockr.peer.logs import LogSession
from daprdockr.peer.offering import Offers, OfferSession
from daprdockr.peer.on_this_node import OnThisNode
from daprdockr.peer.own import ListenAddress, OwnPeer
from daprdockr.peer.stock import StockSession
from daprdockr.peer.volumes import VolumesSession
from daprdockr.runtime.lasting import lasting
from daprdockr.runtime.logged_once import LoggedOnce
from daprdockr.runtime.probing import OF_SESSION

FOLLOW = 3.0
"""Seconds between two attempts to listen."""

MOST_UNKNOWN = 256
"""Connections that have shown no token yet; of more the oldest is closed."""


@frozen
class Admission:
    """
    The tokens that open a session, and the room for sessions; ``joining`` returns a session in which a host joins, or
    is None where this node admits none; ``images`` are those of this node's Engine, and ``offers`` those that other
    nodes may have, None where they may have none. ``pushed`` takes an event for people: the digest of a token, which is
    the same on all nodes that are handed an image, the name of the image, one sentence, and who did it.
    """

    tokens: Tokens
    places: Places
    images: ImagesHere
    joining: Callable[[PeerChannel, JoinAsked], JoinSession] | None = None
    offers: Offers | None = None
    pushed: Callable[[str, str, str, str], None] = lambda digest, image, text, by: None


class PeerListener(Service):
    """Listens where ``own`` says, and opens the sessions that are asked for."""

    log = Logger()

    def __init__(self, *, reactor: Any, own: OwnPeer, admission: Admission, here: OnThisNode) -> None:
        self._reactor = reactor
        self._own = own
        self._admission = admission
        self._here = here
        self._port: IListeningPort | None = None
        self._bound: ListenAddress | None = None
        self._follow = lasting(reactor, self._listen, "the peer listener could not be opened")
        self._channels: dict[PeerChannel, SessionRequest | None] = {}
        self._followed: dict[PeerChannel, LogSession] = {}
        self._turns = Turns()
        self._untaken = LoggedOnce(lambda why: self.log.warn("sessions are not taken: {why}", why=why))

    def startService(self) -> None:
        super().startService()
        self._follow.start(FOLLOW)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        if self._follow.running:
            self._follow.stop()
        for channel in list(self._channels):
            channel.abort()
        return self._close()

    def _close(self) -> Deferred[None]:
        port, self._port, self._bound = self._port, None, None
        stopped: Any = port.stopListening() if port is not None else None
        return stopped if isinstance(stopped, Deferred) else succeed(None)

    def _listen(self) -> Deferred[None] | None:
        wanted, _ = self._own.where()
        if wanted == self._bound:
            return None
        if self._port is not None:
            return self._close()  # and listen at the next turn
        address, number = wanted
        factory: Any = TLSMemoryBIOFactory(self._own.options(), False, Channels(self))
        factory.noisy = False
        try:
            self._port = self._reactor.listenTCP(number, factory, interface=address)
            self._bound = wanted
            self._untaken.found("")
        except CannotListenError as error:
            self._untaken.found(f"{error}; give this agent another --peer")
        return None

    def on_changes(self, services: Iterable[ServiceName]) -> None:
        """Take note that containers of these services came or went: who follows their logs reads the new ones too."""
        if self._followed:
            changed = set(services)
            for logs in [one for one in self._followed.values() if one.instance.service in changed]:
                logs.on_changes()

    def channel(self) -> PeerChannel:
        """Return the channel of a new connection."""
        unknown = [channel for channel, request in self._channels.items() if request is None]
        if len(unknown) >= MOST_UNKNOWN:
            unknown[0].abort()  # which the reactor does later, and many may connect until then
            self._ended(unknown[0])
        channel = PeerChannel(self._reactor, self._open, self._ended)
        self._channels[channel] = None
        return channel

    def _open(self, channel: PeerChannel, request: SessionRequest) -> Deferred[OpenSession]:
        return Deferred.fromCoroutine(self._begin(channel, request))

    async def _begin(self, channel: PeerChannel, request: SessionRequest) -> OpenSession:
        """:raises SessionRefused, EngineError: it does not begin."""
        asked = request.asked
        if isinstance(asked, JoinAsked) and self._admission.joining is None:
            raise SessionRefused("this node admits no hosts: it has no member of etcd")
        if isinstance(asked, OfferAsked):
            return self._offer_session(channel, request, asked)
        await self._turns.take(channel)
        try:
            record = await self._admission.tokens.known(request)
        finally:
            self._turns.end()
        if channel not in self._channels:
            raise SessionRefused("the other side is gone")
        self._take_place(channel, request)
        if isinstance(asked, StockAsked | ImageAsked):
            return self._image_session(channel, asked, request.token, record.by)
        if isinstance(asked, JoinAsked):
            return self._join_session(channel, asked)
        return await self._session(channel, asked, record)

    def _take_place(self, channel: PeerChannel, request: SessionRequest) -> None:
        """:raises SessionRefused: there is none."""
        self._admission.places.take(request.asked)
        self._channels[channel] = request
        channel.admit()
        OF_SESSION.begin(channel.transport.socket)

    def _offer_session(self, channel: PeerChannel, request: SessionRequest, asked: OfferAsked) -> OpenSession:
        """:raises SessionRefused: the other side is no node, or may not have this image."""
        offers = self._admission.offers
        if offers is None:
            raise SessionRefused(f"node {self._here.node} hands no images to other nodes")
        offers.check(channel.shown, asked)
        self._take_place(channel, request)
        return OfferSession(channel, asked, offers, self._reactor).begun()

    def _image_session(self, channel: PeerChannel, asked: StockAsked | ImageAsked, token: str, by: str) -> OpenSession:
        images = self._admission.images
        if isinstance(asked, StockAsked):
            return StockSession(channel, asked, images, self._reactor).begun()
        text = f"{by or 'somebody'} pushes this image from {channel.client}"
        self._admission.pushed(token_digest(token), asked.reference or asked.image, text, by)
        return ImageSession(channel, asked, token, images, self._reactor).begun()

    def _join_session(self, channel: PeerChannel, asked: JoinAsked) -> OpenSession:
        assert self._admission.joining is not None
        joining = self._admission.joining(channel, asked)
        joining.begin()
        return joining

    async def _session(self, channel: PeerChannel, asked: ContainerAsked, record: TokenRecord) -> OpenSession:
        if isinstance(asked, ExecAsked):
            command = CommandSession(channel, asked, self._here, self._reactor)
            await command.begin(record.by)
            return command
        if isinstance(asked, ForwardAsked):
            forward = ForwardSession(channel, asked, self._here, self._reactor)
            await forward.begin(record.by)
            return forward
        if isinstance(asked, BackupAsked):
            backup = BackupSession(channel, asked, self._here)
            await backup.begin(record.by)
            return backup
        if isinstance(asked, RestoreAsked):
            restore = RestoreSession(channel, asked, self._here)
            await restore.begin(record.by)
            return restore
        if isinstance(asked, VolumesAsked):
            volumes = VolumesSession(channel, self._here)
            await volumes.begin()
            return volumes
        logs = LogSession(channel, asked, self._here, self._reactor)
        logs.begin()
        if asked.follow:
            self._followed[channel] = logs
        return logs

    def _ended(self, channel: PeerChannel) -> None:
        self._followed.pop(channel, None)
        request = self._channels.pop(channel, None)
        if request is not None:
            self._admission.places.give_back(request.asked)
        self._turns.give_up(channel)


class Channels(Factory):
    """Makes the channel of each connection, within its TLS."""

    noisy = False

    def __init__(self, listener: PeerListener) -> None:
        self._listener = listener

    def buildProtocol(self, addr: IAddress | None) -> PeerChannel:
        return self._listener.channel()
