"""How long to wait before the next try. Pure: the caller brings the count of failures and the chance."""

from __future__ import annotations

from attrs import frozen


@frozen
class Backoff:
    """Delays in seconds that double from ``first`` up to ``limit``, each shortened by up to a half at random."""

    first: float = 0.1
    limit: float = 30.0

    def delay(self, failures: int, chance: float) -> float:
        """
        Seconds to wait after ``failures`` failures in a row (1: the first).

        :param chance: a random number in [0, 1), so that many who failed together do not return together.
        """
        doublings = min(max(failures, 1) - 1, 62)
        return min(self.limit, self.first * 2.0**doublings) * (1.0 - chance / 2)
