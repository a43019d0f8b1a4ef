"""The conditions that are wrong with this agent now, as ``/healthz`` reports them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from daprdockr.model.trouble import Trouble


class HasCondition(Protocol):
    """A part of the agent that knows whether it works."""

    @property
    def condition(self) -> Trouble | None:
        """The present condition; None while nothing is wrong."""


def conditions(parts: Iterable[HasCondition]) -> list[Trouble]:
    """Return what is wrong with these parts, in their order."""
    return [condition for part in parts if (condition := part.condition) is not None]


def lines(parts: Iterable[HasCondition]) -> list[str]:
    """Return the same for people: a line each, but one for all parts that say the same, such as that etcd is away."""
    return list(dict.fromkeys(text for text in map(str, conditions(parts)) if text))
