# -*- test-case-name: tests.unit.agent.reporting.test_trouble_events -*-
"""
The events that a part of this agent is in trouble, and that it is over: an Engine that does not answer, nginx that does
not run, a disk that takes no files.

Note [Begun and over]
    ``/healthz``, ``nodes`` and the page show a trouble while it lasts, and nothing shows afterwards that it was there.
    So one that lasts for ``LASTS`` seconds is an event, with the words that it has then, and so is its end, when the
    part has been well for as long. Troubles with etcd and the lease are none: all nodes have them at once, and no event
    could be written meanwhile.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from attrs import define
from twisted.internet.interfaces import IReactorTime

from daprdockr.agent.reporting.conditions import HasCondition
from daprdockr.model.trouble import Trouble
from daprdockr.model.troubles.component import Component
from daprdockr.model.troubles.host import EngineNotReached
from daprdockr.model.troubles.http import NginxNotStarted
from daprdockr.model.troubles.ports import PortsNotServed
from daprdockr.runtime.periodic import Periodic

POLL = 1.0
LASTS = 5.0

_REPORTED = {
    Component.ADDRESSES,
    Component.DISK,
    Component.DNS,
    Component.ENGINE,
    Component.GUARD,
    Component.HTTP,
    Component.PORTS,
}
_NEVER = EngineNotReached, NginxNotStarted, PortsNotServed
"""Those of each start, and those that have events of their own."""


@define
class _Seen:
    """
    A part as it was seen: since when it is as it is now, and whether that is in trouble; since when it was in the
    trouble that is reported, and the words of that ("": none is).
    """

    changed: float
    is_troubled: bool = False
    since: float = 0.0
    reported: str = ""


class TroubleEvents(Periodic):
    """:param record_event: takes an event about this node, for people."""

    def __init__(
        self, *, reactor: IReactorTime, parts: Sequence[HasCondition], record_event: Callable[[str], None]
    ) -> None:
        super().__init__(reactor=reactor, interval=POLL, failing="troubles were not reported")
        self._reactor = reactor
        self._parts = parts
        self._record_event = record_event
        self._seen = [_Seen(0.0) for _ in parts]

    async def poll(self) -> None:
        """See Note [Begun and over]."""
        for part, seen in zip(self._parts, self._seen, strict=True):
            self._look(part.condition, seen)

    def _look(self, found: Trouble | None, seen: _Seen) -> None:
        now = self._reactor.seconds()
        trouble = found if _is_reported(found) else None
        if (trouble is not None) != seen.is_troubled:
            seen.changed, seen.is_troubled = now, trouble is not None
        if now - seen.changed < LASTS:
            return
        if trouble is not None and not seen.reported:
            seen.since, seen.reported = seen.changed, str(trouble)
            self._record_event(f"in trouble for {LASTS:.0f} s now: {seen.reported}")
        elif trouble is None and seen.reported:
            lasted = seen.changed - seen.since
            self._record_event(f"over after {lasted:.0f} s: {seen.reported}")
            seen.reported = ""


def _is_reported(found: Trouble | None) -> bool:
    return found is not None and found.component in _REPORTED and not isinstance(found, _NEVER)
