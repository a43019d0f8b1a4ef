"""The delay before a retry. Pure: the caller passes the count of failures and a random number."""

from __future__ import annotations

from attrs import frozen


@frozen
class Backoff:
    """Delays in seconds that double from ``first`` up to ``limit``, each shortened by up to a half at random."""

    first: float = 0.1
    limit: float = 30.0

    def delay(self, failures: int, chance: float) -> float:
        """
        Return the seconds to wait after ``failures`` failures in a row (1: the first).

        :param chance: a random number in [0, 1), so that many callers that failed together do not retry together.
        """
        doublings = min(max(failures, 1) - 1, 62)
        return min(self.limit, self.first * 2.0**doublings) * (1.0 - chance / 2)
