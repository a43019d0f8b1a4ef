# -*- test-case-name: tests.unit.cli.commands.test_job -*-
"""A run of a job that somebody asks for: how it is asked for, and what became of it."""

from __future__ import annotations

import time

from attrs import evolve, frozen

from daprdockr.cli.definitions import author
from daprdockr.cli.follow import ClusterWait
from daprdockr.cli.request import Request
from daprdockr.cli.stored import ATTEMPTS, existing
from daprdockr.model.errors import BadInput, DaprdockrError, EtcdUnavailable
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Condition, Operation, Put, Unchanged
from daprdockr.model.stored.revisioned import KnownRun, is_crowded, newest_of, outdated_runs
from daprdockr.model.stored.run import MOST_OPEN, RunOutput, RunRecord, RunState, deletions

PATIENCE = 7 * 86400.0
"""Seconds for which a command waits for the end of a run: a person ends it sooner."""


class TooManyRuns(DaprdockrError):
    """So many runs of a job wait or go on that nobody may ask for another."""


@frozen
class AskedRun:
    """The runs of one job, as a command line reads and asks for them."""

    request: Request
    store: Store
    service: ServiceName

    def check(self, to_run: bool) -> None:
        """
        :param to_run: whether somebody wants to run it now, which does not go with a command before a rollout.
        :raises NotFound: there is no such service.
        :raises BadInput: it is no job, nor was one.
        """
        definition = existing(self.store.get(self.request.keys.service(self.service)), self.service)
        if definition.schedule is None and (to_run or (definition.before is None and not self.known())):
            raise BadInput(f"{self.service} is no job: its definition has no Schedule")

    def known(self) -> dict[int, KnownRun]:
        """Return the runs that are remembered."""
        cluster = Cluster(self.request.keys)
        cluster.replace(self.store.list(self.request.keys.runs(self.service)))
        return dict(cluster.runs(self.service))

    def lines(self, number: int) -> tuple[str, ...]:
        """Return the last lines that a run logged."""
        entry = self.store.get(self.request.keys.output(self.service, number))
        return RunOutput.decode(entry.value).lines if entry is not None else ()

    def ask(self, arguments: tuple[str, ...]) -> int:
        """
        Ask for a run, and return its number. One whose answer is lost is found by its record.

        :raises TooManyRuns: too many have not ended yet.
        :raises DaprdockrError: others are always first.
        """
        record = RunRecord(RunState.WAITING, arguments=arguments, by=author(self.request))
        lost: EtcdUnavailable | None = None
        number = 0
        for _ in range(ATTEMPTS):
            runs = self.known()
            if lost is not None and number in runs and _is_same(runs[number].record, record):
                return number
            if is_crowded(runs):
                raise TooManyRuns(
                    f"{MOST_OPEN} runs of {self.service} wait or go on, which are as many as may:"
                    f" try again when some have ended (daprdockrcmd job history {self.service})"
                )
            newest = newest_of(runs)
            number = newest.number + 1 if newest is not None else 1
            try:
                if self.store.commit(*self._transaction(number, newest, runs, record)).succeeded:
                    return number
            except EtcdUnavailable as error:
                lost = error
        raise lost or DaprdockrError(f"the runs of {self.service} keep changing: try again")

    def ended(self, number: int) -> KnownRun:
        """Wait for the end of a run. :raises DaprdockrError: its record is gone."""
        waiting = ClusterWait(
            self.request, self.store, time.monotonic, time.sleep, deadline=time.monotonic() + PATIENCE
        )

        def done() -> bool:
            run = waiting.cluster.runs(self.service).get(number)
            return run is None or not run.record.is_open

        waiting.until(done)
        run = waiting.cluster.runs(self.service).get(number)
        if run is None:
            raise DaprdockrError(f"run {number} of {self.service} was deleted")
        return run

    def _transaction(
        self, number: int, newest: KnownRun | None, runs: dict[int, KnownRun], record: RunRecord
    ) -> tuple[list[Condition], list[Operation]]:
        """See Note [Each run once] in ``daprdockr.model.stored.run``."""
        keys, former = self.request.keys, newest.record if newest is not None else record
        conditions: list[Condition] = [Unchanged(keys.run(self.service, number), 0)]
        if newest is not None:
            conditions.append(Unchanged(keys.run(self.service, newest.number), newest.revision))
        whole = evolve(record, until=former.until, schedule=former.schedule, job=former.job)
        gone = deletions(keys, self.service, outdated_runs(runs, number))
        return conditions, [Put(keys.run(self.service, number), whole.encode()), *gone]


def _is_same(there: RunRecord, asked: RunRecord) -> bool:
    return (there.by, there.arguments) == (asked.by, asked.arguments)
