# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""The outside world of an agent that runs: this machine, its clocks and threads, etcd and the Docker Engine."""

from __future__ import annotations

import os
import random
import time
from functools import partial
from pathlib import Path
from typing import Any

from attrs import frozen

from daprdockr.agent.guarding.guard_process import guard_process
from daprdockr.agent.holder import machine_id
from daprdockr.agent.host.real_probe import RealProbe
from daprdockr.agent.reconcile.other_nodes import FETCH_THREADS
from daprdockr.agent.statedir import StateDir
from daprdockr.arguments.address import usual_address
from daprdockr.arguments.settings import Settings
from daprdockr.dns.listening.addresses import SharedAddresses, host_addresses
from daprdockr.engine.docker_engine import DockerEngine
from daprdockr.engine.events import EventConsumer, EventListener
from daprdockr.engine.images import EngineImages
from daprdockr.etcd.address import EtcdEndpoint
from daprdockr.etcd.etcd_members import EtcdMembers
from daprdockr.etcd.failover import Failover
from daprdockr.etcd.follow import Follower, Listener
from daprdockr.etcd.maintenance import EtcdMaintenance
from daprdockr.etcd.store import EtcdStore
from daprdockr.etcd.stubs import sleep_until_messages_come
from daprdockr.guard.clock import boot_id, boottime
from daprdockr.model.stored.keys import Keys
from daprdockr.peer.admission import IMAGES
from daprdockr.planning.handing import BRANCHES
from daprdockr.process.machine import this_machine
from daprdockr.runtime.workers import Workers
from daprdockr.wiring.outside import (
    Addresses,
    Administration,
    Chance,
    Clocks,
    Connections,
    Docker,
    EnginePools,
    Etcd,
    EtcdPools,
    Machine,
    Outside,
    Pools,
)

ETCD_THREADS, BEAT_THREADS, FILE_THREADS = 4, 1, 8
ACME_THREADS = 20
"""More than the attempts that are made at once: an attempt that was given up may hold its thread a little longer."""
CALL_TIMEOUT = 2.0
"""
The timeout of a call to etcd in seconds. Short, because a write to a member whose host is gone waits for all of it.
"""

OWNERS = 8
"""So many services may hang at once, each with its whole share of a pool, before another one waits."""

AT_ONCE = 0.0
"""The seconds that an image on its way is given at exit: nothing of it is left, and the next agent begins anew."""

STOP_GRACE = 15.0
"""Seconds that stops in flight are given at exit: longer than the default ``StopTimeout``."""


def real(settings: Settings, state: StateDir, reactor: Any) -> Outside:
    """The outside of an agent with these settings; nothing of it is begun yet."""
    threads = pools(reactor, settings.docker_workers)
    return Outside(
        reactor=reactor,
        clocks=Clocks(wall=time.time, boottime=boottime, boot=boot_id()),
        chance=Chance(fraction=random.random, secret=_secret),
        machine=_machine(settings, state, reactor, threads.guard),
        pools=threads,
        etcd=_etcd(settings),
        docker=partial(_docker, settings, reactor, threads.engine.checks),
    )


def pools(reactor: Any, docker_workers: int) -> Pools:
    """All pools of an agent, of which one service may have ``docker_workers`` threads at once."""

    def pool(name: str, size: int, share: int = 0, grace: float = 5.0) -> Workers:
        return Workers(name=name, size=size, reactor=reactor, share=share, grace=grace)

    return Pools(
        # Upkeep has one for ``EtcdRoom``, and one for ``EtcdKeeping``.
        etcd=EtcdPools(pool("etcd", ETCD_THREADS), pool("heartbeat", BEAT_THREADS), pool("upkeep", 2)),
        engine=EnginePools(
            # One service may have as many as were requested, and several may hang before the others notice.
            work=pool("docker", OWNERS * docker_workers, docker_workers),
            # Their own, because ending and removing a container may take the Engine long; see also ``Ephemeral``.
            stops=pool("stops", 128, 32, STOP_GRACE),
            # A registry that is silent holds its own share alone; and a large one, such as Docker Hub, may be silent
            # for some images while others could be pulled.
            pulls=pool("pulls", 128, 32, AT_ONCE),
            # Their own, because commands that take long must not delay the start of another service's container. A
            # command may take minutes until its timeout, so many services must be able to hang.
            checks=pool("checks", 256, 16),
            # Their own, because they have to notice that all other calls to the Engine hang; one for ``Pulse``, and one
            # for ``ContainerdPulse``.
            ping=pool("ping", 2),
        ),
        # Several, because a file on a disk that hangs must not keep the addresses of this host from being followed.
        files=pool("files", FILE_THREADS),
        # Its own, because a change of routes must not wait behind a slow call to Docker.
        nginx=pool("nginx", 1),
        guard=pool("guard", 1),
        # Its own, because a server that hangs holds its threads, and nothing else waits for them.
        acme=pool("acme", ACME_THREADS),
        # Its own, because one host joins after the other, and each may wait half a minute for etcd.
        joining=pool("joining", 1),
        # Their own, because an image takes long; two, because what is received here must not wait for other nodes,
        # which may wait for it.
        images=pool("images", 3 * IMAGES, grace=AT_ONCE),
        handing=pool("handing", BRANCHES * IMAGES, grace=AT_ONCE),
        # Its own again, for the same reason: two nodes may ask each other.
        fetching=pool("fetching", FETCH_THREADS, grace=AT_ONCE),
    )


def _secret() -> int:
    return random.SystemRandom().randrange(1, 2**60)


def _machine(settings: Settings, state: StateDir, reactor: Any, guard: Workers) -> Machine:
    environment = dict(os.environ)
    addresses = SharedAddresses(host_addresses, reactor.seconds)
    return Machine(
        identity=machine_id(),
        mark=this_machine(),
        environment=environment,
        addresses=Addresses(now=addresses.now, recent=addresses),
        default_address=partial(usual_address, settings.state_dir if settings.founded else None),
        resolv_conf=Path("/etc/resolv.conf"),
        guard=guard_process(state, guard, reactor, dict(environment)),
    )


def _etcd(settings: Settings) -> Etcd:
    """Both stores use the same endpoint at a time; not all agents begin with the same one."""
    sleep_until_messages_come()  # the main thread is the reactor's
    failover = Failover(random.randrange(1024))
    store = EtcdStore(settings.etcd, timeout=CALL_TIMEOUT, failover=failover)
    # A little less than the time between two beats: one that overran would cost the next one too.
    beats = EtcdStore(settings.etcd, timeout=0.3 * settings.lease_ttl, failover=failover)

    def follow(listener: Listener) -> Follower:
        return Follower(store=store, prefixes=Keys(settings.prefix).mirrored, listener=listener)

    maintenance = EtcdMaintenance(settings.etcd, CALL_TIMEOUT)
    members = EtcdMembers(settings.etcd, CALL_TIMEOUT, failover) if settings.founded else None
    connections = _EtcdConnections((store, beats) if members is None else (store, beats, members), maintenance)
    return Etcd(
        store=store,
        beats=beats,
        follow=follow,
        refusals=lambda: store.refusals + beats.refusals,
        administration=Administration(members, maintenance),
        connections=Connections(connections.renew, connections.use_password, connections.move),
    )


@frozen
class _EtcdConnections:
    """All that connects this agent with etcd; ``maintenance`` opens a connection for each call."""

    kept_open: tuple[EtcdStore | EtcdMembers, ...]
    maintenance: EtcdMaintenance

    def renew(self) -> None:
        """Take up new certificates."""
        for one in self.kept_open:
            one.reopen()

    def use_password(self, password: str) -> None:
        for one in (*self.kept_open, self.maintenance):
            one.use_password(password)

    def move(self, endpoints: tuple[EtcdEndpoint, ...]) -> None:
        for one in (*self.kept_open, self.maintenance):
            one.move(endpoints)


def _docker(settings: Settings, reactor: Any, checks: Workers, former: tuple[str, ...]) -> Docker:
    engine = DockerEngine(settings.docker, settings.node, former)

    def listen(consumer: EventConsumer) -> EventListener:
        return EventListener(engine, consumer, random.random)

    probe = RealProbe(reactor=reactor, pool=checks, engine=engine)
    return Docker(engine=engine, images=EngineImages(settings.docker), listen=listen, probe=probe)
