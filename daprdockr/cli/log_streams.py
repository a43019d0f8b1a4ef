# -*- test-case-name: tests.unit.cli.commands.test_logs -*-
"""
The logs of a service's instances, each read in a thread from the node that runs it.

Note [Instances that come and go]
    A command line that follows a service follows its claims in etcd too: each node that claims an instance is asked for
    that instance's log, and sends what its containers say until the instance is another node's. A node that is lost is
    said once, in one line, and asked again as long as the claim names it; it then sends what came since the last line
    that was read.

Note [More logs than a node sends at once]
    A node sends a bounded number of logs at once. Where the end of each log is waited for, those that it refuses for
    this reason are asked for again, because others end, and so leave them their places. But a log whose lines wait for
    an earlier line of another one does not end. So a log is left out if ``ATTEMPTS`` times in a row none of its node
    has ended meanwhile. No more than ``OPENING`` are asked for at once, because a node also has a bound for callers
    that it does not know yet.
"""

from __future__ import annotations

import re
import threading
from collections import Counter
from collections.abc import Callable

from attrs import evolve

from daprdockr.cli.claimed_places import LogPlace
from daprdockr.cli.merging import LogLine, LogSource, Merging
from daprdockr.model.errors import DaprdockrError
from daprdockr.model.frames import FrameKind
from daprdockr.model.names import InstanceName
from daprdockr.model.session import LogsAsked
from daprdockr.sessions.client import PeerSession, SessionBusy, Sessions

AGAIN = 2.0
"""Seconds until a node that was lost, or sends no more logs at once, is asked again."""

_TIME = re.compile(rb"\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d) ")

OPENING = 32
"""Logs that a node is asked for at once."""

ATTEMPTS = 10
"""See Note [More logs than a node sends at once]."""


class LogStreams:
    """
    :param complain: takes one line about a stream that ended before its time.
    :param again: seconds between two attempts.
    """

    def __init__(
        self,
        sessions: Sessions,
        asked: Callable[[InstanceName], LogsAsked],
        merging: Merging,
        complain: Callable[[str], None],
        again: float = AGAIN,
    ) -> None:
        self._sessions = sessions
        self._again = again
        self._asked = asked
        self._merging = merging
        self._complain = complain
        self._wanted: set[LogPlace] = set()
        self._read: set[LogPlace] = set()
        self._opening: dict[str, threading.Semaphore] = {}
        self._ended: Counter[str] = Counter()
        self._lock = threading.Lock()
        self.failures = 0

    def want(self, places: set[LogPlace]) -> None:
        """Read the logs of these places, each in a thread of its own; those that are read already go on."""
        with self._lock:
            self._wanted = places
            new = places - self._read
            self._read |= new
        for place in sorted(new):
            source = self._merging.add(str(place[1]))
            threading.Thread(target=self._follow, args=(place, source), daemon=True).start()

    def _follow(self, place: LogPlace, source: LogSource) -> None:
        asked, pause = self._asked(place[1]), threading.Event()
        reading = Reading(self._merging, source, self._complain)
        try:
            while not self._attempt(place, asked, reading) and asked.follow:
                pause.wait(self._again)
                if place not in self._wanted:
                    return
                asked = evolve(asked, tail=None, since=reading.since) if reading.last else asked
        finally:
            with self._lock:
                self._read.discard(place)
            self._merging.end(source)

    def _attempt(self, place: LogPlace, asked: LogsAsked, reading: Reading) -> bool:
        """Return whether the log ended by itself."""
        try:
            session = self._opened(place[0], asked)
            try:
                reading.read(session)
            finally:
                session.close()
                with self._lock:
                    self._ended[place[0]] += 1
        except DaprdockrError as error:
            if place in self._wanted and str(error) != reading.said:
                reading.said = str(error)
                self.failures += 1
                self._complain(f"{place[1]}: {error}{'; it is asked again' if asked.follow else ''}")
            return False
        return True

    def _opened(self, node: str, asked: LogsAsked) -> PeerSession:
        """:raises DaprdockrError: the node sends nothing; see Note [More logs than a node sends at once]."""
        pause, ended, attempts = threading.Event(), 0, 0
        while True:
            try:
                with self._opening.setdefault(node, threading.Semaphore(OPENING)):
                    return self._sessions.open(node, asked)
            except SessionBusy:
                attempts = attempts + 1 if ended == self._ended[node] else 1
                if len(self._wanted) == 1:
                    raise
                if asked.follow or attempts == ATTEMPTS:
                    raise SessionBusy(f"node {node} sends no more logs at once: ask for this one alone") from None
            ended = self._ended[node]
            pause.wait(self._again)


class Reading:
    """The log of one place, as far as it was read."""

    def __init__(self, merging: Merging, source: LogSource, complain: Callable[[str], None]) -> None:
        self._merging = merging
        self._source = source
        self._complain = complain
        self._rest = {FrameKind.OUTPUT: b"", FrameKind.ERRORS: b""}
        self.last = ""
        self.said = ""

    @property
    def since(self) -> float:
        """The time of the last line, in seconds since the epoch, or a little earlier."""
        from datetime import datetime

        return datetime.fromisoformat(self.last).timestamp() - 0.001

    def read(self, session: PeerSession) -> None:
        """
        Read until the log ends.

        :raises SessionFailed: it ended before its time.
        """
        self._merging.opened(self._source)
        self._rest = dict.fromkeys(self._rest, b"")  # of a line that was cut by a loss; it comes again, whole
        before = self.last
        for kind, content in session.frames():
            if kind is FrameKind.STATUS:
                return
            if kind is FrameKind.NOTE:
                self._note(content)
            elif kind in self._rest:
                self._take(kind, content, before)

    def _note(self, content: bytes) -> None:
        self._complain(f"{self._source.name}: {content.decode('utf-8', 'replace').strip()}")

    def _take(self, kind: FrameKind, content: bytes, before: str) -> None:
        *whole, self._rest[kind] = (self._rest[kind] + content).split(b"\n")
        lines = []
        for one in whole:
            if not _TIME.match(one):  # the Engine says that it cannot read the log of a terminal
                self._note(one)
                continue
            time, _, text = one.partition(b" ")
            stamp = time.decode("ascii", "replace")
            if stamp > before:
                is_error = kind is FrameKind.ERRORS
                lines.append(LogLine(stamp, self._source.name, text.decode("utf-8", "surrogateescape"), is_error))
                self.last = max(self.last, stamp)
        if lines:
            self._merging.put(self._source, lines)
