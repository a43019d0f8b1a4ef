"""
Images for other nodes: what this node's Engine has by a name, and its archive. See docs/design/images.rst.

Note [Who may have an image]
    A node that lacks it, and shows the certificate whose fingerprint stands in its record: agents may not write tokens.
    It may have what a definition names, because it may run that. Other images of the Engine are nobody's concern.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, Protocol

from attrs import field, frozen
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.model.errors import BadInput, DaprdockrError
from daprdockr.model.frames import MAX_CONTENT, FrameKind
from daprdockr.model.images import ImageOffer, OfferTaken, as_listed, is_image_id
from daprdockr.model.known.view import ClusterView
from daprdockr.model.session import OfferAsked
from daprdockr.peer.admission import IMAGES, SessionRefused
from daprdockr.peer.channel import AT_FAULT, PeerChannel
from daprdockr.peer.images import SIGN
from daprdockr.runtime.pool import Run
from daprdockr.runtime.timer import call_off
from daprdockr.sessions.archive import ImageArchive, read_archive
from daprdockr.sessions.handing import STALL
from daprdockr.sessions.spool import GivesImages, keep, spool

DECIDE = 20.0
"""Seconds in which a node takes an offer: it asks its own Engine first."""


class Offering(GivesImages, Protocol):
    """As ``engine.images`` does; blocking."""

    def offer(self, reference: str) -> ImageOffer | None: ...


@frozen
class Offers:
    """
    :ivar run: runs a blocking call in a thread; none waits for another node.
    :ivar directory: where an image lies until the other node has it.
    :ivar trouble: returns why the Engine answers nothing now, "" if it does. That it is silent for minutes while it
        reads an image shows nothing.
    """

    node: str
    engine: Offering
    run: Run
    directory: Path
    cluster: ClusterView
    trouble: Callable[[], str] = lambda: ""
    under_way: set[OfferSession] = field(factory=set)
    """Those that were taken, ``IMAGES`` at the most: an archive takes room on the disk, and other nodes may have it."""

    def check(self, shown: str, asked: OfferAsked) -> None:
        """See Note [Who may have an image]. :raises SessionRefused: this one may not."""
        if not shown or shown not in {node.record.fingerprint for node in self.cluster.nodes.values()}:
            raise SessionRefused(f"node {self.node} hands images to nodes, and the certificate is none of a node")
        services = self.cluster.services.values()
        if all(asked.reference != as_listed(service.definition.image) for service in services):
            raise SessionRefused(f"node {self.node} knows no definition that names image {asked.reference}")


class OfferSession:
    """One image for one node. See ``begun``."""

    log = Logger()

    def __init__(self, channel: PeerChannel, asked: OfferAsked, offers: Offers, reactor: IReactorTime) -> None:
        self._channel = channel
        self._asked = asked
        self._offers = offers
        self._taken: Deferred[OfferTaken] = Deferred()
        self._reactor = reactor
        self._stalled: IDelayedCall | None = None
        self._clear: Deferred[None] | None = None
        """Fires when more may be sent; None while it may."""
        self._is_gone = False
        self._late: IDelayedCall = reactor.callLater(DECIDE, self._fail, "the offer was not taken")
        self._signs = LoopingCall(self._sign)
        self._signs.clock = reactor

    def begun(self) -> OfferSession:
        """Offer the image in good time; return itself."""
        self._channel.send(FrameKind.ACCEPTED)
        Deferred.fromCoroutine(self._hand()).addErrback(self._failed)
        return self

    async def _hand(self) -> None:
        file: BinaryIO | None = None
        try:
            offer = await self._offer()
            taken = await self._taken
            self._begin()
            file = await self._offers.run(spool, self._offers.directory, offer.size, self._offers.node)
            await self._send(await self._archive(file, offer), taken)
        except DaprdockrError as error:
            self._channel.refuse(str(error))
        else:
            self._channel.finish(FrameKind.STATUS, b"0")
        finally:
            self._end()
            if file is not None:
                self._offers.run(file.close).addErrback(lambda _: None)  # a disk that hangs holds up no reactor

    def _begin(self) -> None:
        """:raises SessionRefused: enough are under way."""
        if len(self._offers.under_way) >= IMAGES:
            raise SessionRefused(f"node {self._offers.node} hands {IMAGES} images to other nodes now, the most it does")
        self._offers.under_way.add(self)
        self._signs.start(SIGN)

    def _sign(self) -> None:
        """Show the other node that it goes on; send it elsewhere if it does not."""
        if trouble := self._offers.trouble():
            self._stop_signs()
            self._channel.refuse(f"node {self._offers.node} cannot read the image: {trouble}")
        else:
            self._channel.send(FrameKind.OUTPUT)

    async def _offer(self) -> ImageOffer:
        if trouble := self._offers.trouble():
            raise SessionRefused(f"node {self._offers.node} cannot read the image: {trouble}")
        offer = await self._offers.run(self._offers.engine.offer, self._asked.reference)
        if offer is None:
            raise SessionRefused(f"node {self._offers.node} does not have image {self._asked.reference}")
        written = offer.encode()
        if len(written) > MAX_CONTENT:
            raise SessionRefused(f"image {self._asked.reference} has {len(offer.layers)} layers, which are too many")
        self._channel.send(FrameKind.OUTPUT, written)
        return offer

    async def _archive(self, file: BinaryIO, offer: ImageOffer) -> ImageArchive:
        run, reference = self._offers.run, self._asked.reference
        await run(keep, self._offers.engine, offer.image or reference, file, lambda: not self._is_gone)
        self._check_there()
        return await run(read_archive, file, "" if is_image_id(reference) else reference, offer.image)

    async def _send(self, archive: ImageArchive, taken: OfferTaken) -> None:
        self._stop_signs()
        self._channel.send(FrameKind.ACCEPTED, str(archive.size(taken.held)).encode())
        pieces: Iterator[bytes] = archive.pieces(taken.held)
        while (piece := await self._offers.run(_piece_of, pieces)) is not None:
            self._channel.send(FrameKind.OUTPUT, piece)
            if self._clear is not None:
                await self._clear
            self._check_there()

    def _check_there(self) -> None:
        """:raises SessionRefused: the other node is gone."""
        if self._is_gone:
            raise SessionRefused("the other node is gone")

    def frame(self, kind: FrameKind, content: bytes) -> None:
        """Take a frame. :raises BadInput: it has no use here."""
        if kind is not FrameKind.INPUT or self._taken.called:
            raise BadInput("a node that lacks an image takes the offer, and sends nothing else")
        self._taken.callback(OfferTaken.decode(content))

    def pause(self) -> None:
        if self._clear is None:
            self._clear = Deferred()
            self._stalled = self._reactor.callLater(STALL, self._channel.abort)

    def resume(self) -> None:
        waits, self._clear = self._clear, None
        call_off(self._stalled)
        if waits is not None:
            waits.callback(None)

    def gone(self) -> None:
        self._is_gone = True
        self._fail("the other node is gone")
        self.resume()

    def _fail(self, why: str) -> None:
        """End it; a no-op when the offer was taken."""
        if not self._taken.called:
            self._taken.errback(SessionRefused(why))

    def _failed(self, failure: Failure) -> None:
        self.log.failure("an image was not handed to another node", failure)
        self._channel.refuse(AT_FAULT)

    def _end(self) -> None:
        self._stop_signs()
        self._offers.under_way.discard(self)
        self._taken.addErrback(lambda _: None)  # nobody waits for it any more
        call_off(self._late)
        call_off(self._stalled)

    def _stop_signs(self) -> None:
        if self._signs.running:
            self._signs.stop()


def _piece_of(pieces: Iterator[bytes]) -> bytes | None:
    return next(pieces, None)
