"""
The fault behind a step that the Engine did not carry out: none that a planner should know, or one of an image, of one
generation of a container, or of this host.

Note [Whose fault]
    A pull that failed counts against the image, whatever the reason, and a container that could not be created or
    started against that generation of it. An Engine that is away says nothing about a container: its lane rests. Only
    an Engine that accepted the call, never answered it, and answers everything else is at odds with this container;
    nobody waits for three such answers, so one counts as several. That, and a failure of the Engine itself, may be this
    host's fault. A container that cannot be stopped or removed has no fault that a planner should know.

    While the Engine is away the steps of all containers fail again and again with one text, which is logged once each.
"""

from __future__ import annotations

from daprdockr.model.errors import (
    EngineError,
    EngineFailed,
    EngineRefused,
    EngineSilent,
    EngineUnavailable,
    ImageRefused,
    NameTaken,
    PortTaken,
)
from daprdockr.planning.container_steps import ContainerStep, CreateContainer, PullImage, RenewFiles, StartContainer
from daprdockr.planning.lanes import Lane
from daprdockr.planning.outcome import Fault, Retry, reason_of

_FAILED = {
    CreateContainer: "its container could not be created",
    StartContainer: "its container could not be started",
}
"""The beginnings of events. Their subject is the instance, which therefore is not named again."""


def whose_fault(step: ContainerStep, error: EngineError, generation: str, away: bool) -> Retry | Fault:
    """
    Return the outcome of a step that failed with this error. See Note [Whose fault].

    :param generation: the digest of the definition of the step's container; "" where that is unknown.
    :param away: whether the Engine answers nothing else either.
    """
    reason, silent = reason_of(error), isinstance(error, EngineSilent) and not away
    match step:
        case PullImage():
            return Fault(reason, step.lane, reason, refused=isinstance(error, ImageRefused))
        case CreateContainer() | StartContainer() if silent or not isinstance(error, EngineUnavailable):
            lane = Lane("container", step.instance, generation)
            event, of_host = f"{_FAILED[type(step)]}: {reason}", silent or isinstance(error, EngineFailed)
            return Fault(reason, lane, event, lasting=silent, of_host=of_host, refused=_is_refused(error))
        case _:
            return Retry(reason, once=isinstance(step, RenewFiles) or isinstance(error, EngineUnavailable))


def _is_refused(error: EngineError) -> bool:
    """Return whether an Engine does not take what is defined, whatever else there is on its host."""
    return isinstance(error, EngineRefused) and not isinstance(error, EngineFailed | NameTaken | PortTaken)
