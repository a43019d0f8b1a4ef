"""
The connections to the Docker Engine: docker-py clients that are borrowed for a call, and fresh ones for special uses.

Knows how a client is made and when it is discarded; does not know what it is used for.

Note [A client is borrowed]
    A docker-py client is a ``requests.Session``, which is not documented to be safe between threads, and making one
    asks the Engine for its API version. So a call borrows a client for itself. At most ``MOST_IDLE`` wait for the next
    borrower, so that open files are bounded by the calls in flight and not by the number of threads. No client is made
    before the first call: an Engine that is down must not stop an agent from starting. An Engine may come back as
    another version, which may refuse the API version agreed on before; so after a loss no older client is used again.

Note [Open files]
    docker-py keeps a connection open for each of the last 25 addresses that a client requested, and a container's id is
    part of an address: eight idle clients kept 200 connections. Here a client has one connection, whatever it requests.
    And a stream (the output of a command, events, progress) has a connection of its own, which docker-py closes when
    the garbage collector runs: with a hundred commands a minute there were some hundred more. So a client ends its
    streams when the call is over, in the thread that read them, because a stream can only be closed while nobody reads
    it.

Note [A cut network]
    An Engine at an address may be behind a network that is cut, or a firewall that forgets a connection on which
    nothing comes. Pings and calls notice, because they have a timeout, but the stream of events would wait without end
    at a connection whose other end is gone; and the agent would learn what happens from its slow lists alone, also when
    the network is back. So the kernel probes such a connection, and ends it within half a minute.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic
from typing import Any
from weakref import WeakSet

from docker import APIClient
from docker.transport.unixconn import UnixHTTPAdapter
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter, HTTPAdapter

from daprdockr.engine.documents import read_whole
from daprdockr.engine.failures import FOREIGN, asking
from daprdockr.model.errors import EngineUnavailable
from daprdockr.runtime.probing import OF_ENGINE

MOST_IDLE = 8

SOCKET_OPTIONS = (
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),  # as usual
    *OF_ENGINE.options,
)
"""Probes: Note [A cut network]."""


class _OneConnection(UnixHTTPAdapter):
    """See Note [Open files]."""

    def get_connection(self, url: str | bytes, proxies: Any = None) -> Any:
        return super().get_connection("http+docker://localhost", proxies)


class EngineClient(APIClient):
    """
    A docker-py client with the limits that docker-py lacks: a timeout of streams, and the largest size and longest
    duration of a whole answer. This hook of requests is where they can be added.
    """

    silence: float | None = None
    """The longest silence of a stream in seconds; None: unlimited."""

    @property
    def _general_configs(self) -> dict[str, Any]:
        """
        Stand in for Docker's configuration file: Note [Damaged credentials] in ``credentials``. If this were empty,
        docker-py would read the file for each client, and again for each pull that has no credentials.
        """
        return {"auths": {}}

    @_general_configs.setter
    def _general_configs(self, found: object) -> None:
        """Drop what docker-py read."""

    def __init__(self, url: str, timeout: float) -> None:
        self._streams: list[Response] = []
        super().__init__(base_url=url, version="auto", timeout=timeout)  # type: ignore[arg-type]  # requests takes parts of a second

    def mount(self, prefix: str | bytes, adapter: BaseAdapter) -> None:
        if isinstance(adapter, UnixHTTPAdapter):
            adapter = _OneConnection(f"http+unix:/{adapter.socket_path}", adapter.timeout)
            self.trust_env = (
                False  # No proxy and no ~/.netrc is meant for a socket; looking for them each time is slow.
            )
        elif isinstance(adapter, HTTPAdapter):
            adapter.poolmanager.connection_pool_kw["socket_options"] = SOCKET_OPTIONS
        super().mount(prefix, adapter)

    def send(self, request: PreparedRequest, **kwargs: Any) -> Response:
        timeout, streams = kwargs.get("timeout"), kwargs.get("stream", False)
        kwargs |= {"timeout": self.silence if timeout is None else timeout, "stream": True}
        begun = monotonic()
        response = super().send(request, **kwargs)
        if not streams or not response.ok:
            if not isinstance(request.body, bytes | str | None):
                begun = monotonic()  # an upload lasts as long as its pieces take to come
            read_whole(response, begun + (timeout or self.timeout), monotonic)
            if streams:
                # docker-py does it for some streams alone, and it is not in its stubs.
                self._raise_for_status(response)  # type: ignore[attr-defined]
        else:
            self._streams.append(response)
        return response

    def end_streams(self) -> None:
        """Close the streams; to be called in the thread that read them: Note [Open files]."""
        for response in self._streams:
            with suppress(ValueError, *FOREIGN):  # ValueError: its socket was taken away already
                response.close()
        self._streams.clear()


class EngineClients:
    """
    All clients of one Engine.

    :param url: as in DOCKER_HOST: ``unix:///path`` or ``tcp://host:port``.
    :param timeout: the timeout of one answer, in seconds.
    """

    def __init__(self, url: str, timeout: float) -> None:
        self.url = url
        self.timeout = timeout
        self._idle: list[tuple[int, EngineClient]] = []
        self._lock = threading.Lock()
        self._all: WeakSet[EngineClient] = WeakSet()
        self._losses = 0
        self._closed = False

    @contextmanager
    def borrowed(self) -> Iterator[EngineClient]:
        """Lend a client for one call. :raises EngineUnavailable: if a new one is due and the Engine does not answer."""
        losses, client = self._take()
        try:
            yield client
        finally:
            self._put_back(losses, client)

    @contextmanager
    def calling(self, doing: str) -> Iterator[EngineClient]:
        """
        Lend a client for one call; after one that finds the Engine away no older client is used again.

        :param doing: what is asked of the Engine, as a phrase that continues "the Docker Engine refused to".
        :raises EngineError: in the place of whatever docker-py raises.
        """
        try:
            with asking(doing), self.borrowed() as client:
                yield client
        except EngineUnavailable:
            self.lost()
            raise

    def _take(self) -> tuple[int, EngineClient]:
        with self._lock:
            losses = self._losses
            if self._idle:
                return self._idle.pop()
        return losses, self.fresh()

    def _put_back(self, losses: int, client: EngineClient) -> None:
        client.end_streams()
        with self._lock:
            if losses == self._losses and len(self._idle) < MOST_IDLE and not self._closed:
                self._idle.append((losses, client))
                return
        client.close()

    @contextmanager
    def own(self, silence: float, timeout: float | None = None) -> Iterator[EngineClient]:
        """Lend a client as ``fresh`` makes it, and close it afterwards."""
        client = self.fresh(silence, timeout)
        try:
            yield client
        finally:
            client.end_streams()
            client.close()

    def fresh(self, silence: float | None = None, timeout: float | None = None) -> EngineClient:
        """
        Return a new client, which the caller closes.

        :param silence: the longest silence of a stream in seconds; None: unlimited.
        :param timeout: the timeout of one answer in seconds; None: that of all clients.
        :raises EngineUnavailable: if the Engine does not answer.
        """
        with asking("report its version"):
            client = EngineClient(self.url, self.timeout if timeout is None else timeout)
        client.silence = silence
        with self._lock:
            if not self._closed:
                self._all.add(client)
                return client
        client.close()
        raise EngineUnavailable("the Docker Engine's connections are closed: this agent is stopping")

    def lost(self) -> None:
        """Take note that the Engine went away: see Note [A client is borrowed]."""
        with self._lock:
            self._losses += 1
            idle, self._idle = self._idle, []
        for _, client in idle:
            client.close()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._idle.clear()
            clients = list(self._all)
        for client in clients:
            with suppress(OSError):
                client.close()
