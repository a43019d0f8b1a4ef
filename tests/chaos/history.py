"""
The events of a run, one line a fact: the only thing that the checker sees.

The file has one JSON object a line: ``at``, ``what``, and the members of the data. The kinds and their data:

start
    ``seed``, ``ttl``, ``settle_within`` (seconds), ``hosts`` (addresses by name), ``services`` (definitions by name),
    ``wall`` (the wall clock when ``at`` was 0, for a person who reads logs beside it), ``machine`` in words.
fault
    ``number`` (from 1), ``kind``, ``hosts`` (names), ``phase``: ``begin``, ``heal``, ``settled`` or ``unsettled``;
    with the last two ``seconds`` since the heal was done, and with the last ``lacking``: what is not as it shall be.
etcd
    ``epoch`` (another after etcd was wiped), ``revision``, ``type``: ``put`` or ``delete``, ``key`` (below the prefix),
    ``create_revision``, ``version``, ``lease`` (all 0 for a delete), ``value`` (its JSON, or null).
container
    ``host``, ``action``: ``start``, ``kill``, ``die``, ``stop``, ``destroy`` or ``listed``, ``id``, ``instance``,
    ``definition`` (the digest in its label); ``signal`` of a kill, ``exit_code`` of a death. A line with ``listed``
    says what ran when the Engine had been out of sight: ``running``, a list of objects with ``id``, ``instance`` and
    ``definition``.
harm
    An action of the suite itself, written before it is done: ``host``, ``harm`` (the action in words), ``id`` of a
    container, ``part`` of a host.
wish
    A command: ``change``: ``set``, ``delete``, ``drain`` or ``uncordon``; ``service``, ``definition``, ``node``;
    ``bad`` if nothing that is made of the definition can work.
    Written before it runs, and again with ``done`` after.
http
    ``host`` asked, ``service``, ``ok``, ``status``, ``by`` (the instance that answered), ``seconds``, ``error``.
dns
    ``host`` asked, ``name``, ``rcode``, ``addresses``, ``seconds``, ``error``.
reports
    ``known``: what etcd and the Engines have; ``reports``: what each said of it, by name; ``quiet``: whether nothing
    moved meanwhile. All of them have ``places`` (nodes by instance), ``containers`` (ids by instance) and ``counts``
    (of each service: wanted, running, healthy), as far as they say so; metrics have ``own``: how many instances the
    node itself has.
end
    ``settled``.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from attrs import frozen

DIGITS = 4
"""Of ``at`` behind the point: a tenth of a millisecond."""


@frozen
class Line:
    """One fact; ``at`` in seconds of CLOCK_MONOTONIC since the run began."""

    at: float
    what: str
    data: Mapping[str, Any]


class History:
    """
    The file of a run as it is written, from any thread; each line is complete on disk when ``note`` returns.

    :param clock: seconds of CLOCK_MONOTONIC. :param wall: of CLOCK_REALTIME.
    """

    def __init__(
        self, path: Path, clock: Callable[[], float] = time.monotonic, wall: Callable[[], float] = time.time
    ) -> None:
        self._clock = clock
        self._wall = wall
        self._began = clock()
        self._lock = threading.Lock()
        self._file = path.open("w", encoding="utf-8", buffering=1)

    def now(self) -> float:
        return self._clock() - self._began

    def at_wall(self, seconds: float) -> float:
        """A moment of the wall clock as ``at``, by how far the two clocks are apart now."""
        return self.now() - (self._wall() - seconds)

    def note(self, what: str, *, at: float | None = None, **data: Any) -> None:
        """Write a line, about now or about a given moment; nothing once the file is closed."""
        with self._lock:
            if not self._file.closed:
                moment = round(self.now() if at is None else at, DIGITS)
                self._file.write(json.dumps({"at": moment, "what": what, **data}, separators=(",", ":")) + "\n")

    def close(self) -> None:
        with self._lock:
            self._file.close()


def read(path: Path) -> Iterator[Line]:
    """The lines of a file, in the order in which they were written. :raises ValueError: for what is no line."""
    with path.open(encoding="utf-8") as file:
        for text in file:
            data = json.loads(text)
            yield Line(at=data.pop("at"), what=data.pop("what"), data=data)
