"""
The objects that the agents of a fleet are given, and those that they share.

Note [What agents share]
    The reactor, the processors and Python's lock; therefore Note [Slower time] in ``scale_pace``. Up to ``MOST_ALONE``
    agents have all else for themselves, as on as many hosts: connections, watch, threads, state directory. More would
    need ten thousand threads and thousands of connections: they share connections and pools of threads, in groups of
    ``GROUP``, and one watch, whose every batch each agent's own mirror takes over.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable
from pathlib import Path
from typing import Any, TypeVar

from attrs import evolve, field, frozen
from twisted.internet.defer import Deferred, succeed

from benchmarks.scale_pace import PacedReactor, PacedStore
from benchmarks.scale_store import CountingStore, Tally
from daprdockr.arguments.options import Options
from daprdockr.arguments.settings import Settings
from daprdockr.etcd.address import Access
from daprdockr.etcd.failover import Failover
from daprdockr.etcd.follow import Follower, Listener, Pacing
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.errors import EtcdError
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Batch, Listing
from daprdockr.model.stored.keys import Keys
from daprdockr.model.troubles.host import ThreadsBusy, ThreadsRefused
from daprdockr.runtime.pool import Run
from daprdockr.runtime.workers import Workers
from daprdockr.wiring.outside import EnginePools, EtcdPools, Pools
from daprdockr.wiring.real import BEAT_THREADS, CALL_TIMEOUT, ETCD_THREADS

T = TypeVar("T")

MOST_ALONE = 200
GROUP = 25
DOCKER_THREADS = 8
"""As by default."""

STOP_THREADS = 8
"""Fewer than an agent has: nothing that takes long happens here."""

RELIST = 60.0
"""Seconds between two full lists, as by default."""


@frozen
class Surroundings:
    """The surroundings of all agents: the real reactor, how slow their time goes, and where etcd is."""

    reactor: Any
    pace: float
    access: Access
    keys: Keys
    tally: Tally
    directory: Path
    ttl: int
    agents_reactor: PacedReactor = field(init=False)

    @agents_reactor.default
    def _(self) -> PacedReactor:
        return PacedReactor(self.reactor, self.pace)

    def settings(self, node: str) -> Settings:
        """An agent as by default, without what listens on a socket."""
        options = Options({})
        off = {"http": "off", "dns": "off", "api": "off", "peer": "off", "host": "192.0.2.1", "dns-upstream": "none"}
        own = {"node": node, "state-dir": str(self.directory / node), "lease-ttl": str(self.ttl)}
        own |= {"etcd": str(self.access).replace(" ", ""), "prefix": self.keys.prefix}
        options.parseOptions([word for name, value in (off | own).items() for word in (f"--{name}", value)])
        return options.settings()

    def store(self, timeout: float) -> Store:
        """A connection to etcd; ``timeout`` in seconds of the agents."""
        store = EtcdStore(self.access, timeout=timeout * self.pace, failover=Failover(random.randrange(1024)))
        return PacedStore(store, self.pace)


class Everyone:
    """One watch for all: hands what it brings to each mirror."""

    def __init__(self, around: Surroundings) -> None:
        self._mirrors: list[Listener] = []
        store = CountingStore(around.store(CALL_TIMEOUT), around.keys, around.tally)
        self._follower = Follower(
            store=store, prefixes=around.keys.mirrored, listener=self, pacing=Pacing(relist=RELIST * around.pace)
        )

    def start(self) -> None:
        self._follower.start()

    def stop(self) -> None:
        self._follower.stop()

    def add(self, mirror: Listener) -> None:
        self._mirrors.append(mirror)

    def remove(self, mirror: Listener) -> None:
        self._mirrors.remove(mirror)

    def listed(self, listing: Listing) -> None:
        for mirror in tuple(self._mirrors):
            mirror.listed(listing)

    def changed(self, batch: Batch) -> None:
        for mirror in tuple(self._mirrors):
            mirror.changed(batch)

    def lost(self, error: EtcdError) -> None:
        for mirror in tuple(self._mirrors):
            mirror.lost(error)


class Beside:
    """Implements ``Following`` for one mirror of many."""

    def __init__(self, everyone: Everyone, mirror: Listener) -> None:
        self._everyone = everyone
        self._mirror = mirror

    def start(self) -> None:
        self._everyone.add(self._mirror)

    def stop(self) -> None:
        self._everyone.remove(self._mirror)

    def list_again(self) -> None:
        """A no-op: the list is everybody's, and comes when it is due."""


class Lent(Workers):
    """A pool of threads that does not start and stop with the agent who uses it."""

    def __init__(self, pool: Workers, reactor: Any) -> None:
        super().__init__(name=str(pool.name), size=pool.size, reactor=reactor)
        self.name = None  # an agent has several of one pool
        self._lender = pool

    def __call__(self, call: Callable[..., T], /, *args: Any, **kwargs: Any) -> Deferred[T]:
        return self._lender(call, *args, **kwargs)

    def of(self, owner: Hashable) -> Run:
        return self._lender.of(owner)

    @property
    def condition(self) -> ThreadsBusy | ThreadsRefused | None:
        return self._lender.condition

    def startService(self) -> None:
        self.running = 1

    def stopService(self) -> Deferred[None]:
        self.running = 0
        return succeed(None)


class Group:
    """Connections and threads of one agent, or of some that share them."""

    def __init__(self, around: Surroundings) -> None:
        self._reactor = around.reactor
        self.store = around.store(CALL_TIMEOUT)
        self.beat_store = around.store(0.3 * around.ttl)
        sizes = {"etcd": ETCD_THREADS, "heartbeat": BEAT_THREADS, "docker": DOCKER_THREADS, "stops": STOP_THREADS}
        self.pools = {name: Workers(name=name, size=size, reactor=around.reactor) for name, size in sizes.items()}
        for pool in self.pools.values():
            pool.startService()

    def lent(self, own: Pools) -> Pools:
        """Those for one agent, which keeps its ``own`` for the files that it reads and writes."""
        etcd = EtcdPools(calls=self._lend("etcd"), beats=self._lend("heartbeat"), upkeep=self._lend("etcd"))
        stops = [self._lend("stops") for _ in range(5)]
        engine = EnginePools(self._lend("docker"), *stops[:4])
        return evolve(own, etcd=etcd, engine=engine, guard=stops[4])

    def _lend(self, name: str) -> Lent:
        return Lent(self.pools[name], self._reactor)

    async def close(self) -> None:
        for pool in self.pools.values():
            await pool.stopService()
        self.store.close()
        self.beat_store.close()
