# -*- test-case-name: tests.unit.agent.reconcile.test_rollout_steps,tests.unit.whole.test_failed_rollouts -*-
"""
Carrying out steps about a rollout as a whole: each is one transaction in etcd, noted in the mirror.

Decides nothing: Note [A rollout that failed] in ``daprdockr.planning.keeping.judging`` says when these happen.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import ClassVar, assert_never

from attrs import evolve, frozen
from twisted.logger import Logger

from daprdockr.agent.host.containers import Containers
from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.reconcile.rollout_events import RolloutEvents
from daprdockr.agent.reconcile.transactions import ConditionFailed, commit, outcome
from daprdockr.agent.reconcile.under_way import UnderWay
from daprdockr.model.errors import BadInput, EtcdForbidden
from daprdockr.model.host import ContainerState
from daprdockr.model.last_words import LastWords
from daprdockr.model.names import InstanceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Condition, Operation, Put, Unchanged
from daprdockr.model.stored.history import Revision, RevisionRecord, Revisions
from daprdockr.model.stored.revisioned import Service
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.stored.run import RunOutput
from daprdockr.planning.keeping.judging import former, stopped_record
from daprdockr.planning.keeping.pinning import pinning
from daprdockr.planning.outcome import Done, Retry
from daprdockr.planning.rollout_steps import MarkGood, OnRollout, PinImage, RolloutStep, StopRollout
from daprdockr.planning.situation import Here
from daprdockr.runtime.pool import Run


@frozen
class RolloutSurroundings:
    """
    The parts beside etcd: ``containers`` of this host, their ``last_words``, and ``image_of``, which returns the digest
    of the image that one was made from by a reference ("": not known); the ``wall`` clock; ``under_way``, which learns
    that definitions are marked; ``stopped``, which learns of rollouts that are about to be stopped.
    """

    containers: Containers
    last_words: Callable[[ContainerState], Awaitable[LastWords]]
    image_of: Callable[[str, str], Awaitable[str]]
    wall: Callable[[], float]
    under_way: UnderWay
    stopped: RolloutEvents


@frozen
class RolloutSteps:
    """
    :param run: runs a call to ``store`` in a thread.
    :param here: returns this node, as it is at the moment of the call.
    """

    log: ClassVar[Logger] = Logger()

    store: Store
    run: Run
    mirror: Mirror
    here: Callable[[], Here]
    around: RolloutSurroundings

    async def __call__(self, step: RolloutStep) -> Done | Retry:
        """Carry out one step; return its outcome."""
        return await outcome(self.attempt(step))

    async def attempt(self, step: RolloutStep) -> None:
        """
        Carry out one step, but raise its error.

        :raises EtcdError: as the store does.
        :raises ConditionFailed: the transaction's condition did not hold.
        """
        match step:
            case StopRollout():
                await self._stop(step)
            case MarkGood():
                await self._mark(step)
            case PinImage():
                await self._pin(step)
            case _:
                assert_never(step)

    async def _stop(self, step: StopRollout) -> None:
        service = self._service(step)
        words = await self._words(step, service.definition.digest)
        history = await self._history(step)
        back = former(history, service.definition) if step.reverts else None
        record = stopped_record(step, service.definition, back, self.here().node)
        reason = str(words) if record.reason == words.status else record.reason
        record = evolve(record, reason=reason, lines=words.lines)
        try:
            await self._end(step, history, back, record)
        except EtcdForbidden:
            if back is None:
                raise
            record = evolve(record, state=RolloutState.PAUSED, before="", reason=f"{record.reason} ({self._lacking})")
            await self._end(step, history, None, record)

    async def _words(self, step: StopRollout, digest: str) -> LastWords:
        """Return the last words of what failed: the run of the command before the rollout, or the new container."""
        if step.run:
            entry = await self.run(self.store.get, self.mirror.cluster.keys.output(step.service, step.run))
            with suppress(BadInput):
                return LastWords("", RunOutput.decode(entry.value).lines if entry is not None else ())
            return LastWords("")
        copy = self._copy(step.instance, digest)
        return await self.around.last_words(copy) if copy is not None else LastWords("")

    async def _end(self, step: StopRollout, history: Revisions, back: Revision | None, record: RolloutRecord) -> None:
        """Write what becomes of the rollout; with a revision to go ``back`` to, the definition too."""
        cluster, service = self.mirror.cluster, self._service(step)
        keys = cluster.keys
        conditions: Sequence[Condition] = [Unchanged(keys.service(step.service), step.revision)]
        operations: Sequence[Operation] = ()
        if back is not None:
            restored = RevisionRecord(back.record.definition, self.around.wall(), f"revert by node {self.here().node}")
            present = RevisionRecord(service.definition.stated)
            conditions, operations = history.storing(keys, restored, step.revision, present)
        ended = Put(keys.rollout(step.service), record.encode())
        self.around.stopped.stops(step.service, record.node, step.record)
        revision = await self._commit(step, [*conditions, Unchanged(ended.key, step.record)], [*operations, ended])
        notes = [cluster.held.written(ended.key, ended.value, step.record, revision)]
        if back is not None:
            value = back.record.definition.encode()
            notes.append(cluster.held.written(keys.service(step.service), value, step.revision, revision))
        self.mirror.note(*notes)

    async def _mark(self, step: MarkGood) -> None:
        """See Note [Good revisions] in ``daprdockr.planning.keeping.judging``."""
        keys, service, history = self.mirror.cluster.keys, self._service(step), await self._history(step)
        newest = history.newest
        if newest is not None and newest.record.definition == service.definition.stated and not newest.record.good:
            key = keys.revision(step.service, newest.number)
            conditions = [Unchanged(keys.service(step.service), step.revision), Unchanged(key, newest.modified)]
            try:
                await self._commit(step, conditions, [Put(key, evolve(newest.record, good=True).encode())])
            except EtcdForbidden as error:
                self.log.info(
                    "a good revision of {service} was not marked: {reason}", service=step.service, reason=error
                )
        self.around.under_way.marked(step.service)

    async def _pin(self, step: PinImage) -> None:
        """
        See Note [One image for a restart] in ``daprdockr.model.wanted.pinned``. It is the same revision as before: the
        person who asked for the restart is its author.
        """
        keys, service = self.mirror.cluster.keys, self._service(step)
        former = await self.around.image_of(step.former, service.definition.container.image) if step.former else ""
        before = former if former != step.digest else ""
        definition, conditions, operations = pinning(keys, await self._history(step), service, step, before)
        try:
            revision = await self._commit(step, conditions, operations)
        except EtcdForbidden as error:
            self.log.info("the image of {service} is not written down: {reason}", service=step.service, reason=error)
            self.around.under_way.not_pinned(step.service)
        else:
            key, value = keys.service(step.service), definition.encode()
            self.mirror.note(self.mirror.cluster.held.written(key, value, step.revision, revision))

    def _service(self, step: OnRollout) -> Service:
        service = self.mirror.cluster.services.get(step.service)
        if service is None or service.revision != step.revision:
            raise ConditionFailed(f"the definition of {step.service} changed")
        return service

    async def _history(self, step: OnRollout) -> Revisions:
        keys = self.mirror.cluster.keys
        listing = await self.run(self.store.list, keys.history(step.service))
        return Revisions.read(keys, step.service, listing.entries)

    def _copy(self, instance: InstanceName, digest: str) -> ContainerState | None:
        """
        Return the new container of an instance, if there is one: as it ended, for this step begins before the one that
        starts it again.
        """
        copies = self.around.containers.of(instance.service).get(instance.number, ())
        return next((one for one in copies if one.definition == digest), None)

    @property
    def _lacking(self) -> str:
        root = self.mirror.cluster.keys.root
        places = " and ".join(f"{root}{place}/" for place in ("services", "history"))
        return f"not reverted, for etcd forbids it: grant readwrite on {places} to the role of this agent"

    async def _commit(self, step: OnRollout, conditions: Sequence[Condition], operations: Sequence[Operation]) -> int:
        otherwise = f"another node, or a person, was first to change {step.service}"
        return await commit(self.run, self.store, conditions, operations, otherwise)
