# -*- test-case-name: tests.unit.engine.test_questions -*-
"""
Questions to the Docker Engine of which only that it answers is of interest.

Note [A question is no call]
    An idle agent asks such questions forty to sixty times a minute, and nothing else. A call of docker-py takes eight
    times as much of the processor, most of it for a session of requests. So a question is one request of Python's own
    client at a connection of its own, and nothing is read of an answer that all is well but its head.
"""

from __future__ import annotations

import http.client
import json
import socket
from contextlib import closing

from daprdockr.engine.failures import asking, refusal
from daprdockr.model.errors import EngineSilent, EngineUnavailable
from daprdockr.model.names import one_line

_LONGEST = 64 * 1024
"""Octets of a refusal that are read."""


class _UnixConnection(http.client.HTTPConnection):
    """HTTP at a unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)


class EngineQuestions:
    """
    See Note [A question is no call]. Blocking, from any thread.

    :param url: as in DOCKER_HOST: ``unix:///path`` or ``tcp://host:port``.
    :param timeout: how long the Engine may be silent, in seconds.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self._scheme, _, self._place = url.partition("://")
        self._timeout = timeout
        self._closed = False

    def ask(self, path: str, doing: str) -> None:
        """
        Return if the Engine answers that all is well.

        :param doing: the question, as a phrase that continues "the Docker Engine refused to".
        :raises EngineSilent: it did not answer within the timeout.
        :raises EngineUnavailable: it is not there, or hung up. :raises EngineError: it refused.
        """
        if self._closed:
            raise EngineUnavailable("the Docker Engine's connections are closed: this agent is stopping")
        try:
            with asking(doing), closing(self._connection()) as connection:
                connection.request("GET", path)
                answer = connection.getresponse()
                body = b"" if answer.status < 300 else answer.read(_LONGEST)
        except EngineUnavailable as error:
            if isinstance(error.__cause__, TimeoutError):
                raise EngineSilent(str(error)) from error
            raise
        except http.client.HTTPException:
            raise EngineUnavailable(f"the Docker Engine answered with no HTTP when asked to {doing}") from None
        if answer.status >= 300:
            raise refusal(_complaint(answer.reason, body), answer.status, doing)

    def close(self) -> None:
        """Ask nothing more; later questions raise EngineUnavailable."""
        self._closed = True

    def _connection(self) -> http.client.HTTPConnection:
        if self._scheme == "unix":
            return _UnixConnection(self._place, self._timeout)
        host, _, port = self._place.rpartition(":")
        return http.client.HTTPConnection(host.strip("[]"), int(port), timeout=self._timeout)


def _complaint(reason: str, body: bytes) -> str:
    """Return why the Engine refuses."""
    try:
        return one_line(str(json.loads(body)["message"]))
    except (ValueError, KeyError, TypeError):
        return one_line(reason)
