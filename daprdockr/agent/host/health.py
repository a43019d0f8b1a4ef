"""
Health checks of this node's containers: when to probe, and what the results add up to.

Note [Verdicts]
    There is no verdict until the first success: the instance is starting, and is probed often, so that a container that
    listens after a fifth of a second is served after a fifth of a second. After it, ``Retries`` failures in a row make
    the verdict False, and one success makes it True again. A container that never succeeds gets False once ``Retries``
    probes at the full interval failed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from attrs import define
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from daprdockr.agent.host.probe import Probe, Target, Unreached
from daprdockr.model.names import ServiceName

FIRST_DELAY = 0.05
"""
Seconds. The pause between the first two probes is half as long again, and so each further one, up to the interval.
"""


@define(eq=False)
class _Patient:
    target: Target
    service: ServiceName
    delay: float = FIRST_DELAY
    failures: int = 0
    next_probe: IDelayedCall | None = None
    probing: Deferred[None] | None = None


class HealthChecks(Service):
    """
    :param probe: checks a container once.
    :param chance: a random number in [0, 1), which spreads the probes of many containers over the interval.
    :param on_changes: called with a service when the verdict on one of its containers changed.
    """

    log = Logger()

    def __init__(
        self, *, reactor: Any, probe: Probe, chance: Callable[[], float], on_changes: Callable[[ServiceName], None]
    ) -> None:
        self._reactor = reactor
        self._probe = probe
        self._chance = chance
        self._on_changes = on_changes
        self._patients: dict[str, _Patient] = {}
        self._by_service: dict[ServiceName, Mapping[str, Target]] = {}
        self.verdicts: dict[str, bool] = {}
        self.unreached: dict[str, str] = {}
        """By container id: the reason of each that is unhealthy only because nginx, or the relay, cannot reach it."""

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
                patient = self._patients[container] = _Patient(target, service)
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
        self.verdicts.pop(container, None)
        self.unreached.pop(container, None)
        if patient.next_probe is not None and patient.next_probe.active():
            patient.next_probe.cancel()
        if patient.probing is not None:
            patient.probing.cancel()

    def _probe_later(self, patient: _Patient, delay: float) -> None:
        patient.next_probe = self._reactor.callLater(delay, self._begin, patient)

    def _begin(self, patient: _Patient) -> None:
        async def probe() -> str | None:
            return await self._probe(patient.target)

        probing: Deferred[Any] = Deferred.fromCoroutine(probe())
        if patient.target.check.type != "exec":  # its time begins when it has a thread
            probing.addTimeout(patient.target.check.timeout + 1, self._reactor)
        patient.probing = probing
        probing.addCallbacks(lambda reason: reason, lambda failure: failure.getErrorMessage() or "no answer")
        probing.addCallback(self._judge, patient)
        probing.addErrback(lambda failure: self.log.failure("a health check went wrong", failure))

    def _judge(self, reason: str | None, patient: _Patient) -> None:
        """See Note [Verdicts]."""
        patient.probing = None
        container, check = patient.target.container, patient.target.check
        if self._patients.get(container) is not patient:
            return
        before = self.verdicts.get(container)
        self.unreached.pop(container, None)
        if isinstance(reason, Unreached):
            self.unreached[container] = reason
        if reason is None:
            patient.failures, self.verdicts[container] = 0, True
        elif before is not None or patient.delay >= check.interval:
            patient.failures += 1
            if patient.failures >= check.retries:
                self.verdicts[container] = False
        after = self.verdicts.get(container)
        patient.delay = check.interval if after is not None else min(check.interval, patient.delay * 1.5)
        spread = 0.9 + 0.2 * self._chance()
        self._probe_later(patient, patient.delay * spread)
        if after != before:
            self.log.info(
                "container {id} of {service} is {verdict}{because}",
                id=container[:12],
                service=patient.service,
                verdict="healthy" if after else "not healthy",
                because=f": {reason}" if reason else "",
            )
            self._on_changes(patient.service)
