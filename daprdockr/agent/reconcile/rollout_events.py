# -*- test-case-name: tests.unit.agent.reconcile.test_rollout_events,tests.unit.agent.reconcile.test_rollout_steps -*-
"""
The events of the rollouts that this node stopped.

Note [Told when it is seen]
    The answer to the transaction that stops a rollout may be lost, and then nobody carries the step out again: the
    watch shows that the rollout is stopped. So the event is not recorded by the step that writes, but when the mirror
    has a record of this node that is newer than the one before: once, whether the answer came or not.
"""

from __future__ import annotations

from attrs import field, frozen

from daprdockr.agent.host.deaths import Recording
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName


@frozen
class RolloutEvents:
    """:param record_event: takes an event for people."""

    cluster: ClusterView
    record_event: Recording
    _before: dict[ServiceName, tuple[str, int]] = field(factory=dict, init=False)

    def stops(self, service: ServiceName, node: str, revision: int) -> None:
        """Take note that this node is about to write the record of a rollout, in the place of that of ``revision``."""
        self._before[service] = node, revision

    def on_changes(self, changes: Changes) -> None:
        """Record an event for each record of ours that is there now: Note [Told when it is seen]."""
        for service in sorted(self._before.keys() & changes.services, key=str):
            node, revision = self._before[service]
            known = self.cluster.rollout(service)
            if service not in self.cluster.services:
                del self._before[service]
            elif known is not None and known.revision > revision:
                del self._before[service]
                if known.record.node == node:
                    self.record_event(str(service), str(known.record), known.record.lines)
