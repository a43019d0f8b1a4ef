"""Two definitions within a second on a real Engine and etcd, with a client at nginx that repeats nothing."""

from __future__ import annotations

import contextlib
import json
import random
from contextlib import closing
from functools import partial
from threading import Thread
from time import monotonic
from typing import Any

from docker import APIClient
from docker.errors import NotFound

from daprdockr.etcd.store import EtcdStore
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.keys import Keys
from daprdockr.model.wanted.definition import Definition
from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.cgi_programs import HASTY
from tests.rig.docker_engine import sample_image, until
from tests.rig.etcd_members import shared
from tests.rig.strict_client import StrictClient, Target, Wanted

TIMES, INSTANCES = 10, 2

RATE = 20
"""Requests per second: each starts a process in a container."""


def is_past(moment: float) -> bool:
    return monotonic() >= moment


class SupersededTests(AgentTestCase):
    """Instances that end at once on TERM, and answer requests all the time."""

    def setUp(self) -> None:
        super().setUp()
        self.store = EtcdStore(shared().access)
        self.addCleanup(self.store.close)
        self.keys = Keys(f"/{self.agent.group}")
        self.name = ServiceName.parse(self.web)
        self.marks: dict[str, str] = {}
        self.ran: list[tuple[str, str, str]] = []
        client = self.enterContext(closing(APIClient(base_url=self.agent.engine, version="auto")))
        self.client: APIClient = client
        watched = APIClient(base_url=self.agent.engine, version="auto")
        filters = {"type": ["container"], "event": ["start"], "label": [f"io.daprdockr.node={self.agent.node}"]}
        stream = watched.events(decode=True, filters=filters)
        watcher = Thread(target=self.watch, args=(stream,))
        watcher.start()
        self.addCleanup(watcher.join)
        self.addCleanup(stream.close)

    def watch(self, stream: Any) -> None:
        """
        Keep what was started: its digest, and the mark in its labels and in its environment. One that was superseded at
        once may have gone before it is inspected.
        """
        for event in stream:
            labels = event["Actor"]["Attributes"]
            with contextlib.suppress(NotFound):
                environment = self.client.inspect_container(event["id"])["Config"]["Env"]
                mark = next(one for one in environment if one.startswith("MARK="))
                self.ran.append((labels["io.daprdockr.definition"], labels["mark"], mark.removeprefix("MARK=")))

    def change(self, mark: str) -> str:
        """Store a definition that has a mark in two places; its digest."""
        container = {
            "Image": sample_image(),
            "Entrypoint": ["sh", "-c", HASTY],
            "Env": [f"MARK={mark}"],
            "Labels": {"mark": mark},
        }
        definition = Definition.read(
            {
                "Name": self.name.service,
                "Group": self.name.group,
                "Instances": INSTANCES,
                "Container": container,
                "Http": HTTP,
                "Update": {"MinHealthy": 0, "Parallelism": 2},
                "StopTimeout": 1,
            }
        )
        self.store.put(self.keys.service(self.name), json.dumps(definition.write()).encode())
        self.marks[definition.digest] = mark
        return definition.digest

    def test_last_one_wins(self) -> None:
        """Ten times the last one runs in the end; nothing ran a mixture, and no instance was out of service."""
        chance = random.Random(13)
        self.change("first")
        self.agent.command("wait", self.web)
        begin = self.store.list(self.keys.claims(self.name)).revision
        target = Target(self.agent.http_port, HTTP["HostName"], "127.0.0.1", "/cgi-bin/quick")
        until(lambda: self.agent.curl(HTTP["HostName"], f"http://127.0.0.1:{target.port}{target.path}") == "answered")
        with StrictClient(Wanted((target,), rate=RATE)) as client:
            for number in range(TIMES):
                self.change(f"{number}-before")
                moment = monotonic() + chance.uniform(0.0, 0.9)
                until(partial(is_past, moment))
                last = self.change(f"{number}-last")
                until(partial(self.is_through, last), seen=self.agent.story)
            taken = client.take()
        self.assertEqual(({}, True), (taken.lost, taken.sent > 0))
        until(lambda: len(self.ran) >= INSTANCES * (1 + TIMES))  # the Engine's events come in their own time
        self.assertEqual([], [one for one in self.ran if one[1:] != (self.marks[one[0]],) * 2])
        end = self.store.list(self.keys.claims(self.name)).revision
        healthy = [self.healthy(revision) for revision in range(begin, end + 1)]
        self.assertEqual({INSTANCES}, set(healthy))

    def is_through(self, digest: str) -> bool:
        """Whether all that is claimed and all that is there is of this definition."""
        there = [one["Labels"]["io.daprdockr.definition"] for one in self.agent.containers()]
        return there == [digest] * INSTANCES and {one.definition for one in self.claims()} == {digest}

    def claims(self, revision: int = 0) -> list[ClaimRecord]:
        listing = self.store.list(self.keys.claims(self.name), revision)
        return [ClaimRecord.decode(entry.value) for entry in listing.entries]

    def healthy(self, revision: int) -> int:
        """How many claims said that they are healthy, by etcd's order."""
        return sum(one.healthy for one in self.claims(revision))
