"""
Everything that happens below our prefix in etcd, in etcd's order and without a gap, as lines of the history.

Note [One history from three members]
    Each member is watched by itself, through its JSON gateway, from the first revision on that was not written yet.
    Every one of these streams is in order and complete, so the first to bring a revision has it written, and what the
    others bring later of the same revision is dropped. A member that is dead, frozen or cut off delays nothing as long
    as one is in touch; when none was, the first one that comes back has the rest.

No code of the agents is used: a mistake there would be made here too.
"""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from typing import Any

from tests.chaos.history import History

SILENCE = 5.0
"""Seconds of silence after which a member is asked anew; a frozen one does not say that it is."""

PAUSE = 0.3
"""Seconds before a member that does not answer is asked again."""


class EtcdWatch:
    """:param addresses: ``host:port`` of each member. :param prefix: ends with a slash."""

    def __init__(self, addresses: Sequence[str], prefix: str, history: History) -> None:
        self._prefix = prefix
        self._history = history
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._cluster = ""
        self._epoch = 0
        self._revision = 0
        self._threads = [threading.Thread(target=self._watch, args=(one,), daemon=True) for one in addresses]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Write nothing more. The threads end when they hear the next word, or a silence."""
        with self._lock:
            self._over.set()

    def _watch(self, address: str) -> None:
        while not self._over.is_set():
            try:
                self._follow(address)
            except (OSError, HTTPException, ValueError, KeyError):
                self._over.wait(PAUSE)

    def _follow(self, address: str) -> None:
        """One stream of one member, until it ends. :raises OSError, HTTPException: in whatever way it does."""
        with closing(HTTPConnection(address, timeout=SILENCE)) as connection:
            for told in _stream(connection, self._prefix, self._revision + 1):
                if self._over.is_set() or not self._is_known(told["header"]["cluster_id"]):
                    return
                self._take(told.get("events", ()))

    def _is_known(self, cluster: str) -> bool:
        """Whether this is the etcd that is followed; an other one is from here on, and from its beginning."""
        with self._lock:
            if cluster == self._cluster:
                return True
            is_first = not self._cluster
            self._cluster, self._epoch, self._revision = cluster, self._epoch + 1, 0
            return is_first

    def _take(self, events: Sequence[Mapping[str, Any]]) -> None:
        """Events of one revision come together."""
        with self._lock:
            new = [event for event in events if int(event["kv"]["mod_revision"]) > self._revision]
            for event in new:
                self._revision = int(event["kv"]["mod_revision"])
                if not self._over.is_set():
                    self._history.note("etcd", **fact(event, self._prefix, self._epoch))


def _stream(connection: HTTPConnection, prefix: str, revision: int) -> Iterator[dict[str, Any]]:
    """Answers of a watch; the first comes at once and has no events."""
    end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    wanted = {"key": _packed(prefix), "range_end": _packed(end), "start_revision": revision}
    connection.request("POST", "/v3/watch", json.dumps({"create_request": wanted}))
    answer = connection.getresponse()
    while line := answer.readline():
        yield json.loads(line)["result"]


def fact(event: Mapping[str, Any], prefix: str, epoch: int) -> dict[str, Any]:
    """The data of a line, from an event of the gateway, which leaves out what is 0, and writes numbers as texts."""
    entry = event["kv"]
    return {
        "epoch": epoch,
        "revision": int(entry["mod_revision"]),
        "type": "delete" if event.get("type") == "DELETE" else "put",
        "key": base64.b64decode(entry["key"]).decode().removeprefix(prefix),
        "create_revision": int(entry.get("create_revision", 0)),
        "version": int(entry.get("version", 0)),
        "lease": int(entry.get("lease", 0)),
        "value": _parsed(base64.b64decode(entry.get("value", ""))),
    }


def _parsed(value: bytes) -> Any:
    try:
        return json.loads(value)
    except ValueError:
        return None


def _packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
