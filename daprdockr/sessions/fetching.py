"""
An image taken from another node: asked for, received into a file, and loaded. Blocking. See docs/design/images.rst.

Note [Nothing is trusted but the record]
    The node that hands the image is the one whose certificate its record names. Its archive is read as one that anybody
    pushes: the id is the digest of the configuration, and the Engine compares the layers with that.

Note [Room before it is saved]
    The other node saves the whole image before it can say how large its archive is. So the room here is compared before
    with the size that it offers: that of all layers unpacked, of which an archive has a little more. Where some layers
    are here, or the other Engine stores them compressed, nobody knows the size before; then the archive's own counts.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import BinaryIO, Protocol

from attrs import frozen

from daprdockr.model.errors import DaprdockrError, DiskError
from daprdockr.model.frames import FrameKind, written
from daprdockr.model.images import ImageOffer, ImageStock, OfferTaken, is_image_id
from daprdockr.model.session import OfferAsked, SessionRequest
from daprdockr.model.stored.certificate import CertificatePair
from daprdockr.model.stored.node import NodeRecord
from daprdockr.sessions.archive import read_archive
from daprdockr.sessions.client import PeerSession, SessionFailed, open_session
from daprdockr.sessions.handing import STALL
from daprdockr.sessions.spool import TakesImages, check_room, load, spool

ANSWER = 5.0
"""Seconds in which a node says what it offers."""

LONGEST_FETCH = 1800.0
"""Seconds that a node may take for one image, however steadily it comes."""


class Fetched(TakesImages, Protocol):
    """As ``engine.images`` does."""

    def stock(self, image: str, reference: str, layers: tuple[str, ...]) -> ImageStock: ...

    def platform(self) -> str: ...


@frozen
class Offered:
    """The offer of a node, and the session in which it can be taken; one that is not taken has to be closed."""

    session: PeerSession
    offer: ImageOffer


@frozen
class Fetching:
    """
    :ivar own: the certificate by which other nodes know this one.
    :ivar directory: where an image lies until it is loaded.
    :ivar clock: monotonic seconds.
    """

    node: str
    own: CertificatePair
    engine: Fetched
    directory: Path
    clock: Callable[[], float]

    def offered(self, node: str, record: NodeRecord, reference: str) -> Offered:
        """Ask a node what it has by this name. :raises DaprdockrError: it has nothing, refuses, or does not answer."""
        session = open_session(node, record, lambda: SessionRequest("", OfferAsked(reference)), self.own)
        try:
            session.connection.settimeout(ANSWER)
            for kind, content in session.frames(self._limit(f"node {node} did not say what it has", ANSWER)):
                if kind is FrameKind.OUTPUT:
                    return Offered(session, ImageOffer.decode(content))
            raise SessionFailed(f"node {node} does not answer as an agent does: use the same version on both sides")
        except BaseException:
            session.close()
            raise

    def take(self, offered: Offered, reference: str) -> int:
        """
        Take what a node offers, load it by its name, and return how many octets came; the session is closed then.

        :raises DiskError: this node has no room, or its Engine lost the image; another node's copy would not help.
        :raises DaprdockrError: the node is lost or refuses, or the Engine here does not take the image.
        """
        session, offer = offered.session, offered.offer
        with closing(session):
            held = self.engine.stock(offer.image or reference, "", offer.layers).held
            if held == 0 and offer.image:
                self._check_room(offer.size)
            try:
                session.connection.settimeout(STALL)
                session.connection.sendall(written(FrameKind.INPUT, OfferTaken(held).encode()))
            except OSError as error:
                raise session.lost(error) from None
            file, size = self._received(session)
        with file:
            archive = read_archive(file, "" if is_image_id(reference) else reference, offer.image)
            load(self.engine, archive, held)
        return size

    def _limit(self, failure: str, seconds: float) -> Callable[[], None]:
        """Return what raises SessionFailed so many seconds from now: a node may go on sending without an end."""
        until = self.clock() + seconds

        def check() -> None:
            if self.clock() > until:
                raise SessionFailed(f"{failure} within {seconds:g} s")

        return check

    def _check_room(self, size: int) -> None:
        """:raises DiskError: there is too little: Note [Room before it is saved]."""
        try:
            check_room(self.directory, size, self.node)
        except OSError as error:
            raise DiskError(f"node {self.node} has no place for the image: {error.strerror}") from None

    def _received(self, session: PeerSession) -> tuple[BinaryIO, int]:
        """Return the file with the archive, and its size. :raises DaprdockrError: it did not arrive."""
        file: BinaryIO | None = None
        size = came = 0
        limit = self._limit(f"node {session.node} did not send the image", LONGEST_FETCH)
        try:
            for kind, content in session.frames(limit):
                if kind is FrameKind.ACCEPTED and file is None:
                    size = _size(content, session.node)
                    file = spool(self.directory, size, self.node)
                elif kind is FrameKind.OUTPUT and file is not None:
                    came += len(content)
                    if came > size:
                        break
                    file.write(content)
            if file is None or came != size:
                raise SessionFailed(f"node {session.node} sent another size than it announced")
            return file, size
        except OSError as error:
            _close(file)
            raise DiskError(f"the image cannot be written to the disk: {error.strerror}") from None
        except DaprdockrError:
            _close(file)
            raise


def _size(content: bytes, node: str) -> int:
    if not content.isdigit() or len(content) > 16:
        raise SessionFailed(f"node {node} does not say how large the image is")
    return int(content)


def _close(file: BinaryIO | None) -> None:
    if file is not None:
        file.close()
