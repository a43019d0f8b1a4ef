"""The kinds of values, as words for people and programs."""

from __future__ import annotations

import re


def kind_of(value: object) -> str:
    """Return the name of the value's type as words: ``start_container`` for a ``StartContainer``."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(value).__name__).lower()
