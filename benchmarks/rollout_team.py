"""The service of all contenders: instances of ``tests.rig.web_app``, with the version as a label of the container."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from docker import APIClient

from benchmarks.rollout_report import Case
from tests.rig.cluster.host import Host
from tests.rig.python_image import web_command
from tests.rig.strict_client import Target

VERSION = "bench.version"
"""The label that says which version a container is of."""

TAKES = 0.02
"""Seconds from a request to its answer: so there always are requests under way."""

PROVEN = 3
"""Seconds after which a new instance that works counts as healthy."""

STOP_TIMEOUT = 2
"""Seconds after TERM in which an instance may end by itself."""

TIMEOUT = 60


class Team(Protocol):
    """A system that keeps instances running on the hosts of a cluster, and passes requests on to them."""

    name: str

    def come(self) -> None:
        """Start work on all hosts."""

    def place(self, case: Case, parallelism: int) -> None:
        """Have the instances of version 0, with so many replaced at a time later."""

    def roll(self, version: int) -> None:
        """Have them replaced; returns when that was accepted."""

    def targets(self) -> tuple[Target, ...]:
        """The door of each host."""

    def clear(self) -> None:
        """Take down what ``place`` brought up; returns when that was accepted."""

    def go(self) -> None:
        """End work on all hosts."""


class Versions:
    """The containers of all versions that run on some hosts, asked of their Engines; ``close`` it."""

    def __init__(self, hosts: Sequence[Host]) -> None:
        self._clients = [APIClient(base_url=host.engine, version="auto", timeout=TIMEOUT) for host in hosts]

    def running(self) -> list[str]:
        """The version of each."""
        found = (client.containers(filters={"label": VERSION}) for client in self._clients)
        return [container["Labels"][VERSION] for containers in found for container in containers]

    def are_gone(self) -> bool:
        """Whether none is left, running or not."""
        return not any(client.containers(all=True, filters={"label": VERSION}) for client in self._clients)

    def close(self) -> None:
        for client in self._clients:
            client.close()


def command(case: Case) -> list[str]:
    """The command of an instance."""
    return web_command("--on-term", case.on_term, "--takes", str(TAKES))
