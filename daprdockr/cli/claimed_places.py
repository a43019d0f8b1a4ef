# -*- test-case-name: tests.unit.cli.commands.test_logs -*-
"""The nodes that have the instances of a service, by their claims in etcd."""

from __future__ import annotations

import threading
from collections.abc import Callable

from attrs import frozen

from daprdockr.cli.absent import NoSuchService
from daprdockr.cli.request import Request
from daprdockr.cli.stored import readable
from daprdockr.model.errors import BadInput, EtcdError, EtcdHistoryLost, EtcdUnavailable, NotFound
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.wanted.definition import Definition

WATCH_AGAIN = 2.0
"""Seconds until a watch that broke is opened anew."""

LogPlace = tuple[str, InstanceName]
"""A node, and an instance that it claims."""


@frozen
class ClaimedPlaces:
    """The nodes that claim the instances of a service, by etcd."""

    request: Request
    store: Store

    @property
    def _service(self) -> ServiceName:
        service = self.request.service
        assert service is not None
        return service

    @property
    def _prefixes(self) -> tuple[str, ...]:
        return self.request.keys.claims(self._service), self.request.keys.service(self._service)

    def read(self) -> Cluster:
        cluster = Cluster(self.request.keys)
        cluster.replace(self.store.list(self._prefixes))
        return cluster

    def places(self, cluster: Cluster) -> set[LogPlace]:
        """Return where the instances that were asked for are."""
        found = {
            (claim.record.node, InstanceName(self._service, number))
            for number, claim in cluster.claims(self._service).items()
        }
        return {place for place in found if self.request.number in (0, place[1].number)}

    def check(self, cluster: Cluster) -> None:
        """
        :raises NotFound: there is no such service, or no such instance of it.
        :raises BadInput: it is a job.
        """
        service, number = self._service, self.request.number
        if not cluster.claims(service) and service not in cluster.services and not cluster.is_held(service):
            raise NoSuchService(service)
        if service in cluster.services and not self.places(cluster):
            refuse_job(cluster.services[service].definition)
        if not self.places(cluster) and not self.request.follow:
            name = f"{number}.{service}" if number else str(service)
            raise NotFound(f"{name} is on no node: daprdockrcmd why {name}")

    def follow(self, cluster: Cluster, changed: Callable[[Cluster], None], complain: Callable[[str], object]) -> None:
        """Call ``changed`` with each new state; runs until the process ends, or until etcd refuses, and says so."""
        try:
            self._follow(cluster, changed)
        except EtcdError as error:
            complain(f"{error}; instances that come from now on are not followed")

    def _follow(self, cluster: Cluster, changed: Callable[[Cluster], None]) -> None:
        """:raises EtcdRefused: asking again cannot succeed."""
        pause = threading.Event()
        while True:
            try:
                for batch in self.store.watch(self._prefixes, cluster.revision + 1):
                    cluster.apply(batch)
                    changed(cluster)
            except (EtcdUnavailable, EtcdHistoryLost):
                pass
            pause.wait(WATCH_AGAIN)
            try:
                cluster = self.read()
            except (EtcdUnavailable, EtcdHistoryLost):
                continue
            changed(cluster)


def place_of(request: Request, store: Store, instance: InstanceName) -> str:
    """
    Return the node that has an instance.

    :raises NotFound: none has, or there is no such service.
    :raises BadInput: it is a job.
    """
    entry = store.get(request.keys.claim(instance))
    if entry is None:
        stored = store.get(request.keys.service(instance.service))
        if stored is None:
            raise NoSuchService(instance.service)
        if definition := readable(stored, instance.service):
            refuse_job(definition)
        raise NotFound(f"{instance} is on no node: daprdockrcmd why {instance}")
    return ClaimRecord.decode(entry.value).node


def refuse_job(definition: Definition) -> None:
    """:raises BadInput: it is a job, which has no instances."""
    if definition.schedule is not None:
        raise BadInput(f"{definition.name} is a job: daprdockrcmd job logs {definition.name} RUN")
