"""
When the next attempt for a host name is due. Times are wall-clock seconds, and handed in.

A certificate is renewed when its server wants it to be (ARI, RFC 9773), otherwise when a third of its life is left; in
any case when a twentieth is left. So the same rules serve lives of 90, 45 and 6 days. After an attempt that failed the
next one waits as the table ``MINUTES`` says, by the failures in a row of this name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from daprdockr.model.stored.renewal import RenewalRecord

MINUTES = (1, 2, 5, 10, 20, 30, 60, 120, 240, 360)
"""The pauses after the first failure in a row, the second, and so on; the last one stays."""

JITTER = 0.1
"""By so much of itself a pause is longer at random, at most: names that failed together are not tried together."""

LONGEST_WISH = 24 * 3600.0
"""A server may ask for a longer pause than the table, but for none above this."""

USUAL_LEFT, LEAST_LEFT = 1 / 3, 1 / 20
"""Parts of a certificate's life."""

LEAST_USED = 1 / 200
"""A part, too: so long a new certificate is kept, also where it seems old at once, as by a clock that is wrong."""

LONGEST_PAUSE = LONGEST_WISH * (1.0 + JITTER)

FIRST_ASK, LAST_ASK = 3600.0, 24 * 3600.0
"""Bounds of the time after which the server is asked again when it wants a renewal; it says what is between them."""


@frozen
class Life:
    """The validity of a certificate."""

    begins: float
    ends: float

    def left(self, part: float) -> float:
        """Return when this part of it is left."""
        return self.ends - part * (self.ends - self.begins)


def pause(failures: int, chance: float, wish: float = 0.0) -> float:
    """
    Return the seconds to wait after so many failures in a row.

    :param chance: a random number in [0, 1).
    :param wish: seconds that the server asked for; 0: it did not.
    """
    usual = MINUTES[min(max(failures, 1), len(MINUTES)) - 1] * 60.0
    return max(usual, min(wish, LONGEST_WISH)) * (1.0 + JITTER * chance)


def renew_at(life: Life, wanted: float = 0.0) -> float:
    """
    Return when to renew a certificate.

    :param wanted: a time that its server wants; 0: it said none.
    """
    return min(wanted or life.left(USUAL_LEFT), life.left(LEAST_LEFT))


def due_at(record: RenewalRecord, life: Life | None, now: float) -> float:
    """
    Return when the next attempt is due: for the first certificate, or for another one.

    Times in the record that are later than any could be now are those of a clock that was wrong, and count for nothing.
    """
    waits = record.next_attempt if record.next_attempt <= now + LONGEST_PAUSE else 0.0
    if life is None:
        return waits
    is_new = not record.failures and record.time <= now
    rested = record.time + LEAST_USED * (life.ends - life.begins) if is_new else 0.0
    return max(renew_at(life, record.renew), waits, rested)


def drawn(begins: float, ends: float, former: float, chance: float) -> float:
    """
    Return a time in the window that a server wants a renewal in; a time drawn before stays if it lies in there still.
    It is never 0, which says that the server wants nothing, nor before.
    """
    begins = max(begins, 1.0)
    if former and begins <= former <= ends:
        return former
    return begins + chance * max(0.0, ends - begins)


def ask_after(wish: float) -> float:
    """Return the seconds until the server is asked again, as it wants within bounds; 0: it said nothing."""
    return min(max(wish or 6 * FIRST_ASK, FIRST_ASK), LAST_ASK)


def next_names(
    wanted: Iterable[str], records: Mapping[str, RenewalRecord], lives: Mapping[str, Life], now: float
) -> list[str]:
    """Return the names that are due, those without a valid certificate first, then those that end first."""

    def order(name: str) -> tuple[float, str]:
        life = lives.get(name)
        return (0.0 if life is None or life.ends <= now else life.ends), name

    none = RenewalRecord()
    return sorted((name for name in wanted if due_at(records.get(name, none), lives.get(name), now) <= now), key=order)


def names_to_ask(
    wanted: Iterable[str], records: Mapping[str, RenewalRecord], lives: Mapping[str, Life], now: float
) -> list[str]:
    """Return the names whose certificates' servers should be asked when they want a renewal."""
    return [
        name
        for name in wanted
        if (record := records.get(name)) is not None
        if record.renewal_id and name in lives and now < lives[name].ends
        if not now < record.ask <= now + LAST_ASK
    ]
