"""
The admission to sessions: for those that can write to etcd, as many as there is room for. See docs/design/peer.rst.

Note [Used once]
    The command line writes the digest of a random token under a lease of its own, and sends the token. The agent reads
    the key of that digest, which names this node, so no other agent takes it. It remembers the digest, for much longer
    than such leases last, and so refuses it the second time; and it deletes the key, which protects from a replay to
    the next agent. But an agent's user in etcd needs no right to do that: with it, an agent that somebody has taken
    over could write tokens, and ask the other nodes. etcd removes the key with its lease anyway; one without a lease
    would never end, so it counts for nothing. The token is looked up by its digest, so how long that takes says nothing
    about any token.

Note [Those who are not known yet]
    Anybody can connect, and each connection costs a question to etcd before it is known. So at most ``QUESTIONS`` are
    asked at once, which leaves the other threads to the loops, and a token that is none is refused unasked. Nothing is
    asked for those that are gone before their turn, so those that come and go while etcd is slow leave no queue behind.
    A question that is asked already keeps its turn, because its thread waits for etcd in any case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from contextlib import suppress

from twisted.internet.defer import CancelledError, Deferred, DeferredSemaphore

from daprdockr.model.errors import BadInput, DaprdockrError, EtcdError
from daprdockr.model.frames import ABSENT, BUSY
from daprdockr.model.seams import Store
from daprdockr.model.session import (
    BackupAsked,
    ClientJoinAsked,
    ExecAsked,
    ForwardAsked,
    ImageAsked,
    JoinAsked,
    LogsAsked,
    OfferAsked,
    RestoreAsked,
    SessionAsked,
    SessionRequest,
    StockAsked,
    VolumesAsked,
    image_token_digest,
    token_digest,
)
from daprdockr.model.stored.entries import Delete, Entry, Unchanged
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.token import TokenRecord
from daprdockr.runtime.pool import Run

QUESTIONS = 2

REMEMBERED = 20_000
"""Tokens that were used. A client that writes more of them within the life of a lease has all rights anyway."""

IMAGES = 4
"""Images that a node may receive, or hand on, at once; it receives one after the other."""

MOST: Mapping[type[SessionAsked], int] = {
    LogsAsked: 128,
    ExecAsked: 32,
    ForwardAsked: 64,
    BackupAsked: 8,
    RestoreAsked: 4,
    VolumesAsked: 16,
    JoinAsked: 4,
    ClientJoinAsked: 4,
    StockAsked: IMAGES,
    ImageAsked: IMAGES,
    OfferAsked: 4 * IMAGES,
}
_NAMES: Mapping[type[SessionAsked], str] = {
    LogsAsked: "logs",
    ExecAsked: "commands",
    ForwardAsked: "connections",
    BackupAsked: "backups of volumes",
    RestoreAsked: "restores of volumes",
    VolumesAsked: "lists of volumes",
    JoinAsked: "hosts that join",
    ClientJoinAsked: "hosts that join as clients",
    StockAsked: "questions about images",
    ImageAsked: "images",
    OfferAsked: "offers of images",
}


class SessionRefused(DaprdockrError):
    """
    The session does not begin, or cannot go on; the text is for the person who asked.

    :cvar status: the status that is sent behind that, "" for none.
    """

    status = b""


class NodeBusy(SessionRefused):
    """The session does not begin because others are under way: it may in a moment."""

    status = BUSY


class NotHere(SessionRefused):
    """The session does not begin because what it names does not exist."""

    status = ABSENT


class Turns:
    """The turns in which etcd is asked: Note [Those who are not known yet]."""

    def __init__(self) -> None:
        self._questions = DeferredSemaphore(QUESTIONS)
        self._waiting: dict[object, Deferred[DeferredSemaphore]] = {}

    async def take(self, who: object) -> None:
        """Wait for a turn, which ``end`` ends. :raises SessionRefused: ``give_up`` was called before it came."""
        self._waiting[who] = turn = self._questions.acquire()
        try:
            await turn
        except CancelledError:
            raise SessionRefused("the other side is gone") from None
        finally:
            del self._waiting[who]

    def give_up(self, who: object) -> None:
        """Have somebody wait no more; a no-op for one that does not."""
        if who in self._waiting:
            self._waiting[who].cancel()

    def end(self) -> None:
        self._questions.release()


class Tokens:
    """
    The tokens for one node, in etcd.

    :param run: runs a call to ``store`` in a thread.
    """

    def __init__(self, run: Run, store: Store, keys: Keys, node: str) -> None:
        self._run = run
        self._store = store
        self._keys = keys
        self._node = node
        self._used: dict[str, None] = {}

    async def known(self, request: SessionRequest) -> TokenRecord:
        """:raises SessionRefused: the token does not count for what is asked."""
        if isinstance(request.asked, ImageAsked):
            return await self.for_image(request.token, request.asked)
        return await (self.invited if isinstance(request.asked, JoinAsked) else self.use)(request.token)

    async def use(self, token: str) -> TokenRecord:
        """
        Return the record of a token, which counts once: Note [Used once].

        :raises SessionRefused: it is not that of somebody who can write to etcd.
        """
        digest = token_digest(token)
        key = self._keys.session(digest)
        entry = await self._stored(key)
        record = _record(entry)
        if entry is None or record is None:
            raise SessionRefused("the token is not known: it was used before, has expired, or is made up")
        if record.node != self._node:
            raise SessionRefused(f"the token is for node {record.node}, and this is {self._node}")
        if digest in self._used:
            raise SessionRefused("the token was used before")
        self._remember(digest)
        with suppress(EtcdError):
            await self._run(self._store.commit, [Unchanged(key, entry.mod_revision)], [Delete(key)])
        return record

    async def for_image(self, token: str, asked: ImageAsked) -> TokenRecord:
        """
        Return the record of a token with which this node takes this image, from a command line or another node. It
        counts until its lease ends, because it may be handed on twice: Note [A node that is lost in between] in
        ``sessions.handing``.

        :raises SessionRefused: it has expired, is for another image or name, or never was one.
        """
        record = _record(await self._stored(self._keys.session(image_token_digest(token, self._node, asked))))
        if record is None or record.node != self._node:
            raise SessionRefused(f"node {self._node} knows no token for this image: push it again")
        return record

    async def invited(self, token: str) -> TokenRecord:
        """
        Return the record of a token with which hosts may join. It counts until its lease ends, not once: one line is
        typed on several hosts, and again where it was interrupted.

        :raises SessionRefused: it has expired, or never was one.
        """
        record = _record(await self._stored(self._keys.invitation(token_digest(token))))
        if record is None or record.node != self._node:
            raise SessionRefused(
                "the token has expired: daprdockrcmd invite on a host of the cluster prints a new line"
            )
        return record

    async def _stored(self, key: str) -> Entry | None:
        try:
            return await self._run(self._store.get, key)
        except EtcdError as error:
            raise SessionRefused(f"node {self._node} cannot ask etcd for the token: {error}") from None

    def _remember(self, digest: str) -> None:
        self._used[digest] = None
        if len(self._used) > REMEMBERED:
            del self._used[next(iter(self._used))]


def _record(entry: Entry | None) -> TokenRecord | None:
    """Return the record of a token, which counts as long as its lease; None where there is none."""
    try:
        return TokenRecord.decode(entry.value) if entry is not None and entry.lease else None
    except BadInput:
        return None


class Places:
    """The room for sessions of each kind."""

    def __init__(self, node: str, most: Mapping[type[SessionAsked], int] = MOST) -> None:
        self._node = node
        self._most = most
        self._taken: Counter[type[SessionAsked]] = Counter()

    def take(self, asked: SessionAsked) -> None:
        """:raises NodeBusy: all are taken."""
        kind = type(asked)
        if self._taken[kind] >= self._most[kind]:
            text = (
                f"node {self._node} has {self._most[kind]} {_NAMES[kind]} under way, the most it takes: try again later"
            )
            raise NodeBusy(text)
        self._taken[kind] += 1

    def give_back(self, asked: SessionAsked) -> None:
        self._taken[type(asked)] -= 1
