"""
Whole agents in memory: the parts that ``daprdockr.wiring`` makes, around an outside world (etcd, the Docker Engine, the
threads, the health checks, the clocks, the machine) that is in the hands of a test.

A test adds nodes to a ``MemoryCluster``, does something to etcd or to a node's Engine, lets time pass, and examines
what runs, what is claimed and what was published.
"""

from __future__ import annotations

import json
import os
import random
from collections.abc import Callable, Hashable
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.holder import machine_id
from daprdockr.agent.host.health import HealthChecks
from daprdockr.agent.host.host import Host
from daprdockr.agent.host.probe import Target
from daprdockr.agent.membership.heartbeat import Heartbeat
from daprdockr.agent.membership.standing import Standing
from daprdockr.agent.mirror.mass_expiry import MassExpiry
from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.mirror.ownerless import Ownerless
from daprdockr.agent.reconcile.gather import Gather
from daprdockr.agent.reconcile.since import Since
from daprdockr.agent.reporting.conditions import conditions, lines
from daprdockr.agent.statedir import StateDir
from daprdockr.arguments.settings import Settings
from daprdockr.dns.zone.zone import Zone
from daprdockr.engine.events import EventConsumer
from daprdockr.engine.images import EngineImages
from daprdockr.etcd.follow import Listener
from daprdockr.guard.clock import boot_id
from daprdockr.guard.watch import Guard
from daprdockr.model.host import ContainerState
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.keys import Keys
from daprdockr.model.trouble import Trouble
from daprdockr.model.wanted.definition import Definition
from daprdockr.proxy.routing import Routing
from daprdockr.runtime.pool import Run
from daprdockr.runtime.sequence import Sequence
from daprdockr.runtime.workers import Workers
from daprdockr.wiring.composition import Composition, compose
from daprdockr.wiring.outside import (
    Addresses,
    Chance,
    Clocks,
    Docker,
    EnginePools,
    Etcd,
    EtcdPools,
    Machine,
    Outside,
    Pools,
)
from tests.build.settings import settings
from tests.build.values import KEYS
from tests.fakes.engine import MemoryEngine
from tests.fakes.guard import HostMemory, MemoryProcesses, StandingProcess, memory_guard, orders_on_disk
from tests.fakes.run import LoopClock, run_at_once
from tests.fakes.steps import SteppedFollower, SteppedListener
from tests.fakes.store import MemoryStore

T = TypeVar("T")

STEP = 0.05
"""Seconds of the cluster's time between two moments at which news travel."""

READY = 0.7
"""Part of a lease's TTL after which a new node is ready: three beats, a third of it apart."""


_decoded = lru_cache(maxsize=4096)(ClaimRecord.decode)
"""A claim's record, which tests read after each step of time, though it seldom changes."""


class MemoryWorkers(Workers):
    """A pool whose threads take no time, and never start."""

    def __init__(self, name: str) -> None:
        super().__init__(name=name, size=1, reactor=None)

    def startService(self) -> None:
        self.running = 1

    def stopService(self) -> Deferred[None]:
        self.running = 0
        return succeed(None)

    def __call__(self, call: Callable[..., T], /, *args: Any, **kwargs: Any) -> Deferred[T]:
        return run_at_once(call, *args, **kwargs) if self.running else super().__call__(call, *args, **kwargs)

    def of(self, owner: Hashable) -> Run:
        return self

    @property
    def condition(self) -> None:
        return None


def memory_pools() -> Pools:
    """Those of one agent."""
    pool = MemoryWorkers
    return Pools(
        etcd=EtcdPools(calls=pool("etcd"), beats=pool("heartbeat"), upkeep=pool("upkeep")),
        engine=EnginePools(
            work=pool("docker"), stops=pool("stops"), pulls=pool("pulls"), checks=pool("checks"), ping=pool("ping")
        ),
        files=pool("files"),
        nginx=pool("nginx"),
        guard=pool("guard"),
        acme=pool("acme"),
        joining=pool("joining"),
        images=pool("images"),
        handing=pool("handing"),
        fetching=pool("fetching"),
    )


class MemoryAgent:
    """
    One node's agent. ``docker`` is its host's Docker Engine; ``unhealthy`` says what health checks find wrong, by
    container, and ``looked`` has the checks that were made; ``zone`` and ``routing`` are what was published last.
    ``interfaces`` are the addresses of its host, and ``routed_from`` is that of its default route. Its wall clock is
    that of the Engine, ``off`` by so many seconds.

    Its parts are made when they are first asked for; until then a test may put others in the place of ``machine``,
    ``store`` and ``beat_store``.
    """

    def __init__(self, *, chosen: Settings, store: MemoryStore, engine: MemoryEngine) -> None:
        self.settings = chosen
        self.state = StateDir(chosen.state_dir)
        self.clock = LoopClock()
        self.off = 0.0
        self.machine = "m1"
        self.interfaces: frozenset[str] = frozenset()
        self.routed_from = "10.0.0.1"
        self.docker = engine
        self.store: Store = store
        self.beat_store: Store = store
        self.memory = store
        self.unhealthy: dict[str, str] = {}
        self.looked: list[Target] = []
        self.zone: Zone | None = None
        self.routing: Routing | None = None
        self.sequence = Sequence()

    @cached_property
    def parts(self) -> Composition:
        """All that the wiring makes."""
        parts = compose(self.settings, self.state, self._outside())
        parts.reports.publish.zones.subscribe(partial(setattr, self, "zone"))
        parts.reports.publish.routings.subscribe(partial(setattr, self, "routing"))
        return parts

    @cached_property
    def host_guard(self) -> HostGuard:
        """The guard of this agent's host."""
        return HostGuard(self.state, self.docker)

    def start(self) -> None:
        self.state.lock()
        for service in self.parts.services:
            service.setServiceParent(self.sequence)
        self.sequence.startService()

    def stop(self) -> Deferred[None]:
        return self.sequence.stopService().addCallback(lambda _: self.state.unlock())

    def pass_time(self, seconds: float) -> None:
        """Changes of etcd and events of the Engine arrive, and the agent goes on for so long."""
        self.docker.now += seconds
        self.host_guard.poll()
        self.follower.step()
        self.listener.step()
        self.clock.advance(seconds)

    def conditions(self) -> list[Trouble]:
        """The conditions at this moment."""
        return conditions(self.parts.judged)

    def troubles(self) -> list[str]:
        """The same, a line each."""
        return lines(self.parts.judged)

    @property
    def running(self) -> list[ContainerState]:
        """The containers that run on this host, in the order of their instances."""
        return sorted((c for c in self.docker.states if c.running), key=lambda c: (c.instance, c.id))

    # Parts that tests look into.

    @property
    def cluster(self) -> Cluster:
        return self.parts.base.cluster

    @property
    def mirror(self) -> Mirror:
        return self.parts.found.known.mirror

    @property
    def ownerless(self) -> Ownerless:
        return self.parts.found.known.ownerless

    @property
    def mass_expiry(self) -> MassExpiry:
        return self.parts.found.known.mass_expiry

    @property
    def host(self) -> Host:
        return self.parts.found.local.host

    @property
    def heartbeat(self) -> Heartbeat:
        return self.parts.found.member.heartbeat

    @property
    def gather(self) -> Gather:
        return self.parts.acting.gather

    @property
    def since(self) -> Since:
        return self.parts.acting.since

    @property
    def health(self) -> HealthChecks:
        return self.parts.found.local.health

    @property
    def here(self) -> Standing:
        return self.parts.found.member.standing

    # The outside world of the parts.

    def _outside(self) -> Outside:
        pools = memory_pools()
        return Outside(
            reactor=self.clock,
            clocks=Clocks(wall=lambda: self.docker.now + self.off, boottime=lambda: self.docker.now, boot=boot_id()),
            chance=Chance(fraction=lambda: 0.0, secret=lambda: random.SystemRandom().randrange(1, 2**60)),
            machine=self._machine(pools.guard),
            pools=pools,
            etcd=Etcd(
                store=self.store,
                beats=self.beat_store,
                follow=self._follow,
                refusals=lambda: self.memory.refusals,
            ),
            docker=self._reached,
        )

    def _machine(self, guard_pool: Workers) -> Machine:
        guard = self.host_guard
        return Machine(
            identity=machine_id(),
            mark=self.machine,
            environment={},
            addresses=Addresses(lambda: self.interfaces, lambda: self.interfaces),
            default_address=lambda: self.routed_from,
            resolv_conf=Path(os.devnull),
            guard=memory_guard(self.clock, self.state, guard.process, guard.processes, guard_pool, guard.memory),
        )

    def _follow(self, listener: Listener) -> SteppedFollower:
        self.follower = SteppedFollower(self.memory, Keys(self.settings.prefix).mirrored, listener)
        return self.follower

    def _reached(self, former: tuple[str, ...]) -> Docker:
        self.docker.former = former
        return Docker(
            engine=self.docker, images=EngineImages(self.settings.docker), listen=self._listen, probe=self._look
        )

    def _listen(self, consumer: EventConsumer) -> SteppedListener:
        self.listener = SteppedListener(self.docker, consumer)
        return self.listener

    async def _look(self, target: Target) -> str | None:
        self.looked.append(target)
        return self.unhealthy.get(target.container)


class HostGuard:
    """The guard of one host, which goes on when its agent is gone: call ``look`` after each moment."""

    def __init__(self, state: StateDir, engine: MemoryEngine) -> None:
        self.engine = engine
        self.process = StandingProcess()
        self.processes = MemoryProcesses(engine)
        self.memory = HostMemory()
        self.reports: list[str] = []
        self._guard = Guard(
            read=partial(orders_on_disk, state),
            memory=self.memory.read,
            processes=self.processes,
            clock=lambda: engine.now,
            boot=boot_id(),
            report=self.reports.append,
        )

    def poll(self) -> None:
        if not self.process.ended and self.process.starts:
            self._guard.poll()


class MemoryCluster:
    """One etcd in memory, and the agents of a test; those in ``agents`` see time pass."""

    def __init__(self, test: SynchronousTestCase) -> None:
        self.store = MemoryStore()
        self.agents: list[MemoryAgent] = []
        self._left: list[HostGuard] = []
        self._test = test

    def add(self, node: str, engine: MemoryEngine | None = None, **changed: Any) -> MemoryAgent:
        """A new node whose agent had its good beats; changed settings by name."""
        agent = self.start(self.make(node, engine, **changed))
        self.advance(READY * agent.settings.lease_ttl)
        return agent

    def make(self, node: str, engine: MemoryEngine | None = None, **changed: Any) -> MemoryAgent:
        """A new node, its Engine with the image ``web:1``, and an agent that does not run yet."""
        engine = engine or MemoryEngine(node=node)
        engine.add_image("web:1")
        chosen = settings(node, **{"state_dir": Path(self._test.mktemp()), **changed})
        return MemoryAgent(chosen=chosen, store=self.store, engine=engine)

    def start(self, agent: MemoryAgent) -> MemoryAgent:
        """Start an agent, which the test need not stop."""
        agent.start()
        self.agents.append(agent)
        self._test.addCleanup(agent.state.unlock)
        return agent

    def stop(self, agent: MemoryAgent) -> None:
        """The agent ends in order; its containers run on."""
        self.agents.remove(agent)
        self._left.append(agent.host_guard)
        self._test.successResultOf(agent.stop())

    def crash(self, agent: MemoryAgent) -> None:
        """The agent is gone, and nobody is notified; its containers run on."""
        self.agents.remove(agent)
        self._left.append(agent.host_guard)
        agent.state.unlock()

    def succeed(self, agent: MemoryAgent) -> MemoryAgent:
        """Another agent on the host and in the state directory of one that is gone."""
        self._left.remove(agent.host_guard)
        return self.start(MemoryAgent(chosen=agent.settings, store=self.store, engine=agent.docker))

    def advance(self, seconds: float) -> None:
        """Let time pass for etcd and for every agent."""
        for _ in range(max(1, round(seconds / STEP))):
            self.store.advance(STEP)
            for agent in self.agents:
                agent.pass_time(STEP)
            for left in self._left:
                left.engine.now += STEP
                left.poll()

    def define(self, definition: Definition) -> None:
        self.store.put(KEYS.service(definition.name), json.dumps(definition.write()).encode())

    def delete(self, service: ServiceName) -> None:
        self.store.commit([], [Delete(KEYS.service(service))])

    def claim(self, instance: InstanceName, node: str) -> int:
        """Another node, of which there is nothing else, claims an instance; the lease of its claim."""
        lease = self.store.grant(3600).id
        self.store.put(KEYS.claim(instance), ClaimRecord(node).encode(), lease)
        return lease

    @property
    def claims(self) -> dict[str, ClaimRecord]:
        """The records of the claims in etcd, by instance."""
        listing = self.store.list(KEYS.root)
        names = {entry.key: KEYS.read(entry.key) for entry in listing.entries}
        return {
            str(names[entry.key]): _decoded(entry.value)
            for entry in listing.entries
            if isinstance(names[entry.key], InstanceName)
        }
