# -*- test-case-name: tests.unit.agent.reporting.test_health_events -*-
"""
The events that instances of this node became unhealthy, so that nothing leads to them, and that they are healthy again.

Note [Few words about many]
    What all instances of a service depend on may fail, and then all of them are unhealthy. So those of a service that
    change together have one event; and after one that some are unhealthy there is no other for ``QUIET`` seconds, in
    which an instance that comes and goes is not reported again. Those that are unhealthy then still are reported.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

from attrs import define
from twisted.application.service import Service
from twisted.internet.interfaces import IReactorTime

from daprdockr.model.known.changes import Changes
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.runtime.timer import Timer

TOGETHER = 1.0
"""Seconds in which those of a service that change count as changed together."""

QUIET = 120.0


@define
class _Out:
    """An instance that is unhealthy since a monotonic time, and why; whether that was reported, and is over."""

    since: float
    reason: str
    is_reported: bool = False
    is_back: bool = False


class HealthEvents(Service):
    """
    :param node: this node, whose claims say which of its instances are healthy.
    :param record_event: takes an event for people: its subject, and one sentence.
    """

    def __init__(
        self, *, reactor: IReactorTime, cluster: ClusterView, node: str, record_event: Callable[[str, str], None]
    ) -> None:
        self._reactor = reactor
        self._cluster = cluster
        self._node = node
        self._record_event = record_event
        self._own: dict[ServiceName, frozenset[InstanceName]] = {}
        self._well: set[InstanceName] = set()
        self._out: dict[InstanceName, _Out] = {}
        self._quiet: dict[ServiceName, float] = {}
        self._due = Timer(reactor, self._report)

    def stopService(self) -> None:
        super().stopService()
        self._due.cancel()

    def on_changes(self, changes: Changes) -> None:
        """Take note of what the claims of this node say."""
        for service in changes.services:
            claims = self._cluster.claims(service).values()
            own = {claim.instance: claim.record for claim in claims if claim.node == self._node}
            for instance, record in own.items():
                self._look(instance, record)
            for instance in self._own.pop(service, frozenset()) - own.keys():
                self._well.discard(instance)
                self._out.pop(instance, None)
            if own:
                self._own[service] = frozenset(own)
        if any(not one.is_reported or one.is_back for one in self._out.values()):
            self._later(TOGETHER)

    def _look(self, instance: InstanceName, record: ClaimRecord) -> None:
        out = self._out.get(instance)
        if record.healthy:
            self._well.add(instance)
            if out is not None:
                out.is_back = True
        elif record.state is State.UNHEALTHY and instance in self._well:
            self._well.discard(instance)
            if out is None:
                self._out[instance] = _Out(self._reactor.seconds(), record.reason)
            else:
                out.is_back = False
        elif record.state is not State.UNHEALTHY:
            self._well.discard(instance)

    def _later(self, delay: float) -> None:
        if self.running:
            self._due.hasten(delay)  # it may be due for a service that has to be quiet

    def _report(self) -> None:
        """See Note [Few words about many]."""
        now = self._reactor.seconds()
        self._quiet = {service: until for service, until in self._quiet.items() if until > now}
        by_service = defaultdict[ServiceName, list[InstanceName]](list)
        for instance in sorted(self._out):
            by_service[instance.service].append(instance)
        for service, instances in by_service.items():
            back = [one for one in instances if self._out[one].is_back]
            new = [one for one in instances if not self._out[one].is_reported and one not in back]
            if new and service not in self._quiet:
                self._quiet[service] = now + QUIET
                self._report_out(service, new)
            self._report_back(service, [one for one in back if self._out[one].is_reported], now)
            for instance in back:
                del self._out[instance]
        if any(not one.is_reported for one in self._out.values()):
            self._later(min(self._quiet.values()) - now)

    def _report_out(self, service: ServiceName, new: Sequence[InstanceName]) -> None:
        for instance in new:
            self._out[instance].is_reported = True
        first, reason = new[0], self._out[new[0]].reason
        if len(new) == 1:
            self._record_event(str(first), f"is unhealthy, and left out of names and routes: {reason}")
        else:
            which = f"{len(new)} instances on node {self._node} are unhealthy, and left out of names and routes"
            self._record_event(str(service), f"{which}, such as {first}: {reason}")

    def _report_back(self, service: ServiceName, back: Sequence[InstanceName], now: float) -> None:
        longest = max((now - self._out[one].since for one in back), default=0.0)
        if len(back) == 1:
            self._record_event(str(back[0]), f"is healthy again, after {longest:.0f} s")
        elif back:
            text = f"{len(back)} instances on node {self._node} are healthy again, after up to {longest:.0f} s"
            self._record_event(str(service), text)
