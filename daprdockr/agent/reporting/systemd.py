"""
The agent reports to systemd that it is ready, its condition, and that it is alive.

Note [Ready in any case]
    ``systemctl restart`` returns when the agent is as healthy as ``/healthz`` wants it, so that a script can restart
    one node after the other. But an agent serves the last known names and routes without etcd and Docker, and other
    units may wait for it while the host boots: after ``PATIENCE`` it counts as ready in any case.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from twisted.application.service import Service
from twisted.internet.interfaces import IDelayedCall, IReactorTime
from twisted.logger import Logger

from daprdockr.model.names import one_line
from daprdockr.runtime.notify_socket import NotifySocket

PATIENCE = 10.0
"""Seconds after the start."""
HEALTHY = "healthy"
SOON, LATER = 0.25, 5.0
"""Seconds between two reports, before systemd knows that the agent is ready, and afterwards."""


class ReportToSystemd(Service):
    """:param troubles: returns what is wrong now, a line each."""

    log = Logger()

    def __init__(self, *, reactor: IReactorTime, notify: NotifySocket, troubles: Callable[[], Iterable[str]]) -> None:
        self._reactor = reactor
        self._notify = notify
        self._troubles = troubles
        self._since = 0.0
        self._is_ready, self._status = False, ""
        self._next: IDelayedCall | None = None
        self._pause = min(LATER, notify.watchdog / 3 or LATER)

    def startService(self) -> None:
        super().startService()
        self._since = self._reactor.seconds()
        self._report()

    def stopService(self) -> None:
        super().stopService()
        if self._next is not None:
            self._next.cancel()
            self._next = None
        self._notify.send("STOPPING=1")

    def _report(self) -> None:
        self._next = self._reactor.callLater(SOON if not self._is_ready else self._pause, self._report)
        self._send(self._condition())

    def _condition(self) -> str:
        """The reports go on, whatever this raises: a watchdog is for an agent that does nothing at all."""
        try:
            return one_line("; ".join(self._troubles())) or HEALTHY
        except Exception as error:
            status = one_line(f"the agent's condition cannot be read: {error}")
            if status != self._status:
                self.log.failure("the agent's condition cannot be read")
            return status

    def _send(self, status: str) -> None:
        is_ready = self._is_ready or status == HEALTHY or self._reactor.seconds() - self._since >= PATIENCE
        assignments = [
            *([f"STATUS={status}"] if status != self._status else []),
            *(["READY=1"] if is_ready and not self._is_ready else []),
            *(["WATCHDOG=1"] if self._notify.watchdog else []),
        ]
        if assignments and self._notify.send(*assignments):
            self._is_ready, self._status = is_ready, status
