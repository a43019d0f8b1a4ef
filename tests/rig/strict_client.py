"""
A client that repeats no request, in a process of its own: what it loses, somebody's user has lost.

    with StrictClient(Wanted((Target(agent.http_port, "demo.test"),), rate=200, websockets=20)) as client:
        change_something()
        taken = client.take()
        self.assertEqual(({}, {}), (taken.lost, taken.cut))

It asks at a steady rate, however long the answers take. Half of the requests go over kept connections, each of the
others over one of its own; every fifth is a POST with a body. They take turns among the targets, such as the doors of
several nodes. Lost is what is not answered whole, with a status below 400, in time. A kept connection that ended while
idle is no longer used, as by every client, but a request that was already sent over it is lost.

Each websocket sends a message in every second and expects it back. One that ends, or gets nothing back for ten seconds,
is cut, and opened anew. Cuts are counted by the instance that it led to, if the answer to the upgrade names it in a
header ``X-Instance``, as ``tests.rig.web_app`` does.

``tests/rig/strict_load.py`` is what runs in the other process.
"""

from __future__ import annotations

import json
import subprocess
import sys
from types import TracebackType
from typing import Any

import attrs
from attrs import Factory, frozen

from tests.rig.docker_engine import until

PATIENCE = 60.0
"""Seconds that the other process may take for what is under way."""


@frozen
class Target:
    """The door that is asked, and the host name that it is asked for."""

    port: int
    host_name: str
    address: str = "127.0.0.1"
    path: str = "/"


@frozen
class Wanted:
    """
    The load that is asked for.

    :ivar rate: requests per second.
    :ivar websockets: how many stay open, at ``socket_targets`` or else at the same targets.
    :ivar posts: whether every fifth request is a POST; otherwise all are GET.
    :ivar limit: seconds after which a request that is not answered is lost.
    """

    targets: tuple[Target, ...]
    rate: int = 1000
    websockets: int = 0
    socket_targets: tuple[Target, ...] = ()
    limit: float = 15.0
    posts: bool = True

    def encode(self) -> str:
        return json.dumps(attrs.asdict(self))

    @classmethod
    def decode(cls, text: str) -> Wanted:
        given: dict[str, Any] = json.loads(text)
        for name in ("targets", "socket_targets"):
            given[name] = tuple(Target(**one) for one in given[name])
        return cls(**given)


@frozen
class Taken:
    """
    The results of the requests of a while.

    :ivar skipped: requests that were due but not sent, because this machine or the door was too slow.
    :ivar lost: how many, by what was asked and what came instead of an answer.
    :ivar median: seconds, like the others: of the answers.
    :ivar silence: the longest time without any answer.
    :ivar open: websockets that are open now.
    :ivar cut: websockets that were cut, by instance.
    """

    sent: int = 0
    skipped: int = 0
    lost: dict[str, int] = Factory(dict)
    median: float = 0.0
    p99: float = 0.0
    slowest: float = 0.0
    silence: float = 0.0
    open: int = 0
    cut: dict[str, int] = Factory(dict)

    @property
    def losses(self) -> int:
        return sum(self.lost.values())

    def encode(self) -> str:
        return json.dumps(attrs.asdict(self))

    @classmethod
    def decode(cls, text: str) -> Taken:
        return cls(**json.loads(text))


class StrictClient:
    """``with StrictClient(wanted)``: it asks throughout the block, which begins when all websockets are open."""

    def __init__(self, wanted: Wanted) -> None:
        self._wanted = wanted
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> StrictClient:
        command = [sys.executable, "-m", "tests.rig.strict_load", self._wanted.encode()]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        until(lambda: self.take().open == self._wanted.websockets)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        try:
            self._process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()

    def take(self) -> Taken:
        """
        The results of all requests since the last call. It waits for those under way, and sends none meanwhile: each
        belongs to one call alone.

        :raises AssertionError: if the other process has ended.
        """
        assert self._process is not None and self._process.stdin is not None and self._process.stdout is not None
        try:
            self._process.stdin.write("take\n")
            self._process.stdin.flush()
        except BrokenPipeError:
            raise AssertionError("the strict client has ended") from None
        line = self._process.stdout.readline()
        if not line:
            raise AssertionError(f"the strict client has ended with status {self._process.wait()}")
        return Taken.decode(line)
