"""
The door of the serving nginx, from the agent's side: routes and certificates go in, and nginx says which are in force
and what it counted. Knows nothing of how nginx is started and configured.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from daprdockr.model.errors import ProxyError
from daprdockr.proxy.certificates import CertificateState
from daprdockr.proxy.door import DoorSocket
from daprdockr.proxy.message import DoorState
from daprdockr.proxy.published import PublishedRoutes
from daprdockr.proxy.routes import Route, check_endpoint
from daprdockr.proxy.table import DoorTable
from daprdockr.runtime.signal import Signal


class NginxDoor:
    """
    :param certificates: None without TLS listeners.
    :param is_there: returns whether nginx runs.
    """

    def __init__(
        self,
        *,
        socket: DoorSocket,
        routes: DoorTable[DoorState],
        certificates: DoorTable[CertificateState] | None,
        is_there: Callable[[], bool],
    ) -> None:
        self._socket = socket
        self._routes = routes
        self._certificates = certificates
        self._is_there = is_there
        self.published = PublishedRoutes(routes.want)

    def publish(self, routes: Iterable[Route], revision: int = 0) -> None:
        """
        Serve these routes, which show this revision of the cluster, and no others; the last call wins.

        :raises BadInput: as ``door_state``.
        """
        self.published.publish(routes, revision)

    def answer_challenges(self, thumbprint: str) -> None:
        """
        Answer the challenges of ACME servers for the account with this thumbprint; "" for none. Before the first
        ``publish`` nothing is changed.
        """
        self.published.answer_challenges(thumbprint)

    def certify(self, state: CertificateState) -> None:
        """Show these certificates and no others; the last call wins. A no-op without TLS listeners."""
        if self._certificates is not None:
            self._certificates.want(state)

    def confirm(self) -> None:
        """Send routes that were not sure, if they are now: Note [Routes of an earlier agent] in ``table``."""
        self._routes.confirm()

    @property
    def _tables(self) -> tuple[DoorTable[Any], ...]:
        return (self._routes,) if self._certificates is None else (self._routes, self._certificates)

    def start(self) -> None:
        """Send what is wanted from now on."""
        for table in self._tables:
            table.start()

    def stop(self) -> None:
        for table in self._tables:
            table.stop()

    def begin_again(self) -> None:
        """Send everything again, because nginx was restarted."""
        for table in self._tables:
            table.begin_again()

    @property
    def reason(self) -> str:
        """Why nginx does not have what is wanted; "" while it does."""
        return next(filter(None, (table.reason for table in self._tables)), "")

    @property
    def changes(self) -> int:
        """How often new routes came into force."""
        return self._routes.changes

    @property
    def failures(self) -> int:
        """How often routes could not be given to nginx."""
        return self._routes.failures

    @property
    def certified(self) -> int:
        """How often new certificates came into force."""
        return 0 if self._certificates is None else self._certificates.changes

    @property
    def in_force(self) -> Signal[[]]:
        """Sent when ``reached`` may have changed."""
        return self._routes.in_force

    @property
    def reached(self) -> int | None:
        """
        The revision of the cluster whose routes are in force; None if none is missing: an nginx that does not run
        leads nobody anywhere. Note [Reached] in ``table``.
        """
        return self._routes.reached if self._is_there() else None

    @property
    def led(self) -> tuple[Route, ...]:
        """The routes that were published last."""
        return self.published.all

    async def busy(self) -> frozenset[str]:
        """
        Return the endpoints, as address and port, that no route leads to any more and that still work on requests.
        """
        try:
            found = await self._socket.busy() if self._is_there() else frozenset[str]()
        except ProxyError:
            return frozenset()
        return found.difference(check_endpoint(one.address, one.port) for route in self.led for one in route.upstreams)

    async def counts(self) -> dict[str, int]:
        """Return what nginx counted since it started, by name; nothing while it does not answer."""
        return await self._socket.counts() if self._is_there() else {}
