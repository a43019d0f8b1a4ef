"""
A fleet: many whole agents in one process, each with its Docker Engine in memory, around a real etcd.

An agent is as ``daprdockr.wiring`` makes it in production but for DNS, nginx and API, which are off, the Engine, and
a health check that always succeeds. See Note [What agents share] in ``scale_shared``.
"""

from __future__ import annotations

import random
import time

from attrs import evolve
from twisted.internet.defer import Deferred, gatherResults

from benchmarks.scale_shared import GROUP, MOST_ALONE, RELIST, Beside, Everyone, Group, Surroundings
from benchmarks.scale_store import CountingStore
from daprdockr.agent.guarding.guard_process import guard_process
from daprdockr.agent.host.probe import Target
from daprdockr.agent.mirror.mirror import Following
from daprdockr.agent.statedir import StateDir
from daprdockr.arguments.settings import Settings
from daprdockr.engine.events import EventConsumer, EventListener
from daprdockr.engine.images import EngineImages
from daprdockr.etcd.follow import Follower, Listener, Pacing
from daprdockr.model.wanted.definition import Definition
from daprdockr.runtime.sequence import Sequence
from daprdockr.wiring.composition import compose
from daprdockr.wiring.outside import Docker, Etcd, Outside
from daprdockr.wiring.real import real
from tests.fakes.engine import MemoryEngine

IMAGE = "web:1"


class ScaleAgent:
    """
    One node.

    :param everyone: the watch that it shares; None: it has one of its own.
    """

    def __init__(self, around: Surroundings, node: str, group: Group, everyone: Everyone | None) -> None:
        self._around = around
        self._everyone = everyone
        self._sequence = Sequence()
        self.beats = CountingStore(group.beat_store, around.keys, around.tally)
        self._store = CountingStore(group.store, around.keys, around.tally)
        self._engine = MemoryEngine(node=node)
        self._engine.add_image(IMAGE)
        settings = around.settings(node)
        self._state = StateDir(settings.state_dir)
        self._state.lock()
        self._parts = compose(settings, self._state, self._outside(settings, group))

    def _outside(self, settings: Settings, group: Group) -> Outside:
        reactor = self._around.agents_reactor
        world = real(settings, self._state, reactor)
        begun = time.time() - reactor.seconds()  # a wall clock at another pace would look like one that was set
        pools = group.lent(world.pools)
        guard = guard_process(self._state, pools.guard, reactor, dict(world.machine.environment))
        return evolve(
            world,
            clocks=evolve(world.clocks, wall=lambda: begun + reactor.seconds(), boottime=reactor.seconds),
            machine=evolve(world.machine, guard=guard),
            pools=pools,
            etcd=Etcd(
                store=self._store,
                beats=self.beats,
                follow=self._follow,
                refusals=lambda: 0,
            ),
            docker=lambda former: Docker(self._engine, EngineImages(settings.docker), self._listen, healthy),
        )

    def _follow(self, listener: Listener) -> Following:
        if self._everyone is not None:
            return Beside(self._everyone, listener)
        around = self._around
        return Follower(
            store=self._store,
            prefixes=around.keys.mirrored,
            listener=listener,
            pacing=Pacing(relist=RELIST * around.pace),
        )

    def _listen(self, consumer: EventConsumer) -> EventListener:
        return EventListener(self._engine, consumer, random.random)

    def start(self) -> None:
        for service in self._parts.services:
            service.setServiceParent(self._sequence)
        self._sequence.startService()

    async def stop(self) -> None:
        """For etcd the same as a crash: the lease lives on for its time, and no claim is released."""
        await self._sequence.stopService()
        self._state.unlock()
        self._engine.close()


def definition(name: str, instances: int) -> Definition:
    """A service as most are: HTTP on one port, and therefore a check of that port."""
    given = {
        "Name": name,
        "Group": "scale",
        "Instances": instances,
        "Container": {"Image": IMAGE},
        "Http": {"HostName": f"{name}.example.com", "ContainerPort": "8080"},
    }
    return Definition.read(given)


async def healthy(target: Target) -> str | None:
    """A health check of a container, which is always well."""
    return None


class Fleet:
    """All agents of a run, by node."""

    def __init__(self, around: Surroundings, count: int) -> None:
        shared = count > MOST_ALONE
        self.everyone = Everyone(around) if shared else None
        self._groups = [Group(around) for _ in range(-(-count // GROUP) if shared else count)]
        self.agents = {
            node: ScaleAgent(around, node, self._groups[number // GROUP if shared else number], self.everyone)
            for number in range(count)
            for node in [f"node-{number:04d}"]
        }

    def start(self) -> None:
        for agent in self.agents.values():
            agent.start()
        if self.everyone is not None:
            self.everyone.start()

    async def lose(self, node: str) -> float:
        """A node falls silent; when its last beat was sent, by the monotonic clock."""
        agent = self.agents.pop(node)
        await agent.stop()
        return agent.beats.beaten

    async def close(self) -> None:
        if self.everyone is not None:
            self.everyone.stop()
        await gatherResults([Deferred.fromCoroutine(agent.stop()) for agent in self.agents.values()])
        await gatherResults([Deferred.fromCoroutine(group.close()) for group in self._groups])
