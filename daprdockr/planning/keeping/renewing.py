"""
Contents that change in a running container: put in their place, and signalled, instead of other containers. Pure.

Only the container of the present definition is renewed: another one is replaced anyway.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from daprdockr.model.host import ContainerState, Status
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.uses import HUP
from daprdockr.planning.situation import Situation


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


def is_to_renew(situation: Situation, container: ContainerState, definition: Definition) -> bool:
    """
    Return whether a running container may have older contents than the definition names. An agent that has just begun
    does not know what its predecessor has done, and finds out.
    """
    wanted = renewable(definition)
    paused = container.status is Status.PAUSED
    return bool(wanted) and not paused and all(wanted) and situation.host.renewed.get(container.id) != wanted
