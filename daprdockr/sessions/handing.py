"""
An image handed to nodes: to one of them, which hands it on to the others. docs/design/images.rst has the reasons.

Note [A node that is lost in between]
    Nodes form a tree, and each reports what became of those behind it. Where one is lost, those of which it has said
    nothing are handed the image by the one above, the next of them first. One of these may have it already: it then
    loads it a second time, which changes nothing. Each round settles at least one node, so the rounds end.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import closing

from attrs import frozen

from daprdockr.model.errors import DaprdockrError
from daprdockr.model.frames import MAX_CONTENT, FrameKind, written
from daprdockr.model.images import Receipt
from daprdockr.model.session import ImageAsked
from daprdockr.sessions.archive import ImageArchive
from daprdockr.sessions.client import PeerSession, SessionBusy

STALL = 30.0
"""Seconds without any progress after which the other side counts as lost. An agent says something far more often."""

OpenImage = Callable[[str, ImageAsked], PeerSession]
"""Opens a session with a node; raises what DaprdockrError there is."""


@frozen
class Reports:
    """Callbacks: ``handed`` takes the outcome of a node; ``sent`` a node, the octets that were sent to it, and all."""

    handed: Callable[[Receipt], None]
    sent: Callable[[str, int, int], None] = lambda node, octets, size: None


def hand(archive: ImageArchive, nodes: Mapping[str, int], open_image: OpenImage, reports: Reports) -> None:
    """
    Hand an image to the first of nodes, which hands it on to the others. See Note [A node that is lost in between].

    :param nodes: with how many of the lowest layers each has, those that lack most first.
    """
    left = dict(nodes)
    while left:
        first, held = next(iter(left.items()))
        told: set[str] = set()
        then = {node: left[node] for node in left if node != first}
        lost = Receipt(first, failed="its agent did not say what became of the image")
        try:
            asked = ImageAsked(archive.image, archive.reference, held, archive.size(held), then)
            with closing(open_image(first, asked)) as session:
                for handed in _handed(session, archive, asked, reports):
                    if handed.node in left and handed.node not in told:
                        told.add(handed.node)
                        reports.handed(handed)
        except DaprdockrError as error:
            lost = Receipt(first, failed=str(error), is_busy=isinstance(error, SessionBusy))
        if first not in told:
            reports.handed(lost)
        left = {node: left[node] for node in then if node not in told}


def _handed(session: PeerSession, archive: ImageArchive, asked: ImageAsked, reports: Reports) -> Iterator[Receipt]:
    """Send the archive, and yield what the node says. :raises SessionFailed: it is lost, or refuses."""
    session.connection.settimeout(STALL)
    try:
        _send(session, archive, asked, reports)
    except OSError as error:
        for _ in session.frames():  # it may have said why
            pass
        raise session.lost(error) from None
    for kind, content in session.frames():
        if kind is FrameKind.OUTPUT and content:
            yield Receipt.decode(content)


def _send(session: PeerSession, archive: ImageArchive, asked: ImageAsked, reports: Reports) -> None:
    sent = 0
    for piece in archive.pieces(asked.held):
        for at in range(0, len(piece), MAX_CONTENT):
            session.connection.sendall(written(FrameKind.INPUT, piece[at : at + MAX_CONTENT]))
        sent += len(piece)
        reports.sent(session.node, sent, asked.size)
    session.connection.sendall(written(FrameKind.INPUT_ENDS))
