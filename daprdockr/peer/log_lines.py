# -*- test-case-name: tests.unit.peer.test_logs -*-
"""The lines of one container's log, from the Engine's stream to the frames of a session."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from twisted.internet.defer import Deferred

from daprdockr.engine.pieces import ERRORS, OF_ENGINE, Lines, Pieces
from daprdockr.engine.streams import EngineAnswer
from daprdockr.model.frames import MAX_CONTENT, FrameKind
from daprdockr.peer.channel import PeerChannel

_TIME = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) ")


class LogLines:
    """
    Reads one container's log, and sends the lines of each piece of it that arrives in few frames; of those that have a
    time, the ones after ``last``, which is then the time of the latest.
    """

    def __init__(
        self,
        channel: PeerChannel,
        grep: bytes,
        raw: bool,
        stream: EngineAnswer,
        last: bytes,
        note: Callable[[str], None],
    ) -> None:
        self._channel = channel
        self._note = note
        self._grep = grep
        self._stream = stream
        self.over: Deferred[None] = Deferred()
        self._before = self.last = last
        self._found: list[tuple[int, bytes]] = []
        self._times: dict[int, bytes] = {}
        self._lines = Lines(self._keep)
        self._pieces = None if raw else Pieces(self._lines.received, self._lines.end)

    def received(self, data: bytes) -> None:
        if self._pieces is None:
            self._lines.received(1, data)
        else:
            self._pieces.received(data)
        self._send()

    def ended(self) -> None:
        self._lines.end()
        self._send()
        self._stream.close()

    def lost(self) -> None:
        self.over.callback(None)

    def _keep(self, stream: int, line: bytes) -> None:
        if stream == OF_ENGINE:
            self._note(line.decode(errors="replace").strip())
            return
        if not _TIME.match(line):  # the rest of one that was cut, which has its time
            known = self._times.get(stream) or (self._before and self._before + b" ")
            if not known:  # the Engine says that it cannot read the log, in one without pieces
                self._found.append((stream, line))
                return
            line = known + line
        time, _, text = line.partition(b" ")
        self._times[stream] = time + b" "
        if self._before and time <= self._before:
            return
        self.last = max(self.last, time)
        if self._grep in text:
            self._found.append((stream, line))

    def _send(self) -> None:
        for stream, lines in _grouped(self._found):
            self._channel.send(FrameKind.ERRORS if stream == ERRORS else FrameKind.OUTPUT, lines)
        self._found.clear()


def _grouped(found: list[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    """Yield whole lines of one stream together, as many as fit a frame; a longer line is divided by the channel."""
    stream, waiting = 0, b""
    for number, line in found:
        if waiting and (number != stream or len(waiting) + len(line) > MAX_CONTENT):
            yield stream, waiting
            waiting = b""
        stream, waiting = number, waiting + line
    if waiting:
        yield stream, waiting
