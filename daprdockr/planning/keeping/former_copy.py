# -*- test-case-name: tests.unit.planning.keeping.test_former_copy,tests.unit.whole.test_rollouts -*-
"""
The copy of the former definition that serves until a rollout comes to its instance, and what happens when it dies.

Note [The former copy died]
    Nobody knows yet whether containers of a changed definition come up. If each instance whose container dies went over
    to it, a crash or the reboot of a host would bypass the slots: with a bad definition more than ``Parallelism``
    instances would be out of service, and while a rollout is paused nothing would bring them back. So the former copy
    is started again, as without a rollout, and its instance is changed when it has a slot. It is the copy that the
    claim leads to. After a reboot the claim is a new one and leads to none; then it is the one that ran first, if there
    is no copy of the present definition.

    One that has failed ``LASTING`` times in a row is given up, and the present definition, which may be the remedy,
    starts at once without a slot. So does an instance of which no former container is left, or that moves to another
    node. While a slot is held, the former copy is started again too, unless it was stopped to make room
    (``stops_first``); and it is kept until the new one is proven, for it is the way back.
"""

from __future__ import annotations

from collections.abc import Iterator

from daprdockr.model.host import ContainerState, Status
from daprdockr.model.stored.revisioned import Claim
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.one_copy import stops_first
from daprdockr.planning.container_steps import StartContainer
from daprdockr.planning.keeping.rolling import slot_of
from daprdockr.planning.keeping.withdrawing import Wait
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step


def former_copy(situation: Situation, claim: Claim, definition: Definition, confirmed: bool) -> ContainerState | None:
    """Return the copy of the former definition that is to be started again: Note [The former copy died]."""
    copies = situation.of(claim.instance)
    others = [one for one in copies if one.definition != definition.digest]
    if situation.wanted.missing or any(one.running for one in others):
        return None
    if situation.claims.owners.get(claim.instance.number) != claim:  # it moves here: nothing leads to our copy yet
        return None
    led_to = claim.record.container
    is_new = not led_to and len(others) == len(copies)
    found = [one for one in others if one.id == led_to or (is_new and one.started)]
    found.sort(key=lambda one: one.started)
    return next((one for one in found if _is_usable(situation, one, definition, confirmed)), None)


def start_again(situation: Situation, copy: ContainerState, now: float) -> Iterator[Step | Wait]:
    """Yield the start of the former copy, when it is time."""
    retry_at = situation.attempts(copy.instance, copy.definition).retry_at
    start = StartContainer(copy.instance, copy.id, generation=copy.definition)
    yield start if retry_at <= now else Wait(retry_at)


def _is_usable(situation: Situation, copy: ContainerState, definition: Definition, confirmed: bool) -> bool:
    at_most_one = definition.at_most_one or copy.on_partition == "stop"
    if situation.attempts(copy.instance, copy.definition).lasting or copy.error or copy.cut_off:
        return False
    if copy.status in (Status.DEAD, Status.REMOVING) or (at_most_one and not confirmed):
        return False
    is_stopped_for_room = stops_first(definition) or at_most_one
    return slot_of(situation, copy.instance) is None or not is_stopped_for_room
