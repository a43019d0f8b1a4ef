# -*- test-case-name: tests.unit.agent.certifying.test_certifying -*-
"""
The certificates of this node: chosen among those of files and of etcd, and handed to nginx, whenever one of them
changes, and every half minute because of what the clock changes.

A certificate that cannot be used, or has expired, is reported once as an event, and listed in the node's record. If
nginx has no room for some, one event names them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from collections.abc import Set as AbstractSet
from datetime import UTC, datetime

from twisted.internet.interfaces import IReactorTime

from daprdockr.agent.certifying.given_pairs import GivenPairs
from daprdockr.agent.certifying.sealed_pairs import SealedPairs
from daprdockr.model.known.changes import Changes
from daprdockr.model.stored.certificate import BRIEF, CertificateFacts, CertificatePair
from daprdockr.proxy.certificates import MOST_BYTES, Certificate, CertificateState, certificate_state, chosen
from daprdockr.runtime.periodic import Periodic
from daprdockr.runtime.signal import Signal

INTERVAL = 30.0
"""Seconds between two readings of the clock, and between two attempts to read what could not be read."""

DAY = 86400
MOST_REPORTED = 64
"""The most pairs of files, and the most troubles, in a node's record."""

MOST_COVERED = 256
"""The most names of pairs of files there."""

NO_ROOM = f"nginx's memory for certificates ({MOST_BYTES // 1024**2} MiB) is full"
_MOST_NAMED = 10


class Certifying(Periodic):
    """
    :param given: returns the pairs of the operator's files.
    :param unknown: the pair for names that have none; None: they are refused.
    :param serve: takes what nginx should hold.
    :param wall: wall-clock seconds.
    """

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        sealed: SealedPairs,
        given: Callable[[], GivenPairs],
        unknown: CertificatePair | None,
        ticket: Callable[[int], bytes],
        serve: Callable[[CertificateState], None],
        wall: Callable[[], float],
    ) -> None:
        super().__init__(reactor=reactor, interval=INTERVAL, failing="certificates could not be read", at_once=True)
        self._sealed = sealed
        self._given = given
        self._unknown = unknown
        self._ticket = ticket
        self._serve = serve
        self._wall = wall
        self._again = self._busy = False
        self._left_out: tuple[str, ...] = ()
        self.troubles: Mapping[str, str] = {}
        """Why certificates cannot be used, by name."""
        self._covered: Mapping[str, CertificateFacts] = _covered(given())
        self.unusable: Signal[[str, str, bool]] = Signal()
        """
        Sent for each certificate that begins to be of no use: its name, one sentence, and whether files or keys of this
        node are at fault.
        """

    @property
    def files(self) -> Mapping[str, float]:
        """
        Until when the certificates of the operator's files are valid, by each name that they cover, in wall-clock
        seconds. They are known before the start, because a record of this node without them would have the renewer
        order what they cover.
        """
        return {name: facts.not_after for name, facts in self._covered.items()}

    @property
    def brief(self) -> Mapping[str, float]:
        """Since when those of ``files`` are valid that are so for a brief time."""
        lives = self._covered.items()
        return {name: facts.not_before for name, facts in lives if facts.not_after - facts.not_before < BRIEF}

    def on_changes(self, changes: Changes) -> None:
        """Read those of etcd that changed."""
        if changes.certificates:
            self.wake()

    def wake(self) -> None:
        """Read what may have changed, now or after what is under way."""
        self._again = True
        if self.running and not self._busy:
            self._poll_now()

    async def poll(self) -> None:
        """:raises OSError: what was read cannot be kept."""
        if self._busy:
            return
        self._busy = self._again = True
        try:
            while self._again:
                self._again = False
                await self._certify()
        finally:
            self._busy = False

    async def _certify(self) -> None:
        found = await self._sealed.certificates()
        now, given = self._wall(), self._given()
        served = chosen((*given.certificates, *found), now)
        state = certificate_state(served, self._unknown, self._ticket(int(now // DAY)))
        self._serve(state)
        self._covered = _covered(given)
        unusable = _invalid((*given.certificates, *found), now) | given.troubles | self._sealed.troubles
        own = {one.name for one in given.certificates} | given.troubles.keys() | self._sealed.unopened
        self._report(dict.fromkeys(state.left_out, NO_ROOM) | unusable, own)
        self._report_left_out(state.left_out)

    def _report(self, troubles: dict[str, str], own: AbstractSet[str]) -> None:
        """Report what is new among the troubles. :param own: the certificates at which this node may be at fault."""
        before, self.troubles = self.troubles, dict(sorted(troubles.items())[:MOST_REPORTED])
        for name, reason in self.troubles.items():
            if reason not in (before.get(name), NO_ROOM):
                self.unusable(f"certificate {name}", f"it is not usable: {reason}", name in own)

    def _report_left_out(self, names: tuple[str, ...]) -> None:
        """Report in one line which certificates nginx has no room for, if these are others than before."""
        if names and names != self._left_out:
            more = f" and {len(names) - _MOST_NAMED} more" if len(names) > _MOST_NAMED else ""
            text = f"{NO_ROOM}, so these are not shown: {', '.join(names[:_MOST_NAMED])}{more}"
            self.unusable("certificates", text, False)
        self._left_out = names


def _covered(given: GivenPairs) -> dict[str, CertificateFacts]:
    """Return what there is for each name, valid for longest; names after which pairs are called come first."""
    reported = given.certificates[:MOST_REPORTED]
    found = {one.name: one.facts for one in reported}
    for one in reported:
        for name in one.facts.names:
            known = found.get(name)
            if known.not_after < one.facts.not_after if known is not None else len(found) < MOST_COVERED:
                found[name] = one.facts
    return found


def _invalid(certificates: Iterable[Certificate], now: float) -> dict[str, str]:
    """Return why certificates are not valid now, by name."""
    found = {}
    for one in certificates:
        if now >= one.facts.not_after:
            found[one.name] = f"it expired at {_day(one.facts.not_after)}"
        elif now < one.facts.not_before:
            found[one.name] = f"it is not valid before {_day(one.facts.not_before)}"
    return found


def _day(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%SZ")
