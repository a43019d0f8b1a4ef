# -*- test-case-name: tests.unit.agent.reporting.test_lasting_troubles -*-
"""
The troubles that parts of this agent have had for a while: an Engine that does not answer, nginx that does not run, a
disk that takes no files.

Note [Begun and over]
    ``/healthz`` shows a trouble of this agent at once. Other nodes learn of one that lasts for ``LASTS`` seconds: it is
    an event, with the words that it has then, and so is its end, when the part has been well for as long. Meanwhile the
    node's record has it, for ``status``, ``nodes`` and the page of each node. Those of an agent that cannot reach etcd,
    or has no lease, are none: nothing could be written meanwhile.

Note [Words that change]
    Each change of the record is a write that every node receives, and the words of a trouble may have a number that
    counts. So the record gets other words of the same trouble only when they have stood for ``LASTS`` seconds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from attrs import define
from twisted.internet.interfaces import IReactorTime

from daprdockr.agent.reporting.conditions import HasCondition
from daprdockr.model.names import one_line
from daprdockr.model.trouble import Trouble
from daprdockr.model.troubles.component import Component
from daprdockr.model.troubles.host import EngineNotReached
from daprdockr.model.troubles.http import NginxNotStarted
from daprdockr.model.troubles.ports import PortsNotServed
from daprdockr.runtime.periodic import Periodic

POLL = 1.0
LASTS = 5.0

_OF_EACH_START = EngineNotReached, NginxNotStarted
_HAVE_EVENTS = PortsNotServed
"""Those that have events of their own, about each port."""

_HAVE_MEMBERS = {Component.ENGINE, Component.ADDRESSES}
"""Those for which a node's record has members of their own, because placement considers them."""


@define
class _Seen:
    """
    A part as it was seen: the words of its trouble ("": it has none) and since when it has these; since when it is in
    trouble, or well. ``lasts`` is the trouble that others see (None: none). Since when it was in the trouble
    that was ``reported``, and the words of that ("": none was).
    """

    words: str = ""
    worded: float = 0.0
    changed: float = 0.0
    lasts: tuple[Component, str] | None = None
    since: float = 0.0
    reported: str = ""

    def look(self, trouble: Trouble | None, now: float) -> None:
        """Take note of the part's trouble. See Note [Words that change]."""
        words = "" if trouble is None else str(trouble)
        if words != self.words:
            if (words == "") != (self.words == ""):
                self.changed = now
            self.words, self.worded = words, now
        if not self.is_settled(now):
            return
        if trouble is None:
            self.lasts = None
        elif self.lasts is None or now - self.worded >= LASTS:
            self.lasts = trouble.component, one_line(words)

    def is_settled(self, now: float) -> bool:
        """Return whether the part has been in trouble, or well, for long enough."""
        return now - self.changed >= LASTS


class LastingTroubles(Periodic):
    """
    :param parts: no two of them have troubles of one component.
    :param record_event: takes an event about this node, for people.
    """

    def __init__(
        self, *, reactor: IReactorTime, parts: Sequence[HasCondition], record_event: Callable[[str], None]
    ) -> None:
        super().__init__(reactor=reactor, interval=POLL, failing="troubles were not reported")
        self.parts = parts
        self._reactor = reactor
        self._record_event = record_event
        self._seen = [_Seen() for _ in parts]

    def ailing(self) -> Mapping[str, str]:
        """Return what is wrong with parts of this agent that the record does not show otherwise, by component."""
        lasting = (seen.lasts for seen in self._seen if seen.lasts is not None)
        return {component.value: words for component, words in lasting if component not in _HAVE_MEMBERS}

    async def poll(self) -> None:
        """See Note [Begun and over]."""
        now = self._reactor.seconds()
        for trouble, seen in zip(self._troubles(), self._seen, strict=True):
            seen.look(trouble, now)
            if seen.is_settled(now):
                self._report(trouble, seen)

    def _troubles(self) -> Iterator[Trouble | None]:
        for part in self.parts:
            found = part.condition
            yield None if isinstance(found, _OF_EACH_START) else found

    def _report(self, trouble: Trouble | None, seen: _Seen) -> None:
        if trouble is None:
            if seen.reported:
                lasted = seen.changed - seen.since
                self._record_event(f"over after {lasted:.0f} s: {seen.reported}")
                seen.reported = ""
        elif not seen.reported and not isinstance(trouble, _HAVE_EVENTS):
            seen.since, seen.reported = seen.changed, seen.words
            self._record_event(f"in trouble for {LASTS:.0f} s now: {seen.reported}")
