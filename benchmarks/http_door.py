"""
The door of a real agent: its nginx has one worker, and leads to services of a node that is nothing but keys in etcd.

The agent's own node is drained, so that it runs nothing: what is measured is the way from etcd to nginx, and through
nginx. A change of such an instance is one write, as another agent makes it when an instance of its own moves.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from types import TracebackType

from attrs import evolve

from benchmarks.clock import Changes, wait_until
from benchmarks.http_contestants import ANSWER, HOST_NAME, LOOPBACK
from benchmarks.http_server import bind
from benchmarks.pinned import tree
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.host import Port
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.node import NodeRecord
from tests.rig.agent_process import AgentProcess
from tests.rig.etcd_members import EtcdMembers

NODE = "elsewhere"
CONTAINER_PORT = 8080
LONG = 100_000
"""Seconds of a lease that nobody keeps."""

GROUP = "bench"


def service(number: int) -> ServiceName:
    return ServiceName(group=GROUP, service=f"w{number:04d}")


def host_name(number: int) -> str:
    """That of a service; the first one has the name that all contestants have."""
    return f"w{number:04d}.example.com" if number else HOST_NAME


class Door:
    """
    ``with Door(members, engine, cores)``.

    :param cores: of its nginx, and of all else.
    """

    def __init__(self, members: EtcdMembers, engine: str, cores: tuple[int, int]) -> None:
        self._core, self._other_core = cores
        self._agent = AgentProcess(members.urls, engine, within=("taskset", "--cpu-list", str(self._core)))
        self._store = EtcdStore(members.access)
        self._keys = Keys(f"/{self._agent.group}")
        self._lease = 0
        self._services = 0

    @property
    def port(self) -> int:
        return self._agent.http_port

    def __enter__(self) -> Door:
        try:
            self._agent.start(ttl=6)
            self._agent.command("drain", self._agent.node)
            self._lease = self._store.grant(LONG).id
            self._store.put(self._keys.node(NODE), NodeRecord(addresses=(LOOPBACK,)).encode(), self._lease)
            for pid in self._agents():
                bind(pid, self._other_core)
            bind(self.master, self._core)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        self._agent.close()
        self._store.close()

    def _agents(self) -> list[int]:
        """The agent itself, without nginx, which has a session of its own."""
        listening = f"--http\0{LOOPBACK}:{self.port}".encode()
        found = [entry for entry in Path("/proc").glob("[0-9]*/cmdline") if listening in _read(entry)]
        return [int(entry.parent.name) for entry in found]

    @property
    def master(self) -> int:
        """The pid of nginx."""
        return int((self._agent.state / "nginx/nginx.pid").read_text())

    def workers(self) -> list[int]:
        return [pid for pid in tree(self.master) if pid != self.master]

    def serve(self, count: int, ports: Sequence[int]) -> None:
        """Have so many services, with one host name each and an instance on each port; wait until all are served."""
        for number in range(self._services, count):
            for place, port in enumerate(ports, 1):
                self.move(number, place, port)
            self._define(number, len(ports))
        self._services = count
        last = host_name(count - 1)
        wait_until(lambda: self._agent.curl(last).startswith(ANSWER), f"{count} services are served")

    def _define(self, number: int, instances: int) -> None:
        name = service(number)
        definition = {
            "Name": name.service,
            "Group": name.group,
            "Instances": instances,
            "Container": {"Image": "elsewhere"},
            "Http": {"HostName": host_name(number), "ContainerPort": str(CONTAINER_PORT)},
        }
        self._store.put(self._keys.service(name), json.dumps(definition).encode())

    def move(self, number: int, place: int, port: int) -> None:
        """Have an instance of a service at another port from now on."""
        record = ClaimRecord(node=NODE, state=State.RUNNING, healthy=True, addresses=(LOOPBACK,))
        written = evolve(record, ports=(Port(CONTAINER_PORT, host=port),)).encode()
        self._store.put(self._claim(number, place), written, self._lease)

    def _claim(self, number: int, place: int) -> str:
        return self._keys.claim(InstanceName(service(number), place))

    def changes(self) -> closing[Changes]:
        return closing(Changes(self._store, self._keys.root))

    def is_of(self, number: int, entry: Entry) -> bool:
        """Whether an entry is the first instance of a service."""
        return entry.key == self._claim(number, 1)


def _read(entry: Path) -> bytes:
    try:
        return entry.read_bytes()
    except OSError:  # it has ended
        return b""


def cores() -> tuple[int, int]:
    """One for the proxy that is measured, another one for all else."""
    last, *others = sorted(os.sched_getaffinity(0), reverse=True)
    return last, others[-1]
