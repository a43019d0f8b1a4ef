"""
Whole agents in memory: the loops and the wiring of ``daprdockr.wiring.composition``, with etcd, the Docker Engine, the
threads, the health checks and the clock in the hands of a test.

A test adds nodes to a ``MemoryCluster``, does something to etcd or to a node's Engine, lets time pass, and looks at
what runs, what is claimed and what was published.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.host import Host
from daprdockr.agent.host.probe import Target
from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.statedir import StateDir
from daprdockr.arguments.settings import Settings
from daprdockr.dns.zone.zone import Zone
from daprdockr.etcd.address import Access
from daprdockr.guard.clock import boot_id
from daprdockr.guard.watch import Guard
from daprdockr.model.host import ContainerState
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.keys import Keys
from daprdockr.model.wanted.definition import Definition
from daprdockr.proxy.routes import Routing
from daprdockr.runtime.pool import Run
from daprdockr.runtime.sequence import Sequence
from daprdockr.runtime.workers import Workers
from daprdockr.wiring.composition import Composition
from tests.fakes.engine import MemoryEngine
from tests.fakes.guard import MemoryProcesses, StandingProcess, memory_guard
from tests.fakes.run import LoopClock, run_at_once
from tests.fakes.steps import SteppedFollower, SteppedListener
from tests.fakes.store import MemoryStore

T = TypeVar("T")

STEP = 0.05
"""Seconds of the cluster's time between two moments at which news travel."""

READY = 0.7
"""Part of a lease's TTL after which a new node is ready: three beats, a third of it apart."""

KEYS = Keys()


def settings(node: str, state_dir: Path, **changed: Any) -> Settings:
    """An agent that opens no socket and starts no program."""
    given: dict[str, Any] = {
        "etcd": Access.parse("http://127.0.0.1:1"),
        "docker": "unix:///nonexistent/docker.sock",
        "node": node,
        "host": ("10.0.0.1",),
        "dns": (),
        "dns_upstream": (),
        "dns_forward": {},
        "dns_allow": (),
        "http": (),
        "https": (),
        "nginx": "nginx",
        "api": None,
        "state_dir": state_dir,
        "lease_ttl": 6,
        "prefix": KEYS.prefix,
        "label": {},
        "allow": frozenset(),
        "docker_workers": 2,
        "cpuprofile": None,
        "embedded_etcd": False,
        "no_rebalance": True,
        "ephemeral": False,
    }
    return Settings(**{**given, **changed})


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


class MemoryAgent(Composition):
    """
    One node's agent. ``docker`` is its host's Docker Engine; ``complaints`` says what health checks find wrong, by
    container, and ``looked`` has the looks they took; ``zone`` and ``routing`` are what was published last.
    """

    def __init__(self, *, chosen: Settings, store: MemoryStore, engine: MemoryEngine) -> None:
        self.clock = LoopClock()
        self.machine = "m1"
        super().__init__(settings=chosen, state=StateDir(chosen.state_dir), reactor=self.clock)
        if self.state.holder.former:
            engine = engine.seen_by(chosen.node, self.state.holder.former)
        self.docker = engine
        self.memory = store
        self.complaints: dict[str, str] = {}
        self.looked: list[Target] = []
        self.zone: Zone | None = None
        self.routing: Routing | None = None
        self.sequence = Sequence()
        self.interfaces: frozenset[str] = frozenset()
        self.routed_from = "10.0.0.1"
        # In the place of what the composition would make.
        self.store = self.beat_store = store
        self.engine = engine
        self.etcd_threads, self.beat_threads = MemoryWorkers("etcd"), MemoryWorkers("heartbeat")
        self.docker_threads, self.stop_threads = MemoryWorkers("docker"), MemoryWorkers("stops")
        self.check_threads, self.pull_threads = MemoryWorkers("checks"), MemoryWorkers("pulls")
        self.ping_thread, self.file_threads = MemoryWorkers("ping"), MemoryWorkers("files")
        self.nginx_thread, self.guard_thread = MemoryWorkers("nginx"), MemoryWorkers("guard")
        self.host_guard = HostGuard(self.state, engine)
        self.guard = memory_guard(
            self.clock, self.state, self.host_guard.process, self.host_guard.processes, self.guard_thread
        )
        self.probe = self._look

    def start(self) -> None:
        self.state.lock()
        for service in self.services():
            service.setServiceParent(self.sequence)
        self.sequence.startService()

    def stop(self) -> Deferred[None]:
        return self.sequence.stopService().addCallback(lambda _: self.state.unlock())

    def pass_time(self, seconds: float) -> None:
        """What happened in etcd and in the Engine arrives, and the agent goes on for so long."""
        self.docker.now += seconds
        self.host_guard.look()
        self.follower.step()
        self.listener.step()
        self.clock.advance(seconds)

    @property
    def running(self) -> list[ContainerState]:
        """The containers that run on this host, in the order of their instances."""
        return sorted((c for c in self.docker.states if c.running), key=lambda c: (c.instance, c.id))

    def boottime(self) -> float:
        return self.docker.now

    def this_machine(self) -> str:
        return self.machine

    def chance(self) -> float:
        return 0.0

    def follow(self, mirror: Mirror) -> SteppedFollower:
        self.follower = SteppedFollower(self.memory, self.keys.mirrored, mirror)
        return self.follower

    def listen(self, host: Host) -> SteppedListener:
        self.listener = SteppedListener(self.docker, host)
        return self.listener

    def own_addresses(self) -> frozenset[str]:
        return self.interfaces

    def default_address(self) -> str:
        return self.routed_from

    def publish_zone(self, zone: Zone) -> None:
        self.zone = zone

    def publish_routing(self, routing: Routing) -> None:
        self.routing = routing

    async def _look(self, target: Target) -> str | None:
        self.looked.append(target)
        return self.complaints.get(target.container)


class HostGuard:
    """The guard of one host, which goes on when its agent is gone: call ``look`` after each moment."""

    def __init__(self, state: StateDir, engine: MemoryEngine) -> None:
        self.engine = engine
        self.process = StandingProcess()
        self.processes = MemoryProcesses(engine)
        self.told: list[str] = []
        self._guard = Guard(
            read=state.read_guard,
            processes=self.processes,
            clock=lambda: engine.now,
            boot=boot_id(),
            tell=self.told.append,
        )

    def look(self) -> None:
        if not self.process.ended and self.process.starts:
            self._guard.look()


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
        """The agent is there no more, without a word; its containers run on."""
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
                left.look()

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
        """What the claims in etcd say, by instance."""
        listing = self.store.list(KEYS.root)
        names = {entry.key: KEYS.read(entry.key) for entry in listing.entries}
        return {
            str(names[entry.key]): ClaimRecord.decode(entry.value)
            for entry in listing.entries
            if isinstance(names[entry.key], InstanceName)
        }
