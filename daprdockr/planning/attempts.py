"""
How often something failed lately, and when to retry: exponential, bounded, a value.

Times are seconds of a monotonic clock.
"""

from __future__ import annotations

import math
import re

from attrs import evolve, field, frozen

from daprdockr.model.backoff import Backoff

DELAYS = Backoff(first=0.5, limit=60.0)
"""The delays between two attempts, from the second failure in a row on."""

STEADY = 10.0
"""A container that lived this long had started well (Docker's own restart policy forgets failures after as long)."""

SETTLED = 2.0
"""In a crash loop a container is reported as running only after it ran for this long."""

BRIEF = 0.5
"""A container that lived shorter than this failed, whatever ended it."""

SPARED = 3
"""
So many deaths in a row, with no steady run between them, may look like a kill from outside and cost nothing. A program
that ends itself with the exit status of a signal looks the same, and must not be started again without a pause.
"""

LASTING = 3
"""After so many failures in a row the fault is one that a retry here does not repair."""

SPOILT = 3
"""
After so many starts in a row that failed a container will not start. The delays between them (a second and a half) are
longer than an Engine that is about to end goes on answering.
"""

ATTEMPTS_KEPT = 600.0
"""Seconds after which a failure that was not followed by another is forgotten."""

_MADE_UP = re.compile(r"[0-9a-f]{7,}")
"""The parts that the Engine draws anew at each attempt: ids of containers and endpoints, names of interfaces."""


@frozen
class Failure:
    """
    The last of them: when it happened, and after how many seconds of running; it may be that a container was ``killed``
    from outside, and that a registry ``refused`` an image, which it does not have, or the Engine what is defined.
    """

    at: float = -math.inf
    lived: float = 0.0
    killed: bool = False
    refused: bool = False


@frozen
class Attempts:
    """
    ``count`` failures in a row, after ``spared`` deaths that cost nothing; no retry before ``retry_at``. ``of`` is the
    digest of the definition that failed ("": it does not matter). The last ``starts`` of them were starts that failed:
    the container has not run since. The last one was that it was stopped because it was ``unhealthy``: that it runs
    again is no proof that it came up.
    """

    count: int = 0
    retry_at: float = 0.0
    reason: str = ""
    spared: int = 0
    of: str = ""
    starts: int = 0
    unhealthy: bool = False
    last: Failure = field(default=Failure(), eq=False)

    @property
    def lasting(self) -> bool:
        return self.count >= LASTING

    def failed(
        self,
        now: float,
        reason: str,
        after: float = 0.0,
        killed: bool = False,
        ran: bool = False,
        delays: Backoff = DELAYS,
        chance: float = 0.0,
    ) -> Attempts:
        """
        Return the attempts after one more failure at ``now``, ``after`` seconds from its start.

        The delay counts from that start. The first failure costs none, nor does one after a steady run, nor, up to
        ``SPARED`` times, the end of a container that was apparently ``killed`` from outside: that says nothing about
        the container.

        A ``reason`` that differs from the last one only in the parts that the Engine draws is no news, and the last one
        stays.

        :param ran: whether it ran, so that no start failed.
        :param chance: a random number in [0, 1), so that many that failed together are not retried together.
        """
        steady = after >= STEADY
        spared = 0 if steady else self.spared
        spare = killed and BRIEF <= after < STEADY and spared < SPARED
        before = 0 if steady or spare else self.count
        delay = delays.delay(before, chance) if before else 0.0
        return evolve(
            self,
            count=before + 1,
            retry_at=now - after + delay,
            reason=self.reason if _gist(reason) == _gist(self.reason) else reason,
            spared=spared + spare,
            starts=0 if ran else self.starts + 1,
            unhealthy=False,
            last=Failure(now, after, killed),
        )


def _gist(reason: str) -> str:
    return _MADE_UP.sub("", reason)


NONE = Attempts()
