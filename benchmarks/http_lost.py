"""
Requests that are lost, and websockets that are cut, while a cluster of two agents changes and breaks.

Both agents share one Docker Engine. Two services answer: the containers of one ignore TERM, those of the other end at
once on it. Their instances are scaled, moved and killed; the websockets lead to a third service, which is tied to the
first node and to which nothing is done. The client (``tests.rig.strict_client``) asks both nodes in turn, and repeats
nothing.
"""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from attrs import frozen

from benchmarks.clock import BenchFailed, wait_until
from tests.rig.agent_process import AgentProcess
from tests.rig.python_image import PORT, web_container
from tests.rig.strict_client import StrictClient, Taken, Target, Wanted

FEW, MANY = 3, 5
"""Instances of each of the two services, and so many when it is scaled up."""

STAY = 2
REST = 1.0
"""Seconds between the end of a change and the next one."""

OLD_ENOUGH = 11.0
"""Seconds that a container lives before it is killed: one that dies before ten is not started again at once."""

STOP_TIMEOUT = 2
UPDATE = {"Drain": 2}
"""How long an instance that has moved serves at its old place, in seconds."""

KINDS = ("nothing", "scale changes", "drains", "kill -9 of a container", "agent restarts", "kill -9 of nginx")


@frozen
class Wishes:
    """How hard it is tried. ``times`` is for each kind but kills of nginx, of which there are ``nginx_kills``."""

    rate: int = 1000
    times: int = 20
    nginx_kills: int = 5
    websockets: int = 20


@frozen
class Loss:
    """The cost of one kind of change; each took so many seconds in the mean."""

    kind: str
    changes: int
    taken: Taken
    seconds: float


class Two:
    """The cluster: two agents, and what runs on them."""

    def __init__(self, etcd: str, engine: str) -> None:
        self.first = AgentProcess(etcd, engine)
        self.second = AgentProcess(etcd, engine, prefix=self.first.group, node="second")
        self.agents = (self.first, self.second)
        self.deaf, self.quick, self.stay = (f"{name}.{self.first.group}" for name in ("deaf", "quick", "stay"))
        self._starts: dict[str, float] = {}

    def start(self) -> None:
        for agent in self.agents:
            agent.start(ttl=6)
        wait_until(lambda: self._ready() == 2, "both nodes are ready")
        self.scale(self.deaf, FEW)
        self.scale(self.quick, FEW)
        self.define(self.stay, STAY, "die", Placement={"Constraints": [f"node == {self.first.node}"]})

    def close(self) -> None:
        for agent in self.agents:
            agent.close()

    def _ready(self) -> int:
        return sum(node["Ready"] for node in json.loads(self.first.command("nodes", "-o", "json")))

    def scale(self, service: str, instances: int) -> None:
        self.define(service, instances, "ignore" if service == self.deaf else "die")

    def define(self, service: str, instances: int, on_term: str, **more: object) -> None:
        """Store the definition, and wait until it is carried out."""
        container = web_container("--on-term", on_term)
        http = {"HostName": f"{service}.test", "ContainerPort": str(PORT)}
        described = {"Container": container, "Http": http, "StopTimeout": STOP_TIMEOUT, "Update": UPDATE, **more}
        self.first.define(service, instances, container["Image"], **described)

    def wanted(self, wishes: Wishes) -> Wanted:
        asked = tuple(
            Target(agent.http_port, f"{service}.test") for service in (self.deaf, self.quick) for agent in self.agents
        )
        sockets = tuple(Target(agent.http_port, f"{self.stay}.test") for agent in self.agents)
        return Wanted(asked, wishes.rate, wishes.websockets, sockets)

    def running(self, service: str) -> list[tuple[AgentProcess, str]]:
        """The containers of a service, and who runs each."""
        return [(agent, container) for agent in self.agents for container in agent.ids(service)]

    def changes(self, kind: str) -> Callable[[int], None]:
        """A function that makes the change with a number, from 0, of a kind, and waits for its end."""
        table = (lambda _: None, self._scale, self._drain, self._kill, self._restart, self._kill_nginx)
        return dict(zip(KINDS, table, strict=True))[kind]

    def _scale(self, number: int) -> None:
        """One service up, then the other one; one down, then the other one."""
        service = (self.deaf, self.quick)[number % 2]
        self.scale(service, MANY if number % 4 < 2 else FEW)

    def _drain(self, number: int) -> None:
        """
        One node, then the other one: all instances that can leave it move, and their containers there end.

        :raises BenchFailed: if it has none, or one stays.
        """
        agent = self.agents[1 - number % 2]
        if not self._leaving(agent):
            raise BenchFailed(f"{agent.node} has no instance that a drain could move")
        self.first.command("drain", agent.node, "-wait", "-timeout", "60")
        wait_until(lambda: not self._leaving(agent), f"the last instance has left {agent.node}")
        self.first.command("uncordon", agent.node)

    def _leaving(self, agent: AgentProcess) -> int:
        """How many instances of the two services a node has."""
        return len(agent.ids(self.deaf)) + len(agent.ids(self.quick))

    def _kill(self, number: int) -> None:
        """One after another, each when it is old enough; then wait until it is there again."""
        services = (self.deaf, self.quick)
        service = services[number % 2]
        places = self.running(service)
        agent, container = min(places, key=lambda place: self._starts.get(place[1], 0.0))
        time.sleep(max(0.0, self._starts.get(container, 0.0) + OLD_ENOUGH - time.monotonic()))
        pid = agent.pid_of(container)
        if container not in _read(f"/proc/{pid}/cgroup"):
            raise BenchFailed(f"process {pid} is not of container {container[:12]}: the Engine is on another machine")
        os.kill(pid, signal.SIGKILL)
        wait_until(lambda: agent.pid_of(container) not in (0, pid), f"{service} is there again")
        self._starts[container] = time.monotonic()
        self.first.command("wait", service, "-timeout", "60")

    def _restart(self, number: int) -> None:
        agent = self.agents[number % 2]
        agent.stop()
        agent.start(ttl=6)

    def _kill_nginx(self, number: int) -> None:
        """The master with its workers; then wait for another one that answers."""
        agent = self.agents[number % 2]
        before = self._nginx(agent)
        os.killpg(before, signal.SIGKILL)
        wait_until(lambda: self._nginx(agent) != before, "another nginx")
        wait_until(lambda: bool(agent.curl(f"{self.quick}.test")), "nginx answers again")

    def _nginx(self, agent: AgentProcess) -> int:
        """The pid of a node's nginx."""
        return int(_read(f"{agent.state}/nginx/nginx.pid") or 0)


def _read(path: str) -> str:
    """The content of a file; nothing while there is none."""
    try:
        with open(path) as file:
            return file.read()
    except FileNotFoundError:
        return ""


@contextmanager
def two(etcd: str, engine: str) -> Iterator[Two]:
    """Two agents with all that is to run on them, taken down in the end."""
    with ExitStack() as stack:
        cluster = Two(etcd, engine)
        stack.callback(cluster.close)
        cluster.start()
        yield cluster


def measure(cluster: Two, wishes: Wishes, say: Callable[[str], object]) -> Iterator[Loss]:
    """All kinds of changes, one after another."""
    with StrictClient(cluster.wanted(wishes)) as client:
        for kind in KINDS:
            count = wishes.nginx_kills if kind == KINDS[-1] else wishes.times
            change, spent = cluster.changes(kind), 0.0
            client.take()
            for number in range(count):
                begun = time.monotonic()
                change(number)
                spent += time.monotonic() - begun
                time.sleep(REST)
            found = Loss(kind, count, client.take(), spent / count)
            say(f"    {kind}: {found.taken.losses} of {found.taken.sent} lost, {found.taken.cut or 'no websocket'} cut")
            yield found
