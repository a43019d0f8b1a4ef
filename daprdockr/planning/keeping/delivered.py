# -*- test-case-name: tests.unit.planning.keeping.test_renewing -*-
"""
The digest, in a claim, of the contents for which a running container got its signal. Pure.

It stands apart from ``renewing`` because the command line needs it, too, and imports no part of a plan.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.uses import HUP


def renewable(definition: Definition) -> tuple[str, ...]:
    """Return the stamps of the files whose changes are signalled, in the order of the definition."""
    secrets = (use.stamp for use in definition.secrets if use.on_change == HUP)
    return (*secrets, *(use.stamp for use in definition.files if use.on_change == HUP))


def delivery_digest(stamps: Sequence[str]) -> str:
    """Return what claims say of the contents with these stamps."""
    return hashlib.sha256("\n".join(stamps).encode()).hexdigest()[:12]


def awaits_signal(definition: Definition, delivered: str | None) -> bool:
    """Return whether the container of a claim has not got the signal for the contents that the definition names."""
    wanted = renewable(definition)
    return delivered is not None and all(wanted) and bool(wanted) and delivered != delivery_digest(wanted)
