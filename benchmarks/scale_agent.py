"""
A fleet: many whole agents in one process, each with its Docker Engine in memory, around a real etcd.

An agent is ``daprdockr.wiring.composition`` as in production but for DNS, nginx and API, which are off, the Engine, and
a health check that always succeeds. See Note [What agents share] in ``scale_shared``.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred, gatherResults

from benchmarks.scale_shared import GROUP, MOST_ALONE, RELIST, Beside, Everyone, Group, Lent, Surroundings
from benchmarks.scale_store import CountingStore
from daprdockr.agent.host.probe import Target
from daprdockr.agent.mirror.mirror import Following, Mirror
from daprdockr.agent.statedir import StateDir
from daprdockr.etcd.follow import Follower
from daprdockr.model.wanted.definition import Definition
from daprdockr.runtime.sequence import Sequence
from daprdockr.wiring.composition import Composition
from tests.fakes.engine import MemoryEngine

IMAGE = "web:1"


class ScaleAgent(Composition):
    """
    One node.

    :param everyone: the watch that it shares; None: it has one of its own.
    """

    def __init__(self, around: Surroundings, node: str, group: Group, everyone: Everyone | None) -> None:
        chosen = around.settings(node)
        super().__init__(settings=chosen, state=StateDir(chosen.state_dir), reactor=around.agents_reactor)
        self._everyone = everyone
        self._pace = around.pace
        self._sequence = Sequence()
        # In the place of what the composition would make.
        self.beats = CountingStore(group.beat_store, around.keys, around.tally)
        self.store, self.beat_store = CountingStore(group.store, around.keys, around.tally), self.beats
        self.etcd_threads, self.beat_threads = Lent(group.pools["etcd"]), Lent(group.pools["heartbeat"])
        self.docker_threads, self.stop_threads = Lent(group.pools["docker"]), Lent(group.pools["stops"])
        self.guard_thread, self.ping_thread = Lent(group.pools["stops"]), Lent(group.pools["stops"])
        self.pull_threads, self.check_threads = Lent(group.pools["stops"]), Lent(group.pools["stops"])
        self.engine = MemoryEngine(node=node)
        self.engine.add_image(IMAGE)
        self.probe = healthy

    def boottime(self) -> float:
        return float(self.reactor.seconds())

    def follow(self, mirror: Mirror) -> Following:
        if self._everyone is not None:
            return Beside(self._everyone, mirror)
        return Follower(store=self.store, prefixes=self.keys.mirrored, listener=mirror, relist=RELIST * self._pace)

    def start(self) -> None:
        self.state.lock()
        for service in self.services():
            service.setServiceParent(self._sequence)
        self._sequence.startService()

    async def stop(self) -> None:
        """For etcd the same as a crash: the lease lives on for its time, and no claim is released."""
        await self._sequence.stopService()
        self.state.unlock()
        self.engine.close()


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
    """A look at a container, which is always well."""
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
