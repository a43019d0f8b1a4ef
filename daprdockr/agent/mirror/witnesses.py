# -*- test-case-name: tests.unit.whole.test_forgotten -*-
"""
Judges etcd by this host's containers where an agent begins without the knowledge of an earlier one.

Note [Containers as witnesses]
    Without the last known state (its file was damaged, the disk is new) any history passes: Note [No restored history
    passes] in ``daprdockr.model.known.continuity`` needs something that is known. But the containers on this host were
    made by the word of a history. So the first contents of etcd are compared with the containers before either counts:
    one of a service that is not defined, or that was made from a younger definition than the one there is, begins a
    doubt. A service that was really deleted while its node forgot everything looks the same, so a person decides.

    It is no evidence against etcd where a claim names the container: then etcd has seen it run, and the definition's
    end too.

    The comparison needs the lists of both etcd and the Engine, whichever comes last. Until then nothing is planned, for
    a plan needs both as well, and what was learned from etcd is not stored: the next agent would take that for
    knowledge of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import frozen
from twisted.application.service import Service

from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.model.host import ContainerState
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.history import History
from daprdockr.model.known.view import ClusterView


@frozen
class FirstContents:
    """The keys, and the containers that claims name, in the first contents of etcd."""

    keys: frozenset[str]
    containers: frozenset[str]

    @classmethod
    def of(cls, cluster: ClusterView) -> FirstContents:
        claims = (claim for service in cluster.claimed_services for claim in cluster.claims(service).values())
        return cls(
            frozenset(entry.key for entry in cluster.entries), frozenset(claim.record.container for claim in claims)
        )

    def objection(self, cluster: ClusterView, container: ContainerState) -> str:
        """Return what this container says against the history of ``cluster``; "" if nothing."""
        name = container.instance.service
        service, key = cluster.services.get(name), cluster.keys.service(name)
        if container.made_as or container.cluster != cluster.identity or container.id in self.containers:
            return ""  # made by somebody else, for another etcd, or known to this one
        if service is not None and service.revision < container.defined:
            return (
                f"its definition of {name} is from revision {service.revision}, "
                f"and the container of {container.instance} here from revision {container.defined}"
            )
        if key not in self.keys and not cluster.is_declared(name):
            return f"it does not define {name}, and a container of {container.instance} is here"
        return ""


class Witnesses(Service):
    """:param containers: returns this host's containers that carry our labels; None until the Engine listed them."""

    def __init__(self, *, mirror: Mirror, containers: Callable[[], Iterable[ContainerState] | None]) -> None:
        self._mirror = mirror
        self._containers = containers
        self._first: FirstContents | None = None
        self._waiting = False
        self._begun = mirror.cluster.history.begun

    def startService(self) -> None:
        super().startService()
        self._waiting = self._mirror.blank
        if self._waiting:
            self._mirror.withhold()

    def on_changes(self, changes: Changes) -> None:
        history = self._mirror.cluster.history
        if history.begun != self._begun:
            self._begun = history.begun
            self._give_up(history)
        self.compare()

    def _give_up(self, history: History) -> None:
        """A person gave up the history of these containers, and was shown what comes of it."""
        ours = (one.revision for one in self._containers() or () if one.cluster == history.identity)
        history.superseded = max((history.superseded, *ours))

    def compare(self) -> None:
        """Compare if it is due and both lists are there. See Note [Containers as witnesses]."""
        mirror, cluster = self._mirror, self._mirror.cluster
        if not (self._waiting and mirror.in_touch and cluster.identity):
            return
        self._first = self._first or FirstContents.of(cluster)
        containers = self._containers()
        if containers is None:
            return
        self._waiting = False
        if reason := self._objections(self._first, containers):
            mirror.begin_doubt(f"this agent has no last known state to compare etcd with, but {reason}")
        self._first = None
        mirror.release()

    def _objections(self, first: FirstContents, containers: Iterable[ContainerState]) -> str:
        cluster = self._mirror.cluster
        found = [text for one in containers if (text := first.objection(cluster, one))]
        more = f" (and {len(found) - 1} more like it)" if len(found) > 1 else ""
        return min(found) + more if found else ""
