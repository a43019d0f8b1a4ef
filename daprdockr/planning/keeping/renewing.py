"""
Contents that change in a running container: put in their place, and signalled, instead of other containers. Pure.

Only the container of the present definition is renewed: another one is replaced anyway.
"""

from __future__ import annotations

from daprdockr.model.host import ContainerState, Status
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.keeping.delivered import renewable
from daprdockr.planning.situation import Situation


def is_to_renew(situation: Situation, container: ContainerState, definition: Definition) -> bool:
    """
    Return whether a running container may have older contents than the definition names. An agent that has just begun
    does not know what its predecessor has done, and finds out.
    """
    wanted = renewable(definition)
    paused = container.status is Status.PAUSED
    return bool(wanted) and not paused and all(wanted) and situation.host.renewed.get(container.id) != wanted
