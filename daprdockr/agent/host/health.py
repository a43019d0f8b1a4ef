"""
Health checks of this node's containers: when to probe, and what the results add up to.

Note [Verdicts]
    There is no verdict until the first success: the instance is starting, and is probed often, so that a container that
    listens after a fifth of a second is served after a fifth of a second. A container that never succeeds gets False
    once ``Retries`` probes at the full interval failed, which do not count before the end of ``StartPeriod``.

    After a success, one failure is not believed: a packet may be lost, or the program may pause. The probe is repeated
    at once, and when that fails too, the verdict is False: nothing leads to the instance any more, less than two
    intervals after it began to hang (with a timeout of up to two fifths of the interval). Both count as one failure;
    ``Retries`` of those in a row make an instance one that may be replaced. One success makes the verdict True again.

    An agent that has just begun knows no verdict, but the claim says whether this run was healthy before; then it is
    handled as if this agent had seen that. It counts failures from the first one of its own.

Note [No result]
    A probe that this host could not make says nothing about the container: the Engine is away, or has no room to begin
    a command, the agent has no file left for a connection, or the agent itself stood still for so long that every
    timeout had passed when it went on. Nothing is counted then: a container that is replaced where there is no room
    does not come up again. But where no command begins for long, while Engine and containerd answer other questions,
    each is a failure: what hangs is the container, or the process by which containerd runs it (Note [Stuck, or only
    slow] in ``stuck``). A container that only nginx cannot reach is unhealthy, because nothing can be led to it, but a
    new one would not be reached either: it is not counted as one that may be replaced.

Note [One complaint]
    What a check found goes into the claim, and the next probe may find something else: a time, a number. So it is
    remembered once, when the verdict becomes False, and stands as long as that does. A container that is still starting
    after some seconds has one, too, by which a person sees what it waits for: that of the next failure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import define, evolve, field
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.agent.host.probe import Probe, Target, Unmade, Unreached
from daprdockr.model.names import ServiceName, one_line
from daprdockr.planning.diagnosis import UNKNOWN, Diagnosis
from daprdockr.runtime.timer import call_off

FIRST_DELAY = 0.05
"""
Seconds. The pause between the first two probes is half as long again, and so each further one, up to the interval.
"""

CONFIRM_AFTER = 0.2
"""Seconds from the first failure of a healthy container to the probe that confirms it."""

_GIVE_UP = 1.0
"""Seconds after its timeout when a probe is given up."""

_SLOW = 5.0
"""Seconds after the start of the checks from which on a failure is the complaint of a container that is starting."""

_STOOD_STILL = 2.0
"""Seconds by which a probe may be late before its end says more about this agent: Note [No result]."""


@define(eq=False)
class _Patient:
    target: Target
    service: ServiceName
    since: float = 0.0
    proven: bool = False
    delay: float = field(default=FIRST_DELAY, init=False)
    failures: int = field(default=0, init=False)
    doubted: bool = field(default=False, init=False)
    known: Diagnosis = field(default=UNKNOWN, init=False)
    began: float = field(default=0.0, init=False)
    next_probe: IDelayedCall | None = field(default=None, init=False)
    probing: Deferred[None] | None = field(default=None, init=False)


class HealthChecks(Service):
    """
    :param probe: checks a container once.
    :param chance: a random number in [0, 1), which spreads the probes of many containers over the interval.
    :param on_changes: called with a service when the verdict on one of its containers changed.
    """

    log = Logger()

    def __init__(
        self,
        *,
        reactor: IReactorTime,
        probe: Probe,
        chance: Callable[[], float],
        on_changes: Callable[[ServiceName], None],
    ) -> None:
        self._reactor = reactor
        self._probe = probe
        self._chance = chance
        self._on_changes = on_changes
        self._patients: dict[str, _Patient] = {}
        self._by_service: dict[ServiceName, Mapping[str, Target]] = {}

    def of(self, container: str) -> Diagnosis:
        """Return what is known of a container's health, by its id."""
        patient = self._patients.get(container)
        return UNKNOWN if patient is None else evolve(patient.known, check=patient.target.check)

    def follow(self, service: ServiceName, targets: Mapping[str, Target]) -> None:
        """Check these containers of a service, by id, from now on, and no others of it."""
        before = self._by_service.get(service, {})
        if targets == before or not self.running:
            return
        for container in before:
            if targets.get(container) != before[container]:
                self._dismiss(container)
        for container, target in targets.items():
            if container not in self._patients:
                patient = _Patient(target, service, self._reactor.seconds(), target.proven)
                self._patients[container] = patient
                self._probe_later(patient, 0)
        if targets:
            self._by_service[service] = dict(targets)
        else:
            self._by_service.pop(service, None)

    def stopService(self) -> None:
        super().stopService()
        for container in list(self._patients):
            self._dismiss(container)

    def _dismiss(self, container: str) -> None:
        patient = self._patients.pop(container)
        call_off(patient.next_probe)
        if patient.probing is not None:
            patient.probing.cancel()

    def _probe_later(self, patient: _Patient, delay: float) -> None:
        patient.next_probe = self._reactor.callLater(delay, self._begin, patient)

    def _begin(self, patient: _Patient) -> None:
        patient.probing = Deferred.fromCoroutine(self._examine(patient))
        patient.probing.addErrback(lambda failure: self.log.failure("a health check went wrong", failure))

    async def _examine(self, patient: _Patient) -> None:
        patient.began = self._reactor.seconds()
        probing = Deferred.fromCoroutine(self._probe(patient.target))
        if patient.target.check.type != "exec":  # its time begins when it has a thread
            probing.addTimeout(patient.target.check.timeout + _GIVE_UP, self._reactor, _given_up)
        try:
            reason = await probing
        except Exception as error:  # also when the container was dismissed meanwhile
            reason = str(error) or "no answer"
        self._judge(reason, patient)

    def _judge(self, reason: str | None, patient: _Patient) -> None:
        """See Note [Verdicts]."""
        patient.probing = None
        check, before = patient.target.check, patient.known
        if self._patients.get(patient.target.container) is not patient:
            return
        if reason is None:
            patient.failures, patient.proven, patient.doubted = 0, True, False
            patient.known = Diagnosis(verdict=True)
        elif not self._is_result(reason, patient):
            patient.doubted = False
        elif patient.proven and not patient.failures and not patient.doubted:
            patient.doubted = True  # and the verdict stays until a second probe confirms it
        else:
            self._failed(reason, patient)
        after = patient.known
        patient.delay = check.interval if after.verdict is not None else min(check.interval, patient.delay * 1.5)
        pause = min(CONFIRM_AFTER, check.interval) if patient.doubted else patient.delay * (0.9 + 0.2 * self._chance())
        self._probe_later(patient, pause)
        if after.verdict != before.verdict:
            self._log_verdict(patient, after.verdict, reason)
        due = after.failed > before.failed and after.failed % check.retries == 0
        if due or (after.verdict, after.complaint) != (before.verdict, before.complaint):
            self._on_changes(patient.service)

    def _is_result(self, reason: str, patient: _Patient) -> bool:
        """See Note [No result]."""
        check = patient.target.check
        overdue = self._reactor.seconds() - patient.began - check.timeout - _GIVE_UP
        return not isinstance(reason, Unmade) and (check.type == "exec" or overdue < _STOOD_STILL)

    def _failed(self, reason: str, patient: _Patient) -> None:
        """Count a failure, if it counts."""
        before = patient.known.verdict
        patient.doubted = False
        patient.known = evolve(patient.known, unreached=reason if isinstance(reason, Unreached) else "")
        self._count(reason, patient)
        if not isinstance(reason, Unreached):
            self._complain(reason, patient, before)

    def _complain(self, reason: str, patient: _Patient, before: bool | None) -> None:
        """See Note [One complaint]."""
        now, waited = patient.known, self._reactor.seconds() - patient.since
        is_new = not now.complaint and (now.verdict is False or waited >= _SLOW)
        if is_new or now.verdict is not before:
            patient.known = evolve(now, complaint=one_line(reason))

    def _count(self, reason: str, patient: _Patient) -> None:
        check, known = patient.target.check, patient.known
        early = self._reactor.seconds() < patient.since + check.start_period or patient.delay < check.interval
        if not patient.proven and early:
            return
        patient.failures += 1
        is_bad = patient.proven or patient.failures >= check.retries
        patient.known = evolve(
            known,
            failed=0 if isinstance(reason, Unreached) else known.failed + 1,
            verdict=False if is_bad else known.verdict,
        )

    def _log_verdict(self, patient: _Patient, verdict: bool | None, reason: str | None) -> None:
        self.log.info(
            "container {id} of {service} is {verdict}{because}",
            id=patient.target.container[:12],
            service=patient.service,
            verdict="healthy" if verdict else "not healthy",
            because=f": {reason}" if reason else "",
        )


def _given_up(found: str | Failure | None, seconds: float) -> str | None:
    """Return what a probe says that is given up: what it had found by then, if anything."""
    return "there is no whole answer in time" if isinstance(found, Failure) else found
