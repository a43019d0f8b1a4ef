"""
The connections to the Docker Engine: one docker-py client for each thread, and fresh ones for special uses.

Knows how a client is made and when it is thrown away; does not know what it is used for.

Note [One client per thread, thrown away after a loss]
A docker-py client is a ``requests.Session``, which nobody promises to be safe between threads, and making one asks the
Engine for its API version. So each thread gets its own at its first call, not sooner: an Engine that is down must not
stop an agent from starting. An Engine that was lost may come back as another version, which may refuse the one agreed
on before; after a loss every thread therefore makes a new client at its next call.
"""

from __future__ import annotations

import threading
from contextlib import suppress
from typing import Any
from weakref import WeakSet

from docker import APIClient
from requests import PreparedRequest, Response

from daprdockr.engine.failures import asking
from daprdockr.model.errors import EngineUnavailable


class _Client(APIClient):
    """docker-py gives streams no time limit at all; this hook of requests is where one can be put back."""

    silence: float | None = None

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        if kwargs.get("timeout") is None:
            kwargs["timeout"] = self.silence
        return super().send(request, **kwargs)


class Clients:
    """
    All clients of one Engine.

    :param url: as in DOCKER_HOST: ``unix:///path`` or ``tcp://host:port``.
    :param timeout: seconds that one answer may take.
    """

    def __init__(self, url: str, timeout: int) -> None:
        self.url = url
        self.timeout = timeout
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._all: WeakSet[APIClient] = WeakSet()
        self._losses = 0
        self._closed = False

    def mine(self) -> APIClient:
        """This thread's client. :raises EngineUnavailable: if a new one is due and the Engine does not answer."""
        losses = self._losses
        client: APIClient | None = getattr(self._mine, "client", None)
        if client is None or self._mine.losses != losses or self._closed:
            if client is not None:
                client.close()
            client = self._mine.client = self.fresh()
            self._mine.losses = losses
        return client

    def fresh(self, silence: float | None = None) -> APIClient:
        """
        A client of the caller's own, who closes it; it has read the credentials in Docker's own configuration anew.

        :param silence: seconds that a stream may say nothing; None: for ever.
        :raises EngineUnavailable: if the Engine does not answer.
        """
        with asking("tell its version"):
            client = _Client(base_url=self.url, version="auto", timeout=self.timeout)
        client.silence = silence
        with self._lock:
            if not self._closed:
                self._all.add(client)
                return client
        client.close()
        raise EngineUnavailable("the Docker Engine's connections are closed: this agent is stopping")

    def lost(self) -> None:
        """The Engine went away: see Note [One client per thread, thrown away after a loss]."""
        with self._lock:
            self._losses += 1

    def close(self) -> None:
        with self._lock:
            self._closed = True
            clients = list(self._all)
        for client in clients:
            with suppress(OSError):
                client.close()
