"""
A trouble that each poll finds again: it is logged when it begins, when it becomes another one, and when it ends.

Knows nothing of what the trouble is, and writes no line itself: the caller hands in how its beginning and its end are
logged.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import define, field


def _silent() -> None:
    """Log nothing."""


@define(eq=False)
class LoggedOnce:
    """
    :ivar began: logs a trouble.
    :ivar ended: logs that there is none any more.
    :ivar trouble: the latest one; "" for none.
    """

    began: Callable[[str], None]
    ended: Callable[[], None] = _silent
    trouble: str = field(init=False, default="")

    def found(self, trouble: str) -> bool:
        """Report the present trouble, "" if nothing is wrong. Return whether it differs from the one before."""
        before, self.trouble = self.trouble, trouble
        if trouble == before:
            return False
        if trouble:
            self.began(trouble)
        else:
            self.ended()
        return True
