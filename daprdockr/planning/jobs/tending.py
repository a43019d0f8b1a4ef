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
    was allowed to begin it anew meanwhile, the container here is stopped instead.
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
from daprdockr.planning.jobs.writing import failed, rewritten
from daprdockr.planning.keeping.withdrawing import Wait, remove
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import CreateContainer, PullImage, StartContainer, Step, StopContainer

PULLS = 3
"""So many pulls that failed end an attempt."""


def tend(situation: Situation, service: Service, schedule: Schedule, now: float) -> Iterator[Step | Wait]:
    """Yield the next steps for the runs of this node: Note [Claimed, then started]."""
    for _, run in sorted(situation.runs.records.items()):
        if run.record.node != situation.here.node:
            continue
        if run.record.state is RunState.CLAIMED and situation.here.may_claim:
            yield from _prepare(situation, run, service, schedule, now)
        elif run.record.state in (RunState.RUNNING, RunState.LOST):
            yield from _attend(situation, run, schedule, now)


def clear(situation: Situation) -> Iterator[Step]:
    """Yield the next steps towards the removal of containers whose runs have ended, or are not this node's."""
    here, records = situation.here, situation.runs.records
    for container in situation.runs.containers if here.in_touch else ():
        knew = container.cluster == here.cluster and container.revision <= here.revision
        if knew and not _carries_out(situation, records.get(container.run), container):
            yield remove(container, f"run {container.run} of {situation.name} is not carried out by it any more")


def _carries_out(situation: Situation, run: KnownRun | None, container: ContainerState) -> bool:
    """Return whether a container is that of a run which has not ended."""
    if run is None or situation.service is None or run.record.node != situation.here.node:
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
    definition, host = service.definition, situation.host
    made = next((one for one in _containers(situation, run) if one.revision == run.revision), None)
    if made is not None:
        begins = evolve(run.record, state=RunState.RUNNING, container=made.id, definition=made.definition)
        yield rewritten(situation, run, evolve(begins, started=situation.runs.wall, reason=""))
    elif why := situation.wanted.missing or _fault(situation, run, definition.digest):
        yield failed(situation, run, schedule, RunState.FAILED, why)
    elif host.image is not None:
        yield CreateContainer(
            _place(situation, run),
            definition,
            (),
            run.revision,
            defined=service.revision,
            run=run.number,
            command=run.record.arguments or (definition.before.command if definition.before is not None else ()),
        )
    elif host.pull.last.at >= _since(situation, run) and (host.pull.last.refused or host.pull.count >= PULLS):
        yield failed(situation, run, schedule, RunState.FAILED, host.pull.reason)
    else:
        yield PullImage(definition.image) if host.pull.retry_at <= now else Wait(host.pull.retry_at)


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
        yield from _start(situation, run, own, schedule)
    elif not own.running:
        yield _end(situation, run, own, schedule)
    elif lost:
        yield rewritten(situation, run, evolve(run.record, state=RunState.RUNNING, ended=0.0, reason=""))
    elif schedule.deadline:
        yield from _until_deadline(situation, run, own, schedule, now)


def _start(situation: Situation, run: KnownRun, container: ContainerState, schedule: Schedule) -> Iterator[Step]:
    why = container.error or _fault(situation, run, container.definition)
    if why:
        yield failed(situation, run, schedule, RunState.FAILED, why, container.id)
    else:
        yield StartContainer(container.instance, container.id, generation=container.definition)


def _until_deadline(
    situation: Situation, run: KnownRun, container: ContainerState, schedule: Schedule, now: float
) -> Iterator[Step | Wait]:
    at = situation.runs.running_since.get(run.number, now) + schedule.deadline
    if at > now:
        yield Wait(at)
    elif container.id not in situation.host.stopping:
        reason = f"run {run.number} takes longer than its Deadline of {schedule.deadline:g} s"
        grace = container.stop_timeout
        yield StopContainer(container.instance, container.id, grace, reason, generation=container.definition)


def _end(situation: Situation, run: KnownRun, container: ContainerState, schedule: Schedule) -> Step:
    """Return the step that writes down how a run ended."""
    status = min(max(container.exit_code, 0), 255)
    if not status and not container.oom_killed and not container.error:
        done = evolve(run.record, state=RunState.DONE, ended=situation.runs.wall, status=status, reason="")
        return rewritten(situation, run, done, container.id)
    how, lived = how_it_ended(container), container.finished - container.started
    late = schedule.deadline and lived >= schedule.deadline
    reason = f"it took longer than its Deadline of {schedule.deadline:g} s: {how}" if late else how
    return failed(situation, run, schedule, RunState.FAILED, reason, container.id, status)


def _containers(situation: Situation, run: KnownRun) -> Iterator[ContainerState]:
    return (one for one in situation.runs.containers if one.run == run.number)


def _place(situation: Situation, run: KnownRun) -> InstanceName:
    service = situation.service
    return place_of(situation.name, run.number, beside=service is not None and service.definition.schedule is None)


def _since(situation: Situation, run: KnownRun) -> float:
    return situation.runs.claimed_since.get(run.number, 0.0)


def _fault(situation: Situation, run: KnownRun, digest: str) -> str:
    """Return why no container could be created or started for this attempt; "" if nothing is known against it."""
    attempts = situation.attempts(_place(situation, run), digest)
    return attempts.reason if attempts.count and attempts.last.at >= _since(situation, run) else ""
