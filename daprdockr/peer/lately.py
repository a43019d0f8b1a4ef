"""
The connections of which there was an event lately: a browser opens many, and one event says all that there is to say.
"""

from __future__ import annotations

from attrs import field, frozen

from daprdockr.model.names import InstanceName
from daprdockr.model.stored.events import LIFE

Connected = tuple[str, str, InstanceName, int]
"""A person, the address of their machine, and a port of an instance."""

QUIET = LIFE / 2
"""Seconds for which an event counts for further connections: no event ends sooner."""

MOST = 1000
"""Of more the earliest is forgotten."""


@frozen
class Lately:
    """The connections by who had them, from where, and to which port of which instance."""

    _at: dict[Connected, float] = field(factory=dict, init=False)

    def is_news(self, what: Connected, now: float) -> bool:
        """Return whether a connection is to have an event; that counts from now on."""
        if what in self._at and now - self._at[what] < QUIET:
            return False
        self._at.pop(what, None)
        self._at[what] = now
        if len(self._at) > MOST:
            del self._at[next(iter(self._at))]
        return True
