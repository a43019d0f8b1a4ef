"""The base of tests of the command line: a store, its content, and how a line is run."""

from __future__ import annotations

import json
from collections.abc import Callable

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import Port
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.wanted.definition import Definition
from tests.build.values import KEYS, named
from tests.fakes.command_line import EventfulStore, InterruptedStore, LentStore, Outcome, command_line

KEY = "/daprdockr/services/myapp/web"
DOCUMENT = {
    "Name": "web",
    "Group": "myapp",
    "Instances": 2,
    "Container": {"Cmd": ["run"], "Image": "web:1", "Memory": 1000},
    "Http": {"HostName": "demo.test", "ContainerPort": "8080"},
}


class DefinitionCase(SynchronousTestCase):
    """A store in which the definition under ``KEY`` is read and changed."""

    def setUp(self) -> None:
        self.store = InterruptedStore()

    def run_line(self, *words: str, stdin: object = b"") -> Outcome:
        data = stdin if isinstance(stdin, bytes) else json.dumps(stdin).encode()
        done = command_line(self.store, *words, stdin=data)
        self.assertEqual(self.store.lent, 0)
        return done

    def stored(self) -> object:
        entry = self.store.get(KEY)
        return None if entry is None else Definition.parse(entry.value).write()

    def given(self, document: object = DOCUMENT) -> None:
        self.store.put(KEY, json.dumps(document).encode())


def demo(hosts: str = "demo.test") -> Definition:
    """The service ``web.myapp``, three times, with a site."""
    return named("web", 3, Http={"HostName": hosts, "ContainerPort": 8080})


WEB = demo()
RUNNING = ClaimRecord(
    node="n1",
    state=State.RUNNING,
    healthy=True,
    addresses=("192.0.2.1",),
    ports=(Port(8080, "tcp", 32768),),
    container="c1",
    definition=WEB.digest,
    started=1_700_000_000.5,
)
WELL = ClaimRecord(node="n1", state=State.RUNNING, healthy=True)
"""A claim of which nothing more is known."""


class ShowCase(SynchronousTestCase):
    """A store of which tables are printed."""

    def setUp(self) -> None:
        self.store = LentStore()

    def claim(self, number: int, record: ClaimRecord, service: ServiceName = WEB.name) -> None:
        self.store.put(KEYS.claim(InstanceName(service, number)), record.encode(), self.store.lease)

    def lines(self, *words: str) -> list[list[str]]:
        """The table, each line as its cells."""
        done = command_line(self.store, *words)
        self.assertEqual((done.status, done.stderr, self.store.lent), (0, "", 0))
        return [line.split("   ") for line in done.stdout.splitlines()]

    def cells(self, *words: str) -> list[list[str]]:
        return [[cell.strip() for cell in line if cell.strip()] for line in self.lines(*words)]


class DrainCase(SynchronousTestCase):
    """Nodes ``n1``, which has all there is, and ``n2``."""

    def setUp(self) -> None:
        self.store = EventfulStore()
        for name in ("n1", "n2"):
            self.store.put(KEYS.node(name), NodeRecord().encode(), self.store.lease)

    def define(self, *definitions: Definition, node: str = "n1") -> None:
        for one in definitions:
            self.store.put(KEYS.service(one.name), one.encode())
            for number in range(1, one.instances + 1):
                self.claim(InstanceName(one.name, number), node)

    def claim(self, name: InstanceName, node: str) -> None:
        self.store.put(KEYS.claim(name), evolve(WELL, node=node).encode(), self.store.lease)

    def moves(self, *names: InstanceName) -> Callable[[], None]:
        """A function that makes these run on ``n2`` at once."""

        def move() -> None:
            for name in names:
                self.claim(name, "n2")

        return move

    def run_line(self, line: str) -> Outcome:
        return command_line(self.store, *line.split())

    @property
    def cluster(self) -> Cluster:
        cluster = Cluster(KEYS)
        cluster.replace(self.store.list(KEYS.root))
        return cluster
