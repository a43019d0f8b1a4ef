"""
The events of the containers of one host, as its Engine reports them, as lines of the history.

An Engine that was killed, or whose host lost its power, has forgotten the last events. So whenever its stream had
broken a line ``listed`` says what runs. Moments are the Engine's own: they are exact however late they are reported;
only what an Engine itself learned late, because it was frozen, has the time at which it learned it.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from contextlib import closing
from typing import Any

from docker import APIClient
from docker.errors import DockerException
from requests.exceptions import RequestException

from tests.chaos.history import History

ACTIONS = ("start", "kill", "die", "stop", "destroy")
NODE_LABEL, INSTANCE_LABEL = "io.daprdockr.node", "io.daprdockr.instance"
DEFINITION_LABEL = "io.daprdockr.definition"

PATIENCE = 10
"""Seconds for an Engine to list its containers."""

REMEMBERED = 1000
"""Events: more than an Engine remembers, which sends some again when it is asked anew."""

PAUSE = 0.3
NANO = 1e-9


class ContainerWatch:
    """:param host: its name. :param engine: the URL of its Engine."""

    def __init__(self, host: str, engine: str, history: History) -> None:
        self._host = host
        self._engine = engine
        self._history = history
        self._over = threading.Event()
        self._latest = 0
        self._told: deque[tuple[int, str, str]] = deque(maxlen=REMEMBERED)
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write nothing more. The thread ends with the Engine, or when that says the next word."""
        self._over.set()

    def _watch(self) -> None:
        while not self._over.is_set():
            try:
                with closing(APIClient(base_url=self._engine, version="auto", timeout=PATIENCE)) as client:
                    self._follow(client)
            except (DockerException, RequestException, OSError, ValueError, AttributeError):
                pass  # it was killed, perhaps in the middle of a line: docker-py raises what it likes
            self._over.wait(PAUSE)

    def _follow(self, client: APIClient) -> None:
        """Until the stream ends. It is opened before the list is asked for: what happens in between is in both."""
        filters = {"type": ["container"], "event": list(ACTIONS), "label": [NODE_LABEL]}
        since = self._latest // 10**9 or None
        with closing(client.events(since=since, filters=filters, decode=True)) as stream:
            self._list(client)
            for event in stream:
                if self._over.is_set():
                    return
                self._take(event)

    def _list(self, client: APIClient) -> None:
        asked = self._history.now()
        found = client.containers(filters={"status": ["running"], "label": [NODE_LABEL]})
        running = [{"id": container["Id"], **named(container["Labels"])} for container in found]
        self._history.note("container", at=asked, host=self._host, action="listed", running=running)

    def _take(self, event: Mapping[str, Any]) -> None:
        moment, data = int(event["timeNano"]), fact(event)
        told = (moment, data["id"], data["action"])
        if told not in self._told:
            self._told.append(told)
            self._latest = max(self._latest, moment)
            self._history.note("container", at=self._history.at_wall(moment * NANO), host=self._host, **data)


def fact(event: Mapping[str, Any]) -> dict[str, Any]:
    """The data of a line, from an event of the Engine API."""
    told = event["Actor"]["Attributes"]
    data = {"action": event["Action"], "id": event["Actor"]["ID"], **named(told)}
    numbers = {"signal": told.get("signal"), "exit_code": told.get("exitCode")}
    return data | {name: int(text) for name, text in numbers.items() if text is not None}


def named(labels: Mapping[str, str]) -> dict[str, str]:
    return {"instance": labels.get(INSTANCE_LABEL, ""), "definition": labels.get(DEFINITION_LABEL, "")}
