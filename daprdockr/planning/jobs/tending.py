"""
The fate of the runs that this node has claimed, and of the containers that carry them out.

Note [Claimed, then started]
    A container is started only when etcd holds a record that says which one it is. Before that the run has not begun,
    whatever happens: the claim can be taken back, and an agent that was killed goes on where it was. After that it has
    begun once, whatever happens: the agent waits for the end of that container and of no other. If it is gone without
    having been seen to end, the run is lost, which is said, and not done again unless ``Retries`` allow it.

Note [A node that comes back]
    A run whose node went away is written off as lost by the others, without knowing how it ended; it may go on. When
    the node is back, and finds the container of such a run, its end is what the record says in the end. If another node
    was allowed to begin it anew meanwhile, the container here is stopped instead. So it is with a node that has another
    name now, which it writes into the record: by the former name it would count as away.

Note [An Engine's fault]
    Neither a container that could not be created nor one that could not be started has carried out anything, so the
    Engine is asked again, each time later. The attempt ends when the Engine refuses what is defined, or says that the
    program cannot be started; and if its fault lasts, after ``PATIENCE`` seconds, or with the run's window.

Note [Stopped with status 0]
    Many programs end with status 0 when they are asked to stop, which an Engine that ends asks all of them. So an end
    soon after a signal is no success. Nor is one before the host was started again, if the run began before that: a
    host that goes down ends the agent first, so nobody saw whether the Engine stopped the run.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import evolve

from daprdockr.model.host import ContainerState, Status
from daprdockr.model.last_words import how_it_ended
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.revisioned import KnownRun, Service
from daprdockr.model.stored.run import RunState, place_of
from daprdockr.model.wanted.schedule import Schedule
from daprdockr.planning.attempts import NONE, Attempts
from daprdockr.planning.container_steps import CreateContainer, PullImage, StartContainer, StopContainer
from daprdockr.planning.jobs.settling import is_late, is_outdated, not_begun
from daprdockr.planning.jobs.writing import failed, missed, rewritten
from daprdockr.planning.keeping.running import is_to_pull
from daprdockr.planning.keeping.withdrawing import Wait, remove
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step

PATIENCE = 30.0
"""Seconds after which an attempt ends for which the Engine makes or starts no container."""

PULLS = 3
"""So many pulls that failed end an attempt."""


def tend(situation: Situation, service: Service, schedule: Schedule, now: float) -> Iterator[Step | Wait]:
    """Yield the next steps for the runs of this node: Note [Claimed, then started]."""
    for _, run in sorted(situation.runs.records.items()):
        if run.record.node in situation.here.former:
            yield from _take_over(situation, run)
        if run.record.node != situation.here.node:
            continue
        if run.record.state is RunState.CLAIMED and situation.here.may_claim:
            yield from _prepare(situation, run, service, schedule, now)
        elif run.record.state in (RunState.RUNNING, RunState.LOST):
            yield from _attend(situation, run, schedule, now)


def _take_over(situation: Situation, run: KnownRun) -> Iterator[Step]:
    """Note this node's present name in a run that it began under a former one, and that may go on here."""
    is_here = any(one.id == run.record.container for one in _containers(situation, run))
    if situation.here.may_claim and is_here and run.record.state in (RunState.RUNNING, RunState.LOST):
        yield rewritten(situation, run, evolve(run.record, node=situation.here.node))


def clear(situation: Situation) -> Iterator[Step]:
    """Yield the next steps towards the removal of containers whose runs have ended, or are not this node's."""
    for container in situation.runs.containers if situation.here.in_touch else ():
        if _is_to_go(situation, container):
            yield remove(container, f"run {container.run} of {situation.name} is not carried out by it any more")


def _is_to_go(situation: Situation, container: ContainerState) -> bool:
    here, run = situation.here, situation.runs.records.get(container.run)
    knew = container.cluster == here.cluster and container.revision <= here.revision
    return knew and not _carries_out(situation, run, container)


def _carries_out(situation: Situation, run: KnownRun | None, container: ContainerState) -> bool:
    """Return whether a container is that of a run which has not ended."""
    if run is None or situation.service is None:
        return False
    if run.record.node not in (situation.here.node, *situation.here.former):
        return False
    if run.record.state is RunState.CLAIMED:
        return container.revision == run.revision
    expected = container.id == run.record.container
    if run.record.state is RunState.LOST:
        return expected and container.status is not Status.CREATED
    return expected and run.record.state is RunState.RUNNING


def _prepare(
    situation: Situation, run: KnownRun, service: Service, schedule: Schedule, now: float
) -> Iterator[Step | Wait]:
    made = next((one for one in _containers(situation, run) if one.revision == run.revision), None)
    attempts, late = _attempts(situation, run, service.definition.digest), _comes_late(situation, run, schedule, now)
    if is_outdated(service, run):
        yield not_begun(situation, service, run)
    elif made is not None and not late:
        begins = evolve(run.record, state=RunState.RUNNING, container=made.id, definition=made.definition)
        yield rewritten(situation, run, evolve(begins, started=situation.runs.wall, reason=""))
    elif why := situation.wanted.missing or _given_up(situation, run, attempts, schedule, now):
        yield failed(situation, run, schedule, RunState.FAILED, why)
    elif late:
        reason = f"{situation.here.node} could not begin it in time"
        yield rewritten(situation, run, missed(situation, run.record, reason))
    elif attempts.retry_at > now:
        yield Wait(attempts.retry_at)
    elif any(_is_to_go(situation, one) for one in _containers(situation, run)):
        return  # that of a former attempt: it may still be at work, and it has the name
    elif is_to_pull(situation, service.definition):
        yield _pull(situation, run, service, schedule, now)
    else:
        yield _create(situation, run, service)


def _comes_late(situation: Situation, run: KnownRun, schedule: Schedule, now: float) -> bool:
    """
    Return whether the time of a run was over when this agent found it claimed: Note [Late after all] in ``settling``.
    """
    found = situation.runs.wall - (now - situation.runs.claimed_since.get(run.number, now))
    return is_late(schedule, run, found)


def _create(situation: Situation, run: KnownRun, service: Service) -> Step:
    definition = service.definition
    command = run.record.arguments or (definition.before.command if definition.before is not None else ())
    place, defined = _place(situation, run), service.revision
    return CreateContainer(place, definition, (), run.revision, defined=defined, run=run.number, command=command)


def _pull(situation: Situation, run: KnownRun, service: Service, schedule: Schedule, now: float) -> Step | Wait:
    pull = situation.host.pull
    if pull.last.at >= _since(situation, run) and (pull.last.refused or pull.count >= PULLS):
        return failed(situation, run, schedule, RunState.FAILED, pull.reason)
    wanted = service.definition
    return PullImage(wanted.image, wanted.to_pull) if pull.retry_at <= now else Wait(pull.retry_at)


def _attend(situation: Situation, run: KnownRun, schedule: Schedule, now: float) -> Iterator[Step | Wait]:
    here = situation.here
    own = next((one for one in _containers(situation, run) if one.id == run.record.container), None)
    lost = run.record.state is RunState.LOST
    if not here.may_claim or (lost and (own is None or own.status is Status.CREATED)):
        return
    if own is None:
        reason = "its container was removed by somebody before it was seen to end"
        yield failed(situation, run, schedule, RunState.LOST, reason)
    elif own.status is Status.CREATED:
        yield from _start(situation, run, own, schedule, now)
    elif not own.running:
        yield _end(situation, run, own, schedule)
    elif lost:
        yield rewritten(situation, run, evolve(run.record, state=RunState.RUNNING, ended=0.0, reason=""))
    elif schedule.deadline:
        yield from _until_deadline(situation, run, own, schedule, now)


def _start(
    situation: Situation, run: KnownRun, container: ContainerState, schedule: Schedule, now: float
) -> Iterator[Step | Wait]:
    attempts = _attempts(situation, run, container.definition)
    refused = f"the Docker Engine refused to start the container: {container.error}" if container.error else ""
    if why := refused or _given_up(situation, run, attempts, schedule, now):
        yield failed(situation, run, schedule, RunState.FAILED, why, container.id)
    elif attempts.retry_at > now:
        yield Wait(attempts.retry_at)
    else:
        yield StartContainer(container.instance, container.id, generation=container.definition)


def _until_deadline(
    situation: Situation, run: KnownRun, container: ContainerState, schedule: Schedule, now: float
) -> Iterator[Step | Wait]:
    at = situation.runs.running_since.get(run.number, now) + schedule.deadline
    if at > now:
        yield Wait(at)
    elif container.id not in situation.host.stopping:
        reason = f"run {run.number} takes longer than its Deadline of {schedule.deadline:.15g} s"
        grace = container.stop_timeout
        yield StopContainer(container.instance, container.id, grace, reason, generation=container.definition)


def _end(situation: Situation, run: KnownRun, container: ContainerState, schedule: Schedule) -> Step:
    """Return the step that writes down how a run ended: Note [Stopped with status 0]."""
    status = min(max(container.exit_code, 0), 255)
    cut = bool(schedule.deadline) and container.id in situation.host.stopping
    is_good = not (status or container.oom_killed or container.error)
    unseen = is_good and max(run.record.started, container.finished) < situation.runs.booted
    if is_good and not (cut or container.signalled or unseen):
        done = evolve(run.record, state=RunState.DONE, ended=situation.runs.wall, status=status, reason="")
        return rewritten(situation, run, done, container.id)
    how, lived = how_it_ended(container), container.finished - container.started
    late = cut or (schedule.deadline and lived >= schedule.deadline)
    how = f"exit status 0, but {situation.here.node} went down, which may have stopped it" if unseen else how
    reason = f"it took longer than its Deadline of {schedule.deadline:.15g} s: {how}" if late else how
    return failed(situation, run, schedule, RunState.FAILED, reason, container.id, status)


def _containers(situation: Situation, run: KnownRun) -> Iterator[ContainerState]:
    return (one for one in situation.runs.containers if one.run == run.number)


def _place(situation: Situation, run: KnownRun) -> InstanceName:
    service = situation.service
    return place_of(situation.name, run.number, beside=service is not None and service.definition.schedule is None)


def _since(situation: Situation, run: KnownRun) -> float:
    return situation.runs.claimed_since.get(run.number, 0.0)


def _attempts(situation: Situation, run: KnownRun, digest: str) -> Attempts:
    """Return how often no container could be created or started since this node claimed the run."""
    attempts = situation.attempts(_place(situation, run), digest)
    return attempts if attempts.count and attempts.last.at >= _since(situation, run) else NONE


def _given_up(situation: Situation, run: KnownRun, attempts: Attempts, schedule: Schedule, now: float) -> str:
    """Return why the Engine is not asked again for a container of this attempt, or "": Note [An Engine's fault]."""
    due = run.record.due
    late = bool(schedule.cron and due and due + schedule.window < situation.runs.wall)
    lasts = attempts.lasting and (late or now >= _since(situation, run) + PATIENCE)
    return attempts.reason if attempts.last.refused or lasts else ""
