# -*- test-case-name: tests.unit.agent.reconcile.test_carry_out -*-
"""The outcome of a step, as a value. The module that carries a step out makes it, once; its readers need no error."""

from __future__ import annotations

from attrs import frozen

from daprdockr.model.backoff import Backoff
from daprdockr.model.names import one_line
from daprdockr.planning.attempts import DELAYS
from daprdockr.planning.lanes import Lane

LONGEST_REASON = 500


@frozen
class Done:
    """The step was carried out."""


@frozen
class Retry:
    """
    The step failed, which says nothing about its object: its lane rests, longer each time, as ``delays`` says.
    ``at_once``: the first failure costs a delay already. ``once``: the same reason is logged only once in a row.
    """

    reason: str
    delays: Backoff = DELAYS
    at_once: bool = False
    once: bool = False


@frozen
class Fault:
    """
    The object of the step is at fault: an image, or one generation of a container. It is counted under ``lane``, where
    the planner finds it, and people get ``event``. ``lasting`` says that it counts as several failures, ``of_host``
    that it may be this host's fault, ``refused`` that a registry has no such image, or that the Engine does not take
    what is defined, ``unhealthy`` that the container may run, but did not become healthy.
    """

    reason: str
    lane: Lane
    event: str
    lasting: bool = False
    of_host: bool = False
    refused: bool = False
    unhealthy: bool = False


StepOutcome = Done | Retry | Fault


def reason_of(error: Exception) -> str:
    """Return the text of an error as a reason: one line of bounded length."""
    return one_line(str(error) or type(error).__name__, LONGEST_REASON)
