"""
How often something failed lately, and when to try again: exponential, bounded, a value.

Times are seconds of a monotonic clock.
"""

from __future__ import annotations

from attrs import frozen

FIRST_DELAY = 0.5
LONGEST_DELAY = 60.0
STEADY = 2.0
"""A container that lived this long has started well: its end is an accident, and it is started again at once."""


@frozen
class Attempts:
    """``count`` failures in a row; not again before ``retry_at``."""

    count: int = 0
    retry_at: float = 0.0
    reason: str = ""

    def failed(self, now: float, reason: str, after: float = 0.0) -> Attempts:
        """
        One more failure at ``now``, ``after`` seconds from its start.

        The delay counts from that start; the first failure, and one after a steady run, costs none.
        """
        before = 0 if after >= STEADY else self.count
        delay = min(LONGEST_DELAY, FIRST_DELAY * 2.0 ** min(before - 1, 16)) if before else 0.0
        return Attempts(count=before + 1, retry_at=now - after + delay, reason=reason)


NONE = Attempts()
