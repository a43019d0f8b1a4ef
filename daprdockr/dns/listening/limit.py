"""
Limits on the number and size of answers that strangers get by UDP, which make them useless against a third party.

Anybody who can forge the address of a sender makes us answer to it. So an answer to an address outside of
``--dns-allow`` is hardly longer than its question, and each network gets a limited number of answers per second
(response rate limiting). The rest is available by TCP, where no sender is forged: an answer that is cut says so, and of
the questions that are too many every second one is answered in that way, at the size of the question.

Each network has one of a fixed number of places, found by a hash that is keyed anew in each process, with one number in
it: so the memory does not depend on the traffic, and nobody knows with whom a place is shared. Pure; the time is passed
in.
"""

from __future__ import annotations

import socket
from array import array
from collections.abc import Callable
from enum import Enum, auto

from daprdockr.dns.clients import MAX_KNOWN

STRANGER_SIZE = 200
"""Octets of an answer, if the question is no longer than half of that."""
GROWTH = 2
"""How many times as long as a longer question its answer may be."""
RATE = 50.0
"""Answers to one network per second, when it asks continuously."""
BURST = 100
"""Answers to one network at once, when it was silent before."""
PLACES = 2**16
_EACH = 1 / RATE
_AHEAD = BURST * _EACH
_PREFIX6 = 7
"""Octets of an IPv6 address that make its network: /56, which one customer of a provider has. Of IPv4 they are /24."""


class Verdict(Enum):
    """The decision about a stranger's question."""

    WHOLE = auto()
    CUT = auto()
    NOTHING = auto()


def stranger_limit(question: int) -> int:
    """Return the octets of the longest answer to a question of so many."""
    return max(STRANGER_SIZE, GROWTH * question)


class Limiter:
    """Counts the answers to each network."""

    def __init__(self, chance: Callable[[], int]) -> None:
        """:param chance: gives random numbers; whether one is odd decides about a question that is too many."""
        self._chance = chance
        self._paid_until = array("d", bytes(8 * PLACES))
        """The time until which the answers so far are paid for; hardly more than ``_AHEAD`` from now."""
        self._places: dict[str, int] = {}

    def verdict(self, address: str, now: float) -> Verdict:
        """Return the verdict on the next question from an address."""
        place = self._place(address)
        ahead = self._paid_until[place] - now
        if ahead < 0 or ahead > _AHEAD + _EACH:
            ahead = 0.0  # It was silent; or the clock went back.
        if ahead < _AHEAD - _EACH / 2:
            self._paid_until[place] = now + ahead + _EACH
            return Verdict.WHOLE
        return Verdict.CUT if self._chance() & 1 else Verdict.NOTHING

    def _place(self, address: str) -> int:
        place = self._places.get(address)
        if place is None:
            if len(self._places) >= MAX_KNOWN:
                self._places.clear()
            place = self._places[address] = hash(network(address)) % PLACES
        return place


def network(address: str) -> bytes:
    """Return the octets of an address that are counted together."""
    if ":" not in address:
        return socket.inet_aton(address)[:3]
    octets = socket.inet_pton(socket.AF_INET6, address.partition("%")[0])
    mapped = octets[:12] == b"\0" * 10 + b"\xff\xff"
    return octets[12:15] if mapped else octets[:_PREFIX6]
