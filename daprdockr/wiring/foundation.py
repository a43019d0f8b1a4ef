# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""
What all parts of an agent stand on: its settings, the mirror, what failed, the signals, threads, and connections to
etcd and Engine.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any, TypeVar

from daprdockr.agent.holder import Holder, machine_id
from daprdockr.agent.host.failures import Failures
from daprdockr.agent.membership.contested import this_machine
from daprdockr.agent.statedir import StateDir
from daprdockr.arguments.settings import Settings
from daprdockr.engine.docker_engine import DockerEngine
from daprdockr.etcd.credentials import fingerprint
from daprdockr.etcd.store import EtcdStore
from daprdockr.etcd.turn import Turn
from daprdockr.guard.clock import boottime
from daprdockr.model.errors import BadInput
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Engine, Store
from daprdockr.model.stored.keys import Keys
from daprdockr.runtime.followed import Followed
from daprdockr.runtime.outage import Outage
from daprdockr.runtime.signal import Signal
from daprdockr.runtime.workers import Workers

T = TypeVar("T")

ETCD_THREADS, BEAT_THREADS, FILE_THREADS = 4, 1, 8
CALL_TIMEOUT = 2.0
"""Seconds of a call to etcd. Short, because a write to a member whose host is gone waits for all of it."""

OWNERS = 8
"""So many services may hang at once, each with its whole share of a pool, before another one waits."""

STOP_GRACE = 15.0
"""Seconds that stops in flight are given at exit: longer than the default ``StopTimeout``."""


class Foundation:
    """``cluster_changed`` and ``services_changed`` are the two signals by which the loops wake each other."""

    boottime = staticmethod(boottime)
    machine_id = staticmethod(machine_id)
    this_machine = staticmethod(this_machine)

    def __init__(self, *, settings: Settings, state: StateDir, reactor: Any) -> None:
        self.settings = settings
        self.state = state
        state.belongs_to(Holder(settings.node, settings.prefix, self.machine_id()))
        self.reactor = reactor
        self.keys = Keys(settings.prefix)
        self.cluster = Cluster(self.keys)
        self.cluster_changed: Signal[[Changes]] = Signal()
        self.services_changed: Signal[[Iterable[ServiceName]]] = Signal()
        self.node_changed: Signal[[]] = Signal()
        """What this node may or can do: its lease became certain or not, its Engine answers, its address changed."""
        self.outage = Outage(reactor.seconds)
        self.failures = Failures(clock=reactor.seconds, chance=self.chance)
        self.followed: list[Followed[Any]] = []
        """What of the surroundings is followed; each starts with the agent."""

    def chance(self) -> float:
        """A random number in [0, 1)."""
        return random.random()

    def following(self, what: str, read: Callable[[], T], first: T) -> Followed[T]:
        """A value of the surroundings that may change while the agent runs: see ``Followed``."""
        found = Followed(reactor=self.reactor, run=self.file_threads, what=what, read=read, first=first)
        self.followed.append(found)
        return found

    # Threads and what is called in them.

    @cached_property
    def etcd_threads(self) -> Workers:
        return Workers(name="etcd", size=ETCD_THREADS, reactor=self.reactor)

    @cached_property
    def beat_threads(self) -> Workers:
        return Workers(name="heartbeat", size=BEAT_THREADS, reactor=self.reactor)

    @cached_property
    def docker_threads(self) -> Workers:
        """One service may have as many as were asked for, and several may hang before the others notice."""
        share = self.settings.docker_workers
        return Workers(name="docker", size=OWNERS * share, share=share, reactor=self.reactor)

    @cached_property
    def check_threads(self) -> Workers:
        """Their own, because commands that take long must not delay the start of another service's container."""
        return Workers(name="checks", size=64, share=16, reactor=self.reactor)

    @cached_property
    def stop_threads(self) -> Workers:
        """Their own, because ending and removing a container may take the Engine long; see also ``Ephemeral``."""
        return Workers(name="stops", size=128, share=32, reactor=self.reactor, grace=STOP_GRACE)

    @cached_property
    def pull_threads(self) -> Workers:
        """A registry that is silent holds its own share alone."""
        return Workers(name="pulls", size=32, share=4, reactor=self.reactor)

    @cached_property
    def ping_thread(self) -> Workers:
        """Its own, because it has to notice that all other calls to the Engine hang."""
        return Workers(name="ping", size=1, reactor=self.reactor)

    @cached_property
    def file_threads(self) -> Workers:
        """Several, because a file on a disk that hangs must not keep the addresses of this host from being followed."""
        return Workers(name="files", size=FILE_THREADS, reactor=self.reactor)

    @cached_property
    def nginx_thread(self) -> Workers:
        """Its own, because a change of routes must not wait behind a slow call to Docker."""
        return Workers(name="nginx", size=1, reactor=self.reactor)

    @cached_property
    def guard_thread(self) -> Workers:
        return Workers(name="guard", size=1, reactor=self.reactor)

    @cached_property
    def etcd_turn(self) -> Turn:
        """Of both stores; not all agents begin with the same endpoint."""
        return Turn(random.randrange(1024))

    @cached_property
    def store(self) -> Store:
        return self._etcd(CALL_TIMEOUT)

    @cached_property
    def beat_store(self) -> Store:
        # A little less than the time between two beats: one that overran would cost the next one too.
        return self._etcd(0.3 * self.settings.lease_ttl)

    def _etcd(self, timeout: float) -> EtcdStore:
        """It takes up new certificates while the old ones still count."""
        store = EtcdStore(self.settings.etcd, timeout=timeout, turn=self.etcd_turn)
        if self.settings.etcd.ca or self.settings.etcd.cert:
            self.etcd_files.subscribe(lambda _: store.reopen())
        return store

    @cached_property
    def etcd_files(self) -> Followed[bytes]:
        access = self.settings.etcd
        try:
            first = fingerprint(access)
        except (OSError, BadInput):
            first = b""
        return self.following("the certificates for etcd", lambda: fingerprint(access), first)

    @cached_property
    def engine(self) -> Engine:
        return DockerEngine(self.settings.docker, self.settings.node, self.state.holder.former)
