"""What is wrong with this agent now, as ``/healthz`` and whoever else judges its health are told."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol


class Troubled(Protocol):
    """A part of the agent that knows whether it is well."""

    @property
    def trouble(self) -> str:
        """What is wrong, in one line; "" while nothing is."""


def troubles(parts: Iterable[Troubled]) -> list[str]:
    """What is wrong with these parts, a line each, in their order."""
    return [trouble for part in parts if (trouble := part.trouble)]
