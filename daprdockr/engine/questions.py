# -*- test-case-name: tests.unit.engine.test_questions -*-
"""
Questions to the Docker Engine of which only that it answers is of interest.

Note [A question is no call]
    An idle agent asks such questions forty to sixty times a minute, and nothing else. A call of docker-py takes twenty
    times as much of the processor, most of it for a session of requests and headers. So a question is one write and one
    read at a connection of its own, in HTTP/1.0, whose answer ends with the connection; of an answer that all is well
    only the first line is read.
"""

from __future__ import annotations

import json
import re
import socket
from time import monotonic

from daprdockr.engine.failures import asking, refusal
from daprdockr.model.errors import EngineSilent, EngineUnavailable
from daprdockr.model.names import one_line

_WELL = re.compile(rb"HTTP/1\.[01] 2\d\d")
_STATUS = re.compile(rb"HTTP/1\.[01] (\d{3})")
_LONGEST = 64 * 1024
"""Octets of an answer that are read."""


class EngineQuestions:
    """
    See Note [A question is no call]. Blocking, from any thread.

    :param url: as in DOCKER_HOST: ``unix:///path`` or ``tcp://host:port``.
    :param timeout: of a whole answer, in seconds.
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
            with asking(doing):
                answer = self._answer(path)
        except EngineUnavailable as error:
            if isinstance(error.__cause__, TimeoutError):
                raise EngineSilent(str(error)) from error
            raise
        if _WELL.match(answer):
            return
        found = _STATUS.match(answer)
        if found is None:
            raise EngineUnavailable(f"the Docker Engine ended the connection when asked to {doing}")
        raise refusal(_complaint(answer), int(found[1]), doing)

    def close(self) -> None:
        """Ask nothing more; later questions raise EngineUnavailable."""
        self._closed = True

    def _answer(self, path: str) -> bytes:
        """Return the begin of an answer that all is well, and other answers as a whole. :raises OSError: none came."""
        deadline, answer = monotonic() + self._timeout, b""
        with self._connected() as connection:
            connection.sendall(f"GET {path} HTTP/1.0\r\n\r\n".encode())
            while len(answer) < _LONGEST and not _WELL.match(answer):
                left = deadline - monotonic()
                if left <= 0:
                    raise TimeoutError("timed out")
                connection.settimeout(left)
                part = connection.recv(_LONGEST)
                if not part:
                    break
                answer += part
        return answer

    def _connected(self) -> socket.socket:
        if self._scheme != "unix":
            host, _, port = self._place.rpartition(":")
            return socket.create_connection((host.strip("[]"), int(port)), self._timeout)
        connection = socket.socket(socket.AF_UNIX)
        try:
            connection.settimeout(self._timeout)
            connection.connect(self._place)
        except OSError:
            connection.close()
            raise
        return connection


def _complaint(answer: bytes) -> str:
    """Return why the Engine refuses."""
    head, _, body = answer.partition(b"\r\n\r\n")
    try:
        return one_line(str(json.loads(body)["message"]))
    except (ValueError, KeyError, TypeError):
        return one_line(head.partition(b"\r\n")[0].decode("ascii", "replace"))
