"""Members of etcd in memory that give snapshots, as channels that ``open_lanes`` would open."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

from attrs import define, field

from daprdockr.etcd.address import Access
from tests.fakes.failed_call import Code, FailedCall

DATABASE = bytes(range(256)) * 500
CHECKSUM = hashlib.sha256(DATABASE).digest()
PIECE = 32 * 1024


SILENT = FailedCall(Code.UNAVAILABLE, "Socket closed")
REFUSED = FailedCall(Code.PERMISSION_DENIED, "etcdserver: permission denied")


def pieces_of(database: bytes) -> list[bytes]:
    """The messages in which etcd sends a database."""
    pieces = [database[at : at + PIECE] for at in range(0, len(database), PIECE)]
    return [*pieces, hashlib.sha256(database).digest()]


@define
class SnapshotLanes:
    """
    :ivar pieces: what each member sends.
    :ivar ending: the error in place of the stream's end.
    :ivar silent: the members that answer nothing.
    :ivar alone: no member has a quorum.
    :ivar refusing: the error of each read, or of each snapshot, by the call.
    :ivar open: how many channels are not closed.
    """

    pieces: list[bytes] = field(factory=lambda: pieces_of(DATABASE))
    ending: Exception | None = None
    silent: set[str] = field(factory=set)
    alone: bool = False
    refusing: dict[str, Exception] = field(factory=dict)
    open: int = 0
    asked: list[str] = field(factory=list)

    def opened(self, access: Access) -> tuple[Any, ...]:
        """The lanes to these endpoints."""
        return tuple(self._lane(str(endpoint)) for endpoint in access.endpoints)

    def _lane(self, place: str) -> Any:
        self.open += 1

        def close() -> None:
            self.open -= 1

        def read(request: Any, **options: Any) -> Any:
            self.asked.append(place)
            if place in self.silent or (self.alone and not request.serializable):
                raise SILENT
            self._fail("Range")
            return SimpleNamespace(header=SimpleNamespace(revision=7))

        return SimpleNamespace(
            channel=SimpleNamespace(close=close),
            kv=SimpleNamespace(Range=read),
            maintenance=SimpleNamespace(Snapshot=lambda request, **options: self._stream()),
        )

    def _fail(self, call: str) -> None:
        if call in self.refusing:
            raise self.refusing[call]

    def _stream(self) -> Iterator[Any]:
        self._fail("Snapshot")
        for piece in self.pieces:
            yield SimpleNamespace(blob=piece)
        if self.ending is not None:
            raise self.ending
