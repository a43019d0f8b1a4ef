"""
The record that a node reports of an instance it owns, in the instance's claim.

Note [The healthy copy]
    Two copies of an instance may run for a while, made from two definitions. The claim names one, because names and
    routes lead to one: a healthy copy before one that is unhealthy or without a verdict yet, and of two healthy ones
    the present definition's as soon as that has been healthy for ``Update.MinHealthy`` seconds, before that the one
    that the claim names. So the claim says that the instance is healthy as long as one copy is, and turns to the new
    copy once. As long as the old one is in it, its reason says what became of the new one.

Note [Reported without the Engine]
    While the Engine is away nothing is known of containers but what their checks by TCP and HTTP find, and the others
    have no result. A container that has ended meanwhile, or hangs, would keep its name and its routes for as long. So
    the verdict on the container that is reported goes on to be reported, whatever other copies there are, and nothing
    else; but its turn to be replaced is not kept, and one that is coming up is ``Overdue`` at once, because nothing can
    be started, and instances elsewhere would wait.
"""

from __future__ import annotations

import math

from attrs import evolve

from daprdockr.model.host import ContainerState, Status
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.revisioned import Claim
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.health import Health
from daprdockr.model.wanted.routed_ports import RoutedPorts
from daprdockr.planning.attempts import SETTLED
from daprdockr.planning.keeping.delivered import delivery_digest, renewable
from daprdockr.planning.keeping.preceding import owed
from daprdockr.planning.keeping.replacing import is_due
from daprdockr.planning.keeping.rolling import is_proven
from daprdockr.planning.placing.awaited import waits_for
from daprdockr.planning.placing.failing import gives_up, is_overdue, is_released
from daprdockr.planning.placing.home import why_tied
from daprdockr.planning.situation import Situation

_OWN_CHECK = "its HEALTHCHECK fails"


def report(situation: Situation, instance: InstanceName, definition: Definition, now: float) -> ClaimRecord:
    """Return the record of an instance of ours. It changes only when a person or another node should know."""
    record = _state_report(situation, instance, definition, now)
    leaving = situation.moving.leaving.get(instance.number, math.inf) <= now
    claim = situation.claims.owners.get(instance.number)
    if claim is not None and claim.node == situation.here.node and not record.healthy:
        leaving = leaving or gives_up(situation, claim, now)
    return evolve(
        record,
        leaving=leaving and not is_released(situation, instance),
        due=_due(situation, instance, record, definition),
        overdue=not record.healthy and is_overdue(situation, instance, now),
    )


def report_without_engine(situation: Situation, claim: Claim, definition: Definition, now: float) -> ClaimRecord:
    """See Note [Reported without the Engine]."""
    before = claim.record
    if not before.healthy and before.state is not State.UNHEALTHY:
        return evolve(before, overdue=True)
    kept = evolve(before, due=before.due and claim.instance.number in situation.claims.successors)
    running = [c for c in situation.of(claim.instance) if c.running and c.id not in situation.host.stopping]
    reported = next((c for c in running if _is_reported(situation, c)), None)
    if reported is None:
        return kept
    passed = verdict(situation, reported, definition, now)
    if passed is None:
        return kept
    state, overdue = _state_of(passed), before.overdue and not passed
    reason = _reason(situation, reported, definition, passed)
    judged, due = _judged(situation, reported, definition), kept.due and not passed
    return evolve(kept, state=state, healthy=passed, reason=reason, due=due, overdue=overdue, judged=judged)


def _due(situation: Situation, instance: InstanceName, record: ClaimRecord, definition: Definition) -> bool:
    """Return whether the container that is reported is going to be replaced."""
    if record.state is not State.UNHEALTHY:
        return False
    return any(c.id == record.container and is_due(situation, c, definition) for c in situation.of(instance))


def _state_report(situation: Situation, instance: InstanceName, definition: Definition, now: float) -> ClaimRecord:
    """
    Return the record; while nothing is known of a container that was reported before (this agent has just begun), the
    former one stands.
    """
    serving = _serving(situation, instance, definition, now)
    if serving is None:
        return _report_absent(situation, instance, definition, now)
    passed = verdict(situation, serving, definition, now)
    if passed is None:
        before = _before(situation, instance)
        if _is_reported(situation, serving):
            return before
        reason = situation.attempts(instance, serving.definition).reason
        if not reason and situation.host.diagnosis(serving.id).complaint:
            reason = why_unhealthy(situation, serving, definition)
        return evolve(before, state=State.STARTING, healthy=False, reason=reason)
    return ClaimRecord(
        node=situation.here.node,
        state=_state_of(passed),
        healthy=passed,
        addresses=situation.here.addresses,
        ports=serving.ports,
        container=serving.id,
        definition=serving.definition,
        started=serving.started,
        reason=_reason(situation, serving, definition, passed),
        routed=_routed(situation, serving, definition),
        delivered=_delivered(situation, serving, definition),
        judged=_judged(situation, serving, definition),
    )


def _state_of(passed: bool) -> State:
    return State.RUNNING if passed else State.UNHEALTHY


def _reason(situation: Situation, serving: ContainerState, definition: Definition, passed: bool) -> str:
    return _lacks(situation, serving, definition) if passed else _still(situation, serving, definition)


def _still(situation: Situation, serving: ContainerState, definition: Definition) -> str:
    """Return why a copy is not healthy; what its HEALTHCHECK wrote first stands, whatever it writes later."""
    reason, before = why_unhealthy(situation, serving, definition), _before(situation, serving.instance)
    if before.state is not State.UNHEALTHY or not _is_reported(situation, serving):
        return reason
    is_alike = all(one.startswith(_OWN_CHECK) for one in (before.reason, reason))
    return before.reason if is_alike else reason


def _delivered(situation: Situation, serving: ContainerState, definition: Definition) -> str | None:
    """Return of which contents a container got the signal; what was reported of it stands until more is known."""
    if not renewable(definition):
        return None
    stamps = situation.host.renewed.get(serving.id)
    if stamps is not None:
        return delivery_digest(stamps)
    before = _before(situation, serving.instance)
    return before.delivered or "" if before.container == serving.id else ""


def _judged(situation: Situation, serving: ContainerState, definition: Definition) -> str:
    """Return the digest of the check that the verdict is from: a changed one has not found anything at first."""
    check = _check_of(situation, serving, definition)
    judging = situation.host.diagnosis(serving.id).check or check
    return check.digest if check.type in ("none", "docker") else judging.digest


def _routed(situation: Situation, serving: ContainerState, definition: Definition) -> RoutedPorts:
    """
    Return the ports to which routes lead in this container: Note [The ports of its own definition] in
    ``model.wanted.routed_ports``.
    """
    before = _before(situation, serving.instance)
    if serving.definition == definition.digest:
        return definition.routed_ports
    return before.routed if before.container == serving.id else RoutedPorts()


def _serving(situation: Situation, instance: InstanceName, definition: Definition, now: float) -> ContainerState | None:
    """Return the copy to report: Note [The healthy copy]."""
    # Ignore containers being stopped: if we reported one healthy, another node would stop its copy.
    running = [c for c in situation.of(instance) if c.running and c.id not in situation.host.stopping]
    well = [c for c in running if _is_well(situation, c, definition, now)]
    of_present = (c for c in well if c.definition == definition.digest)
    present = [c for c in of_present if is_proven(situation, c, definition, now)]
    return next(iter([*present, *well, *running]), None)


def _is_well(situation: Situation, container: ContainerState, definition: Definition, now: float) -> bool:
    """
    Return whether a running copy is healthy, as far as known: an agent that has just begun, and knows of no failure,
    goes by the record, or the first verdict would decide which copy it is that serves.
    """
    passed = verdict(situation, container, definition, now)
    if passed is not None or situation.attempts(container.instance, container.definition).count:
        return bool(passed)
    return _is_reported(situation, container) and _before(situation, container.instance).healthy


def _is_reported(situation: Situation, container: ContainerState) -> bool:
    """Return whether the record reported last is about this run of a container."""
    before = _before(situation, container.instance)
    return (before.container, before.started) == (container.id, container.started)


def _lacks(situation: Situation, serving: ContainerState, definition: Definition) -> str:
    """Return what is wrong although the copy that is reported is healthy."""
    successor, pull = situation.attempts(serving.instance, definition.digest), situation.host.pull
    if serving.definition != definition.digest and pull.count:
        return f"the changed definition waits for its image: {pull.reason}"
    if serving.definition != definition.digest and successor.count:
        return f"the container of the changed definition does not come up: {successor.reason}"
    return situation.wanted.missing or situation.host.lacking


def verdict(situation: Situation, container: ContainerState, definition: Definition, now: float) -> bool | None:
    """Return whether a running container is healthy; None while that is not known yet."""
    known = situation.host.diagnosis(container.id)
    if _hindrance(container) or (known.unreached and known.verdict is False):
        return False
    check = _check_of(situation, container, definition).type
    if check == "docker":
        return {"": False, "healthy": True, "unhealthy": False}.get(container.health)
    if check == "none":
        return True if settled_at(situation, container) <= now else None
    return known.verdict


def _check_of(situation: Situation, container: ContainerState, definition: Definition) -> Health:
    """Return the check by which a container is judged: that of its own definition, if that is known."""
    if container.definition == definition.digest:
        return definition.check
    return situation.host.checks.get(container.id, definition.check)


def settled_at(situation: Situation, container: ContainerState) -> float:
    """
    Return when a running container without a health check counts as healthy: at once, but not in the middle of a crash
    loop, in which every start would be reported to the whole cluster.
    """
    attempts = situation.attempts(container.instance, container.definition)
    return attempts.retry_at + SETTLED if attempts.count > 1 else 0.0


def _report_absent(situation: Situation, instance: InstanceName, definition: Definition, now: float) -> ClaimRecord:
    before = _before(situation, instance)
    pull = situation.host.pull
    attempts = situation.attempts(instance, definition.digest)
    if situation.host.image is None and pull.count:
        return evolve(before, state=State.PULLING, healthy=False, reason=pull.reason)
    if not attempts.unhealthy and (attempts.retry_at > now or attempts.count > 1):
        return evolve(before, state=State.BACKING_OFF, healthy=False, reason=attempts.reason)
    waits = waits_for(situation, instance) or why_tied(situation, instance.number) or owed(situation)
    reason = situation.wanted.missing or attempts.reason or waits
    state = State.PULLING if situation.host.lacks_image and not reason else State.STARTING
    return evolve(before, state=state, healthy=False, reason=reason)


def _before(situation: Situation, instance: InstanceName) -> ClaimRecord:
    """Return the record reported last, which remembers the ports, or that of a new claim."""
    here = situation.here
    claim = situation.own(instance)
    if claim is not None:
        return evolve(claim.record, addresses=here.addresses)
    return ClaimRecord(node=here.node, addresses=here.addresses)


def _hindrance(container: ContainerState) -> str:
    """
    Return why a running container cannot serve, whatever its health check would find: the kernel goes on taking
    connections for the processes of a paused one, and one without a network may find itself healthy.
    """
    if container.status is Status.PAUSED:
        return "it is paused"
    return f"network {container.cut_off} was taken from it" if container.cut_off else ""


def why_unhealthy(situation: Situation, container: ContainerState, definition: Definition) -> str:
    """Return why a running container is not healthy, as its check says it."""
    check = _check_of(situation, container, definition)
    known = situation.host.diagnosis(container.id)
    if hindrance := _hindrance(container) or known.unreached:
        return hindrance
    match check.type:
        case "docker" if not container.health:
            return "the image has no HEALTHCHECK, but Health asks for it"
        case "docker":
            return _with(_OWN_CHECK, container.complaint)
        case "exec":
            return _with(f"the command {' '.join(check.command)} fails", known.complaint)
        case "grpc":
            return _with(f"gRPC's health check on port {check.port} fails", known.complaint)
        case "tcp":
            return f"nothing answers on port {check.port}"
    return _with(f"no success from {check.path} on port {check.port}", known.complaint)


def _with(reason: str, complaint: str) -> str:
    return f"{reason}: {complaint}" if complaint else reason
