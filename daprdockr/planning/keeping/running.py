# -*- test-case-name: tests.unit.planning.keeping.test_running,tests.unit.planning.keeping.test_missing -*-
"""
Decisions of the node that holds an instance about its containers: one of the present definition runs, and no other.

Note [Old generation, new generation]
    After a changed definition the image is fetched while the old container serves on, and so it does until it is the
    instance's turn: Note [Slots of a rollout] in ``rolling``. Then the new one is created and started beside it, on
    other host ports, and the old one goes (Note [Withdrawn, then stopped] in ``withdrawing``) when the claim leads to
    the new one; or, where two may not run side by side, before the new one is created. Each has host ports and failures
    of its own, the healthy one is reported, and the old one serves until that is the new one.

Note [Out of touch]
    Without etcd an instance we last knew as ours is still ours: its container, when it died, is started again, unless
    one of another generation runs. Nothing is created, claimed, released or stopped then. With ``OnPartition: stop``
    nothing is started either, because another node may be running it by now, and of an instance that was to be taken
    over from another node nothing is, because nothing leads to our copy.

Note [What is missing]
    A definition may name a secret or a file that is not set, or that was deleted while its containers run. Another
    container could not be made then, so none is, and one that runs stays, of whatever generation: nothing that was
    deleted stops what depends on it. The digest has changed, so when the secret is set again, with another stamp, the
    containers are replaced.

Note [A network that was taken]
    A container whose network was taken from it does not get it back when it is started again, nor when there is a
    network of that name again. While it runs it may still do some work, so it stays until there is a network for
    another one; when it has ended it goes at once, and the next one reports why it cannot start.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from daprdockr.model.host import ContainerState, Port, Status
from daprdockr.model.stored.revisioned import Claim
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.one_copy import stops_first
from daprdockr.planning.attempts import SPOILT, Attempts
from daprdockr.planning.container_steps import CreateContainer, PullImage, RenewFiles, StartContainer, StopContainer
from daprdockr.planning.keeping.body import published
from daprdockr.planning.keeping.former_copy import former_copy, start_again
from daprdockr.planning.keeping.pinning import pin_first
from daprdockr.planning.keeping.preceding import owed
from daprdockr.planning.keeping.recording import kept
from daprdockr.planning.keeping.renewing import is_to_renew
from daprdockr.planning.keeping.replacing import has_its_turn, is_due
from daprdockr.planning.keeping.reporting import settled_at, verdict, why_unhealthy
from daprdockr.planning.keeping.rolling import is_proven, keep_slot, proven_at, slot_of, take_slot
from daprdockr.planning.keeping.withdrawing import Wait, Withdrawal, is_led_to, remove, withdraw
from daprdockr.planning.placing.awaited import waits_for
from daprdockr.planning.placing.home import tied_elsewhere
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step


def keep_running(
    situation: Situation, claim: Claim, definition: Definition, confirmed: bool, now: float
) -> Iterator[Step | Wait | Withdrawal]:
    """
    Yield the next steps, whether the claim is held or to be taken over.

    :param confirmed: whether it is certain that this node holds it now.
    """
    instance = claim.instance
    containers = situation.of(instance)
    current = [c for c in containers if c.definition == definition.digest]
    if current and current[0].running:
        if confirmed and current[0].cut_off in situation.host.networks:  # Note [A network that was taken]
            taken = f"network {current[0].cut_off} was taken from it, and is there"
            yield from withdraw(situation, current[0], taken, now)
            return
        if confirmed and is_due(situation, current[0], definition) and has_its_turn(situation, current[0], definition):
            yield from _restart(situation, current[0], definition, now)
            return
        yield from _attend(situation, current[0], definition, confirmed, now)
        if _is_unproven(situation, current[0], definition, now):
            former = former_copy(situation, claim, definition, confirmed)
            yield from start_again(situation, former, now) if former is not None else ()
    elif (former := former_copy(situation, claim, definition, confirmed)) is not None:
        yield from start_again(situation, former, now)
    elif confirmed and not current and is_to_pull(situation, definition):
        yield from _pull(situation, definition, now)
    elif containers and containers[0].running:
        if confirmed and not situation.wanted.missing:  # Note [What is missing]
            yield from _replace(situation, claim, definition, now)
    else:
        yield from _run(situation, claim, definition, confirmed, now)


def _attend(
    situation: Situation, container: ContainerState, definition: Definition, confirmed: bool, now: float
) -> Iterator[Step | Wait | Withdrawal]:
    """Go on with a container that runs as it should."""
    for at in (settled_at(situation, container), proven_at(situation, container, definition)):
        if at is not None and at > now:
            yield Wait(at)
    if confirmed:
        if is_to_renew(situation, container, definition):
            yield RenewFiles(container.instance, container.id, generation=container.definition)
        yield from _keep_one(situation, container, definition, now)


def _replace(
    situation: Situation, claim: Claim, definition: Definition, now: float
) -> Iterator[Step | Wait | Withdrawal]:
    """Replace the copy that runs, which is of another definition: Note [Slots of a rollout] in ``rolling``."""
    old, *others = (c for c in situation.of(claim.instance) if c.definition != definition.digest)
    changed = f"the definition of {situation.name} changed"
    slot = slot_of(situation, claim.instance)
    if situation.claims.owners.get(claim.instance.number) != claim:  # to be taken over: nothing leads to it
        yield from withdraw(situation, old, changed, now)
    elif (image := pin_first(situation)) is not None:
        yield image
    elif owed(situation):  # Note [Before a rollout] in ``preceding``
        return
    elif slot is None or slot.record.definition != definition.digest:
        yield from take_slot(situation, claim.instance, definition, now)
    elif stops_first(definition) or old.on_partition == "stop":
        yield from withdraw(situation, old, changed, now)
    else:
        yield from _run(situation, claim, definition, True, now)
    for other in others:
        if other.running and _may_go(situation, other, definition, now):
            yield from withdraw(situation, other, changed, now)


def _restart(
    situation: Situation, container: ContainerState, definition: Definition, now: float
) -> Iterator[Step | Wait | Withdrawal]:
    """Stop a container whose check goes on failing; as it does not run then, it is started anew."""
    for one in withdraw(situation, container, why_unhealthy(situation, container, definition), now):
        yield evolve(one, unhealthy=True) if isinstance(one, StopContainer) else one


def _keep_one(
    situation: Situation, current: ContainerState, definition: Definition, now: float
) -> Iterator[Step | Wait | Withdrawal]:
    """
    Remove all copies but the ``current`` one. One that serves stays until the claim leads to that, and so does any that
    runs while that is still to be proven.
    """
    reason = "another container of this instance runs"
    slot, claim = slot_of(situation, current.instance), situation.own(current.instance)
    proving = slot is not None and (claim is None or claim.record.container != current.id)
    unproven = _is_unproven(situation, current, definition, now)
    for other in situation.of(current.instance):
        led_to = is_led_to(situation.here.node, situation.service, situation.claims, other)
        if other != current and definition.at_most_one:
            yield remove(other, reason)
        elif other == current or led_to or (proving if other.running else unproven):
            continue
        elif not other.running or _may_go(situation, other, definition, now):
            yield from withdraw(situation, other, reason, now)


def _is_unproven(situation: Situation, copy: ContainerState, definition: Definition, now: float) -> bool:
    """Return whether this copy got a slot, and has to show yet that it comes up."""
    return slot_of(situation, copy.instance) is not None and not is_proven(situation, copy, definition, now)


def _may_go(situation: Situation, other: ContainerState, definition: Definition, now: float) -> bool:
    """
    Return whether a copy may be stopped to which the claim does not lead: it leads to another one here, or this one is
    ill. An agent that has just begun, and claims the instance anew, does not know yet which copy serves.
    """
    claim = situation.own(other.instance)
    copies = {copy.id for copy in situation.of(other.instance) if copy.running}
    serves = claim is not None and claim.record.healthy and claim.record.container in copies
    return serves or verdict(situation, other, definition, now) is False


def _run(
    situation: Situation, claim: Claim, definition: Definition, confirmed: bool, now: float
) -> Iterator[Step | Wait]:
    """Start the container there is, or create one, when it is time, because no container of the instance runs."""
    attempts = situation.attempts(claim.instance, definition.digest)
    current = next((c for c in situation.of(claim.instance) if c.definition == definition.digest), None)
    if current is not None and _is_spoilt(current, attempts):
        if confirmed and current.status is not Status.REMOVING:
            yield remove(current, current.error or "it is dead")
    elif current is not None and current.cut_off and confirmed:
        yield remove(current, f"network {current.cut_off} was taken from it")
    elif now < attempts.retry_at:
        yield Wait(attempts.retry_at)
    elif current is not None and (confirmed or not definition.at_most_one):
        yield StartContainer(claim.instance, current.id, generation=current.definition)
    elif confirmed and owed(situation) and (image := pin_first(situation)) is not None:
        yield image  # the command before the first start waits for it
    elif confirmed and not _is_kept_back(situation, claim):
        slot = keep_slot(situation, claim.instance, definition)
        yield kept(situation, claim, definition) or slot or _create(situation, claim, definition)


def _is_kept_back(situation: Situation, claim: Claim) -> bool:
    """Return whether no container may be created yet."""
    waits = waits_for(situation, claim.instance) or tied_elsewhere(situation, claim.instance.number)
    return bool(situation.wanted.missing or waits or owed(situation))


def _create(situation: Situation, claim: Claim, definition: Definition) -> Step:
    defined = situation.service.revision if situation.service is not None else 0
    return CreateContainer(
        claim.instance, definition, host_ports(situation, claim, definition), claim.fence, defined=defined
    )


def _is_spoilt(container: ContainerState, attempts: Attempts) -> bool:
    """
    Return whether it will not start, and another has to take its place. One or two failed starts do not show that: the
    Engine may have been about to end, or the host short of something for a moment. An agent that knows of no attempt
    judges by the error alone.
    """
    failed = container.error and (not attempts.count or attempts.starts >= SPOILT)
    return bool(failed) or container.status in (Status.DEAD, Status.REMOVING)


def _pull(situation: Situation, definition: Definition, now: float) -> Iterator[Step | Wait]:
    retry_at = situation.host.pull.retry_at
    yield PullImage(definition.image, definition.to_pull) if retry_at <= now else Wait(retry_at)


def is_to_pull(situation: Situation, definition: Definition) -> bool:
    """Return whether a container may not be made from the image that is here, or there is none."""
    return situation.host.image is None or definition.to_pull not in ("", situation.host.pulled_for)


def host_ports(situation: Situation, claim: Claim, definition: Definition) -> tuple[Port, ...]:
    """
    Return the ports to publish, each with the host port it had when this instance last ran here, unless another running
    copy still has that; one that the definition fixes is always that.
    """
    wanted, copies = published(definition, situation.host.image), situation.of(claim.instance)
    held = {(port.protocol, port.host) for copy in copies if copy.running for port in copy.ports}
    before = [port for copy in reversed(copies) for port in copy.ports]
    free = [port for port in (*claim.record.ports, *before) if port.host and (port.protocol, port.host) not in held]
    had = {(port.container, port.protocol): port.host for port in (*free, *definition.container.host_ports)}
    return tuple(Port(number, protocol, had.get((number, protocol), 0)) for number, protocol in wanted)
