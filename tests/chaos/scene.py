"""The cluster and its services, on which a fault acts. Every action is written to the history before it is done."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Any

from tests.chaos.history import History
from tests.chaos.services import Wanted
from tests.rig.cluster.cluster import COMMAND, Cluster
from tests.rig.cluster.host import Host

PATIENCE = 60.0
"""Seconds for a command: etcd may have to elect a leader first."""

PAUSE = 0.5
DONE, NOT_FOUND = 0, 3
"""Exit statuses of ``daprdockrcmd``."""


class SuiteFailed(Exception):
    """One line that says what the suite could not do, which is no fault of what it tests, or only by and by."""


class Scene:
    """
    ``harmed`` are the names of the hosts that were harmed since it was cleared last.

    :param at_first: the definitions of all services, as they were set before anything was harmed.
    """

    def __init__(self, cluster: Cluster, at_first: Mapping[str, Mapping[str, Any]], history: History) -> None:
        self.cluster = cluster
        self.at_first = at_first
        self.wanted = Wanted({})
        self.harmed: set[str] = set()
        self._history = history

    def host(self, number: int) -> Host:
        return self.cluster.host(number)

    def harm(self, host: Host, harm: str, part: str = "", container: str = "") -> None:
        """Tell what is about to be done to a host, to a part of it, or to a container by its id."""
        self.harmed.add(host.name)
        more: dict[str, Any] = {name: value for name, value in (("part", part), ("id", container)) if value}
        self._history.note("harm", host=host.name, harm=harm, **more)

    def healed(self, host: Host) -> None:
        """Tell that what was done is about to be undone."""
        self._history.note("harm", host=host.name, harm="healed")

    # Parts that do not run are started with what they have.

    def start_agent(self, host: Host) -> None:
        self.cluster.start_agent(host)

    def boot(self, host: Host) -> None:
        """Boot a host that is off; its agent comes last, when the Engine answers."""
        host.boot()
        if host in self.cluster.etcd.hosts:
            self.cluster.etcd.start(host)
        host.start_engine()
        host.load_image()
        self.start_agent(host)

    def pause(self, seconds: float) -> None:
        """Let things go on."""
        time.sleep(seconds)

    # The wishes of a person. A change of the definitions is noted when the command has been carried out.

    def set(self, service: str, definition: Mapping[str, Any], bad: bool = False) -> None:
        """:param bad: nothing that is made of it can work."""
        told = {"change": "set", "service": service, "definition": definition} | ({"bad": True} if bad else {})
        self._wish(told, ["-stdin"], stdin=json.dumps(definition))
        self.wanted.add(service, definition)

    def delete(self, service: str) -> None:
        self.wanted.delete(service)
        self._wish({"change": "delete", "service": service}, ["-svc", service, "-del"], enough=(DONE, NOT_FOUND))

    def drain(self, host: Host) -> None:
        self._wish({"change": "drain", "node": host.name}, ["drain", host.name])

    def uncordon(self, host: Host) -> None:
        self._wish({"change": "uncordon", "node": host.name}, ["uncordon", host.name], enough=(DONE, NOT_FOUND))

    def _wish(
        self, told: Mapping[str, Any], words: Sequence[str], stdin: str = "", enough: Sequence[int] = (DONE,)
    ) -> None:
        """Run a command until it is carried out; a try that failed may have been, too."""
        self._history.note("wish", **told)
        deadline = time.monotonic() + PATIENCE
        while (problem := self._tried(words, stdin, enough)) and time.monotonic() < deadline:
            time.sleep(PAUSE)
        if problem:
            raise SuiteFailed(f"daprdockrcmd {' '.join(words)}: not carried out within {PATIENCE:g} s: {problem}")
        self._history.note("wish", **told, done=True)

    def _tried(self, words: Sequence[str], stdin: str, enough: Sequence[int]) -> str:
        """The error message of a command; "" when it is done."""
        command = [COMMAND, "-etcd", self.cluster.etcd.urls, *words]
        done = subprocess.run(command, input=stdin, capture_output=True, text=True, timeout=PATIENCE, check=False)
        return "" if done.returncode in enough else done.stderr.strip() or f"exit status {done.returncode}"
