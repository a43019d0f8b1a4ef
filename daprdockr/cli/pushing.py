# -*- test-case-name: tests.unit.cli.test_pushing -*-
"""
An image pushed to nodes: asked for what they have, sent once, and handed on among them. See docs/design/images.rst.

Note [A token that others see]
    The nodes that hand an image on need a token for the next one, and an agent may write none. So a push writes one for
    each node, which lasts as long as it runs, and sends the secret along. Its digest is made with the node, the image
    and its name: with it a node takes this image and does nothing else, however many have seen it.
"""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from typing import BinaryIO, Protocol

from attrs import define, field, frozen

from daprdockr.cli.absent import no_such_node
from daprdockr.cli.lent_entries import lent
from daprdockr.cli.side_by_side import side_by_side, some_of
from daprdockr.model.errors import DaprdockrError, DiskError, NotFound
from daprdockr.model.frames import FrameKind
from daprdockr.model.images import ImageStock, Receipt
from daprdockr.model.seams import Store
from daprdockr.model.session import ImageAsked, SessionRequest, StockAsked, image_token_digest
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.token import TokenRecord
from daprdockr.planning.handing import lacking
from daprdockr.sessions.archive import ImageArchive, read_archive
from daprdockr.sessions.client import PeerSession, SessionBusy, Sessions, open_session
from daprdockr.sessions.handing import Reports, hand

MOST_NODES = 200
"""Nodes of one push: their names are in one frame."""

PATIENCE = 30.0
"""Seconds without a sign of a node that is asked; it gives up its own Engine before."""

BUSY = 60.0
"""Seconds for which a node is tried again that has others under way; anew when another one was handed the image."""

AGAIN = 2.0
_EVERY = 1.0


class PushFailed(DaprdockrError):
    """Not all nodes have the image; the text names those that have it not."""


@frozen
class SavedImage:
    """An image of the Engine here: its id and layers as others know it, and the name by which it is pushed, or ""."""

    id: str
    reference: str
    layers: tuple[str, ...]


class Saving(Protocol):
    """As ``engine.images`` does."""

    def save(self, reference: str) -> Iterator[bytes]: ...


@define
class Push:
    """
    One push.

    :ivar say: prints a line about the progress.
    :ivar pause: blocks for so many seconds.
    """

    sessions: Sessions
    records: Mapping[str, NodeRecord]
    say: Callable[[str], None]
    pause: Callable[[float], None]
    sent: int = field(default=0, init=False)
    """Octets that were sent from here."""
    done: dict[str, Receipt] = field(factory=dict, init=False)
    _told: float = field(default=float("-inf"), init=False)
    _awaited: list[str] = field(factory=list, init=False)

    def ask(self, image: SavedImage) -> dict[str, int]:
        """Return the nodes that lack the image, with how many layers each has; take note of all others."""
        stocks: dict[str, ImageStock] = {}
        for node, found in side_by_side(lambda node: self._stock(node, image), self.records, self.say):
            try:
                stocks[node] = found.result()
            except DaprdockrError as error:
                self.take(Receipt(node, failed=str(error)))
                continue
            if stocks[node].has:
                self.take(Receipt(node))
        return lacking(image.id, stocks)

    def _stock(self, node: str, image: SavedImage) -> ImageStock:
        asked, until = StockAsked(image.id, image.reference, image.layers), self.sessions.clock() + BUSY
        while True:
            try:
                return self._stock_at_once(node, asked)
            except SessionBusy:
                if self.sessions.clock() >= until:
                    raise
                self.pause(AGAIN)

    def _stock_at_once(self, node: str, asked: StockAsked) -> ImageStock:
        with closing(self.sessions.open(node, asked, self.records[node])) as session:
            session.connection.settimeout(PATIENCE)
            return ImageStock.decode(
                b"".join(content for kind, content in session.frames() if kind is FrameKind.OUTPUT)
            )

    def take(self, handed: Receipt) -> None:
        """Take note of what became of a node."""
        self.done[handed.node] = handed
        if handed.failed:
            self.say(f"{handed.node}: {handed.failed}")
        elif handed.octets:
            self.say(f"{handed.node} has it, and received {megabytes(handed.octets)}")
        else:
            self.say(f"{handed.node} had it before")

    def hand(self, archive: ImageArchive, nodes: Mapping[str, int]) -> None:
        """Send the image to the first node, which hands it on; for a while try those again that are busy."""
        left, until = dict(nodes), float("inf")

        def handed(one: Receipt) -> None:
            if one.is_busy and self.sessions.clock() < until:
                busy[one.node] = nodes[one.node]
            else:
                self.take(one)

        with self._tokens(archive, nodes) as token:
            while left:
                busy: dict[str, int] = {}
                self._hand(archive, left, token, handed)
                if len(busy) < len(left) or until == float("inf"):
                    until = self.sessions.clock() + BUSY
                self._wait_for(sorted(busy))
                left = {node: left[node] for node in left if node in busy}

    def _wait_for(self, busy: list[str]) -> None:
        if busy and busy != self._awaited:
            self.say(f"{some_of(busy)} with other images under way: trying again for up to {BUSY:g} s")
        self._awaited = busy
        if busy:
            self.pause(AGAIN)

    def _hand(
        self, archive: ImageArchive, nodes: Mapping[str, int], token: str, handed: Callable[[Receipt], None]
    ) -> None:
        before: dict[str, int] = {}

        def progress(node: str, octets: int, size: int) -> None:
            self.sent += octets - before.get(node, 0)
            before[node] = octets
            now = self.sessions.clock()
            if now - self._told >= _EVERY:
                self._told = now
                self.say(f"{node}: {octets / 1e6:.1f} of {megabytes(size)} sent")

        def opened(node: str, asked: ImageAsked) -> PeerSession:
            return open_session(node, self.records[node], lambda: SessionRequest(token, asked))

        hand(archive, nodes, opened, Reports(handed, progress))

    @contextmanager
    def _tokens(self, archive: ImageArchive, nodes: Mapping[str, int]) -> Iterator[str]:
        """Lend a token with which these nodes take this image: Note [A token that others see]."""
        sessions, token = self.sessions, secrets.token_hex(32)
        asked = ImageAsked(archive.image, archive.reference, 0, 0)
        keys = {node: sessions.keys.session(image_token_digest(token, node, asked)) for node in nodes}
        with lent(sessions.store, {key: TokenRecord(node, sessions.by).encode() for node, key in keys.items()}):
            yield token

    def check(self, name: str) -> None:
        """:raises PushFailed: some nodes have it not."""
        failed = [one for _, one in sorted(self.done.items()) if one.failed]
        if failed:
            have = len(self.done) - len(failed)
            reasons = "; ".join(f"{one.node}: {one.failed}" for one in failed[:3])
            more = f"; and {len(failed) - 3} more" if len(failed) > 3 else ""
            raise PushFailed(
                f"{name} is on {have} of {len(self.done)} nodes, push it again for the others: {reasons}{more}"
            )


def pushed_to(store: Store, keys: Keys, named: Sequence[str]) -> dict[str, NodeRecord]:
    """Return the records of the nodes that are named, or of all. :raises NotFound: there is no such node."""
    place = keys.node("")
    known = {one.key.removeprefix(place): NodeRecord.decode(one.value) for one in store.list(place).entries}
    for node in named:
        if node not in known:
            raise no_such_node(node, known)
    found = {node: known[node] for node in dict.fromkeys(named or sorted(known))}
    if not found:
        raise NotFound("no node has an agent that reports: start one first")
    return found


def saved(engine: Saving, reference: str, name: str, file: BinaryIO) -> ImageArchive:
    """
    Return the archive of an image, which is written to a file.

    :param name: the name by which it is pushed, "" for none.
    :raises DaprdockrError: the Engine does not give it, or there is no room here.
    """
    try:
        for piece in engine.save(reference):
            file.write(piece)
        return read_archive(file, name)
    except OSError as error:
        raise DiskError(f"there is no room for the image in {tempfile.gettempdir()}: {error.strerror}") from None


def megabytes(octets: int) -> str:
    return f"{octets / 1e6:.1f} MB"
