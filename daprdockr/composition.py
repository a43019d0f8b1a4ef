"""
The composition root: each part of an agent, made once, from the parts it needs. Builds everything, decides nothing.

Two signals close the circle of loops: ``cluster_changed`` when the mirror of etcd changed, ``services_changed`` when
something else about a service did (its containers, its health). This module and ``tap`` alone know the reactor, the
clock, the environment and the source of random numbers.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Any

from twisted.application.internet import TCPServer
from twisted.application.service import Service

from daprdockr.agent.carry_out import CarryOut
from daprdockr.agent.claim_steps import ClaimSteps
from daprdockr.agent.container_steps import ContainerSteps
from daprdockr.agent.ephemeral import Ephemeral
from daprdockr.agent.gather import Gather
from daprdockr.agent.guard_process import GuardProcess, guard_process
from daprdockr.agent.guarded import Guarded
from daprdockr.agent.health import HealthChecks
from daprdockr.agent.healthz import QuietSite, api
from daprdockr.agent.heartbeat import Heartbeat
from daprdockr.agent.host import Host, Listening
from daprdockr.agent.journal import Journal
from daprdockr.agent.mirror import Following, Mirror
from daprdockr.agent.own_claims import OwnClaims
from daprdockr.agent.presence import Presence
from daprdockr.agent.probe import Probe, RealProbe
from daprdockr.agent.profile import Profile
from daprdockr.agent.publish import Publish
from daprdockr.agent.reconcile import Reconcile
from daprdockr.agent.registration import Registration
from daprdockr.agent.signal import Signal
from daprdockr.agent.statedir import StateDir
from daprdockr.agent.unanswered import Unanswered
from daprdockr.agent.workers import Workers
from daprdockr.dns.addresses import host_addresses
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.resolvconf import upstreams
from daprdockr.dns.server import DnsServer
from daprdockr.dns.zone import Zone
from daprdockr.engine.docker_engine import DockerEngine
from daprdockr.engine.events import EventListener
from daprdockr.etcd.embedded import EmbeddedEtcd
from daprdockr.etcd.follow import Follower
from daprdockr.etcd.store import EtcdStore
from daprdockr.guard.clock import boot_id, boottime
from daprdockr.model.cluster import Changes, Cluster
from daprdockr.model.keys import Keys
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Engine, Store
from daprdockr.proxy.configuration import Listener
from daprdockr.proxy.nginx import Nginx
from daprdockr.proxy.program import NginxProgram
from daprdockr.proxy.routes import Routing
from daprdockr.proxy.surroundings import settings_here
from daprdockr.settings import Settings

ETCD_THREADS, BEAT_THREADS, STOP_THREADS = 4, 1, 8
CALL_TIMEOUT = 2.0
"""Seconds of a call to etcd. Short, because a write to a member whose host is gone waits for all of it."""

STOP_GRACE = 15.0
"""Seconds that stops in flight are given at exit: longer than the default ``StopTimeout``."""


class Composition:
    """The parts of one agent; ``services`` are those that start and stop."""

    boottime = staticmethod(boottime)

    def __init__(self, *, settings: Settings, state: StateDir, reactor: Any) -> None:
        self.settings = settings
        self.state = state
        self.reactor = reactor
        self.keys = Keys(settings.prefix)
        self.cluster = Cluster(self.keys)
        self.cluster_changed: Signal[[Changes]] = Signal()
        self.services_changed: Signal[[Iterable[ServiceName]]] = Signal()

    def services(self) -> list[Service]:
        """In the order they start. :raises BadInput: an option does not fit this machine."""
        self.cluster_changed.subscribe(self.journal.on_changes)
        self.cluster_changed.subscribe(self.own_claims.on_changes)  # before those who ask it
        self.cluster_changed.subscribe(self.publish.on_changes)
        self.cluster_changed.subscribe(self.reconcile.on_changes)
        self.services_changed.subscribe(self.guarded.on_changes)
        self.services_changed.subscribe(self.reconcile.look_at)
        threads = [self.etcd_threads, self.beat_threads, self.docker_threads, self.stop_threads, self.nginx_thread]
        edges = [self.guard_thread, self.dns, self.nginx, self.guarded, self.ephemeral]
        loops = [self.journal, self.heartbeat, self.host, self.mirror, self.health, self.reconcile]
        parts = [self.profile, self.embedded_etcd, *threads, *edges, *loops, self.api]
        return [part for part in parts if part is not None]

    # Threads and what is called in them.

    @cached_property
    def etcd_threads(self) -> Workers:
        return Workers(name="etcd", size=ETCD_THREADS, reactor=self.reactor)

    @cached_property
    def beat_threads(self) -> Workers:
        return Workers(name="heartbeat", size=BEAT_THREADS, reactor=self.reactor)

    @cached_property
    def docker_threads(self) -> Workers:
        return Workers(name="docker", size=self.settings.docker_workers, reactor=self.reactor)

    @cached_property
    def stop_threads(self) -> Workers:
        return Workers(name="stops", size=STOP_THREADS, reactor=self.reactor, grace=STOP_GRACE)

    @cached_property
    def nginx_thread(self) -> Workers:
        """Its own, because a change of routes must not wait behind a slow call to Docker."""
        return Workers(name="nginx", size=1, reactor=self.reactor)

    @cached_property
    def guard_thread(self) -> Workers:
        return Workers(name="guard", size=1, reactor=self.reactor)

    @cached_property
    def store(self) -> Store:
        return EtcdStore(self.settings.etcd, timeout=CALL_TIMEOUT, first=random.randrange(1024))

    @cached_property
    def beat_store(self) -> Store:
        # A little less than the time between two beats: one that overran would cost the next one too.
        return EtcdStore(self.settings.etcd, timeout=0.3 * self.settings.lease_ttl, first=random.randrange(1024))

    @cached_property
    def engine(self) -> Engine:
        return DockerEngine(self.settings.docker, self.settings.node)

    def follow(self, mirror: Mirror) -> Following:
        return Follower(store=self.store, prefix=self.keys.root, listener=mirror)

    def listen(self, host: Host) -> Listening:
        return EventListener(self.engine, host, random.random)

    @cached_property
    def probe(self) -> Probe:
        return RealProbe(reactor=self.reactor, run=self.docker_threads, engine=self.engine)

    # The edges: what the world sees.

    @cached_property
    def embedded_etcd(self) -> EmbeddedEtcd | None:
        settings = self.settings
        if not settings.embedded_etcd:
            return None
        return EmbeddedEtcd(
            access=settings.etcd,
            directory=settings.state_dir / "etcd",
            stop_at_exit=settings.ephemeral,
            reactor=self.reactor,
            environment=dict(os.environ),
        )

    @cached_property
    def dns(self) -> DnsServer | None:
        settings = self.settings
        if not settings.dns:
            return None
        listen = [Endpoint(address, port) for address, port in settings.dns]
        return DnsServer(
            self.reactor,
            listen=listen,
            allow=settings.dns_allow,
            upstreams=self._upstreams(listen),
            host_addresses=host_addresses,
        )

    def _upstreams(self, listen: list[Endpoint]) -> tuple[Endpoint, ...]:
        """The servers that were named, else those of /etc/resolv.conf that are not ourselves."""
        if self.settings.dns_upstream is not None:
            return tuple(Endpoint(address, port) for address, port in self.settings.dns_upstream)
        own = {endpoint.address for endpoint in listen if endpoint.port == 53}
        if own & {"0.0.0.0", "::"}:
            own |= host_addresses()
        try:
            return upstreams(Path("/etc/resolv.conf").read_text(), own)
        except OSError:
            return ()

    @cached_property
    def nginx(self) -> Nginx | None:
        settings = self.settings
        if not settings.http:
            return None
        listeners = [Listener(address, port) for address, port in settings.http]
        return Nginx(
            program=NginxProgram(path=settings.nginx, environment=dict(os.environ), reactor=self.reactor),
            settings=settings_here(settings.state_dir / "nginx", listeners),
            reactor=self.reactor,
            run=self.nginx_thread,
            leave_running=not settings.ephemeral,
        )

    @cached_property
    def api(self) -> TCPServer | None:
        if self.settings.api is None:
            return None
        address, port = self.settings.api
        site = QuietSite(api(self.troubles), reactor=self.reactor)
        return TCPServer(port, site, interface=address, reactor=self.reactor)

    def troubles(self) -> list[str]:
        """What is wrong now, a line each."""
        http = self.nginx.status.reason if self.nginx is not None else ""
        loops = (self.mirror.trouble, self.heartbeat.trouble, self.host.trouble, self.guarded.trouble)
        return [text for text in (*loops, http) if text]

    # The loops.

    @cached_property
    def journal(self) -> Journal:
        return Journal(
            reactor=self.reactor,
            run=self.etcd_threads,
            store=self.store,
            keys=self.keys,
            node=self.settings.node,
            wall_clock=time.time,
        )

    @cached_property
    def heartbeat(self) -> Heartbeat:
        settings = self.settings
        return Heartbeat(
            reactor=self.reactor,
            run=self.beat_threads,
            store=self.beat_store,
            registration=self.registration,
            ttl=settings.lease_ttl,
            state=self.state,
            on_change=lambda: self.reconcile.look_at_all(),
            boottime=self.boottime,
            on_beat=self.guarded.on_beat,
        )

    @cached_property
    def registration(self) -> Registration:
        settings = self.settings
        return Registration(
            run=self.beat_threads,
            store=self.beat_store,
            key=self.keys.node(settings.node),
            record=Presence(settings.host, settings.label, self.cluster, lambda: self.host),
            is_listed=self._is_listed,
        )

    def _is_listed(self, lease: int) -> bool:
        node = self.cluster.nodes.get(self.settings.node)
        return node is not None and node.lease == lease

    @cached_property
    def mirror(self) -> Mirror:
        return Mirror(
            reactor=self.reactor,
            run=self.etcd_threads,
            cluster=self.cluster,
            state=self.state,
            store=self.store,
            draw_identity=lambda: random.SystemRandom().randrange(1, 2**60),
            follow=self.follow,
            on_changes=self.cluster_changed,
        )

    @cached_property
    def host(self) -> Host:
        return Host(
            reactor=self.reactor,
            run=self.docker_threads,
            engine=self.engine,
            listen=self.listen,
            on_changes=self.services_changed,
            on_answer=lambda: self.reconcile.look_at_all(),
        )

    @cached_property
    def guarded(self) -> Guarded:
        return Guarded(
            guard=self.guard,
            host=self.host,
            ttl=self.settings.lease_ttl,
            boottime=self.boottime,
            boot=boot_id(),
            ephemeral=self.settings.ephemeral,
        )

    @cached_property
    def guard(self) -> GuardProcess:
        return guard_process(self.state, self.guard_thread, self.reactor, dict(os.environ))

    @cached_property
    def health(self) -> HealthChecks:
        return HealthChecks(
            reactor=self.reactor,
            probe=self.probe,
            chance=random.random,
            on_changes=lambda service: self.services_changed([service]),
        )

    @cached_property
    def own_claims(self) -> OwnClaims:
        return OwnClaims(node=self.settings.node, cluster=self.cluster)

    @cached_property
    def unanswered(self) -> Unanswered:
        return Unanswered()

    @cached_property
    def gather(self) -> Gather:
        return Gather(
            node=self.settings.node,
            addresses=self.settings.host,
            labels=self.settings.label,
            mirror=self.mirror,
            host=self.host,
            heartbeat=self.heartbeat,
            health=self.health,
            own_claims=self.own_claims,
            unanswered=self.unanswered,
            rebalance=not self.settings.no_rebalance,
        )

    @cached_property
    def reconcile(self) -> Reconcile:
        claims = ClaimSteps(
            store=self.store,
            run=self.etcd_threads,
            mirror=self.mirror,
            here=self.gather.here,
            unanswered=self.unanswered,
        )
        containers = ContainerSteps(
            engine=self.engine,
            run=self.docker_threads,
            run_slow=self.stop_threads,
            host=self.host,
            here=self.gather.here,
            resolvers=self.resolvers,
            guarded=self.guarded,
        )
        return Reconcile(
            reactor=self.reactor,
            gather=self.gather,
            host=self.host,
            carry_out=CarryOut(claims, containers),
            tell=self.journal.tell,
        )

    def resolvers(self) -> list[str]:
        """This node's DNS as its containers can reach it: on port 53 of an address that is not loopback."""
        bound = {endpoint.address for endpoint in self.dns.bound if endpoint.port == 53} if self.dns else set()
        return [a for a in self.settings.host if a in bound and not a.startswith("127.") and a != "::1"]

    @cached_property
    def publish(self) -> Publish:
        return Publish(
            reactor=self.reactor,
            node=self.settings.node,
            addresses=self.settings.host,
            cluster=self.cluster,
            own_claims=self.own_claims,
            may_run=self.gather.may_run,
            to_dns=self.publish_zone,
            to_nginx=self.publish_routing,
            tell=self.journal.tell,
        )

    def publish_zone(self, zone: Zone) -> None:
        if self.dns is not None:
            self.dns.publish(zone)

    def publish_routing(self, routing: Routing) -> None:
        if self.nginx is not None:
            self.nginx.publish(routing.routes)

    # What only some agents have.

    @cached_property
    def ephemeral(self) -> Ephemeral | None:
        if not self.settings.ephemeral:
            return None
        return Ephemeral(run=self.stop_threads, engine=self.engine, heartbeat=self.heartbeat)

    @cached_property
    def profile(self) -> Profile | None:
        return Profile(self.settings.cpuprofile) if self.settings.cpuprofile else None
