"""
The wall clock jumps while an agent runs: nothing changes, because whatever is timed is timed by other clocks.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection
from time import monotonic

from attrs import frozen
from docker import APIClient

from daprdockr.etcd.store import EtcdStore
from tests.rig import etcd_members
from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import shared
from tests.rig.wall_clock import Clock, library

FORWARD, BACK = timedelta(hours=1), timedelta(hours=-1)
TTL = 6
"""Seconds of the lease: a machine that is busy with other tests may be slow for half of it."""

NEAR = timedelta(minutes=10)
"""The longest time that a busy machine may take to answer; it is much less than a jump."""


def missing() -> str | None:
    """Why these tests are skipped; None to run them, which fails loudly where ``CI`` is set."""
    if library() or os.environ.get("CI"):
        return etcd_members.missing()
    return "not installed: libfaketime (Debian)"


@frozen
class Held:
    """The state that must stay: the containers with the times of their starts, and the claims with fence and lease."""

    starts: dict[str, str]
    claims: dict[str, tuple[int, int]]


class ClockJumpTests(AgentTestCase):
    """The wall clock of a running agent is set an hour forward, then two hours back."""

    skip = missing()

    def setUp(self) -> None:
        self.agent = AgentProcess(shared().urls, engine_url())
        self.addCleanup(self.agent.close)
        self.clock = Clock(self.agent.home / "clock")
        self.agent.environment = self.clock.environment
        self.web = f"web.{self.agent.group}"
        self.agent.start(TTL)
        self.define(2)
        self.addresses = self.agent.dig(f"{self.web}.container")
        self.engine = APIClient(base_url=self.agent.engine, version="auto")
        self.addCleanup(self.engine.close)
        self.store = EtcdStore(shared().access)
        self.addCleanup(self.store.close)

    def define(self, instances: int) -> None:
        self.agent.define(self.web, instances, sample_image(), Http=HTTP)
        self.everyone = {f"{number}.{self.web} 1" for number in range(1, instances + 1)}
        until(lambda: self.agent.served_by("demo.test") == self.everyone)

    def jump(self, offset: timedelta) -> None:
        """Set the agent's clock, and see that it goes by it, at once and after more than a lease."""
        self.clock.ahead(offset)
        self.assert_ahead(offset)
        over = monotonic() + 1.3 * TTL
        until(lambda: monotonic() > over)
        self.assert_ahead(offset)

    def assert_ahead(self, offset: timedelta) -> None:
        """By its word on the API, which Twisted's web server dates."""
        with closing(HTTPConnection("127.0.0.1", self.agent.api_port, timeout=30)) as connection:
            connection.request("GET", "/healthz")
            told = parsedate_to_datetime(connection.getresponse().headers["Date"])
        self.assertApproximates(told, datetime.now(UTC) + offset, NEAR)

    def held(self) -> Held:
        listing = self.store.list(f"/{self.agent.group}/instances/")
        return Held(
            {id: self.engine.inspect_container(id)["State"]["StartedAt"] for id in self.agent.ids(self.web)},
            {entry.key: (entry.create_revision, entry.lease) for entry in listing.entries},
        )

    def after_each_jump(self, then: Callable[[], object]) -> None:
        for offset in (FORWARD, BACK):
            self.jump(offset)
            then()

    def assert_answers(self) -> None:
        """Names, routes and health are what they were; after a change nginx takes a moment."""
        until(self.agent.is_well)
        until(lambda: self.agent.served_by("demo.test") == self.everyone)
        self.assertEqual(self.agent.dig(f"{self.web}.container"), self.addresses)

    def test_nothing_changes(self) -> None:
        """No container stops or restarts, lease and claims are the same ones, names and routes answer."""
        before = self.held()
        self.assertEqual((len(before.starts), len(before.claims)), (2, 2))
        self.after_each_jump(self.assert_answers)
        self.assertEqual(self.held(), before)

    def test_container_killed(self) -> None:
        """It is started again: no pause after a death is reckoned by the wall clock."""
        before = self.held()
        self.after_each_jump(self.kill_one)
        self.assertEqual(self.agent.ids(self.web), list(before.starts))
        self.assertEqual(self.held().claims, before.claims)
        self.assert_answers()

    def kill_one(self) -> None:
        container = self.agent.ids(self.web)[0]
        pid = self.agent.pid_of(container)
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.agent.pid_of(container) not in (0, pid))
        self.agent.command("wait", self.web, "-timeout", "60")

    def test_definition_changed(self) -> None:
        """More instances are placed, and those there were are left alone."""
        before = self.held()
        counts = iter((3, 4))
        self.after_each_jump(lambda: self.define(next(counts)))
        after = self.held()
        self.assertEqual({id: after.starts.get(id) for id in before.starts}, before.starts)
        self.assertEqual({key: after.claims.get(key) for key in before.claims}, before.claims)
        self.assertEqual(len(after.claims), 4)
