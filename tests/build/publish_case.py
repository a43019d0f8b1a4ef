"""Publishing on one node, as tests begin with it."""

from __future__ import annotations

import json
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.mirror.own_claims import OwnClaims
from daprdockr.agent.reporting.publish import Publish
from daprdockr.dns.message.records import A
from daprdockr.dns.zone.zone import Zone
from daprdockr.model.host import Port
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Batch, Change, Deleted, Entry
from daprdockr.model.wanted.definition import Definition
from daprdockr.proxy.routing import Routing
from tests.build.values import HTTP, KEYS, WEB, definition
from tests.fakes.run import LoopClock

WITH_HTTP = definition(instances=2, Http=HTTP)


def record(node: str, port: int = 20000, **changed: Any) -> ClaimRecord:
    """A healthy instance on a node, which has the address 10.0.0.1 (a) or 10.0.0.2 (b)."""
    address = {"a": "10.0.0.1", "b": "10.0.0.2"}[node]
    well = ClaimRecord(node, State.RUNNING, True, (address,), (Port(8080, "tcp", port), Port(53, "udp", 5)), "c1")
    return evolve(well, **changed)


class PublishCase(SynchronousTestCase):
    """Publishing on node ``a``; ``zones`` and ``routings`` are what was published, ``told`` the events."""

    def setUp(self) -> None:
        self.clock = LoopClock()
        self.cluster = Cluster(KEYS)
        self.zones: list[Zone] = []
        self.routings: list[Routing] = []
        self.told: list[tuple[str, str]] = []
        self.running = True
        self.own_claims = OwnClaims(node="a", cluster=self.cluster)
        self.publish = Publish(
            reactor=self.clock,
            node="a",
            addresses=("10.0.0.1",),
            cluster=self.cluster,
            own_claims=self.own_claims,
            may_run=lambda claim: self.running,
            record_refusal=lambda refusal: self.told.append((str(refusal.service), refusal.reason)),
        )
        self.publish.zones.subscribe(self.zones.append)
        self.publish.routings.subscribe(self.routings.append)

    # Changes of etcd.

    def change(self, *changes: Change) -> None:
        """One batch, published."""
        found = self.cluster.apply(Batch(1, self.cluster.revision + 1, changes))
        self.own_claims.on_changes(found)
        self.publish.on_changes(found)
        self.clock.advance(0)

    def put(self, key: str, value: bytes) -> Entry:
        revision = self.cluster.revision + 1
        return Entry(key, value, revision, revision, 77)

    def defined(self, wanted: Definition) -> Entry:
        return self.put(KEYS.service(wanted.name), json.dumps(wanted.write()).encode())

    def claimed(self, number: int, told: ClaimRecord, service: ServiceName = WEB) -> Entry:
        return self.put(KEYS.claim(InstanceName(service, number)), told.encode())

    def gone(self, key: str) -> Deleted:
        return Deleted(key, self.cluster.revision + 1)

    # The zones and routings that were published.

    def addresses(self, *labels: bytes) -> set[str] | None:
        """The addresses of a name below ``container.``, None if it does not exist."""
        node = self.zones[-1].lookup(labels)
        return None if node is None else set(map(str, node[A].data)) if A in node else set()

    @property
    def web(self) -> set[str] | None:
        return self.addresses(b"web", b"myapp")

    @property
    def routes(self) -> dict[str, list[tuple[str, int, bool]]]:
        routes = self.routings[-1].routes
        return {r.host_name: [(u.address, u.port, u.local) for u in r.upstreams] for r in routes}
