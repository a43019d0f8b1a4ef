# -*- test-case-name: tests.unit.planning.keeping.test_judging,tests.unit.planning.placing.test_failing -*-
"""The text for people about a new copy that was not healthy by its deadline."""

from __future__ import annotations

from daprdockr.model.names import InstanceName
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.keeping.reporting import verdict, why_unhealthy
from daprdockr.planning.situation import Situation


def not_in_time(situation: Situation, instance: InstanceName, definition: Definition, now: float) -> str:
    """Return that the copy of this definition was not healthy within ``Update.Deadline``, and why."""
    state = _state(situation, instance, definition, now)
    return f"not healthy within {definition.update.deadline:g} s: {state}"


def _state(situation: Situation, instance: InstanceName, definition: Definition, now: float) -> str:
    copies = (one for one in situation.of(instance) if one.definition == definition.digest and one.running)
    copy, before = next(copies, None), situation.attempts(instance, definition.digest).reason
    if copy is None:
        return before or "its container does not run"
    match verdict(situation, copy, definition, now):
        case True:
            return f"it was not healthy for {definition.update.min_healthy:g} s without a break"
        case None if before or definition.check.type == "docker":
            return before or "its HEALTHCHECK has no result"
    return why_unhealthy(situation, copy, definition)
