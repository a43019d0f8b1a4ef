"""
The relay of TCP and UDP routes as a service of the agent: started or adopted once there are routes, and given them.

``daprdockr.process`` keeps it running. ``daprdockr.relay`` is the program, a process of its own.

Note [Only where there are routes]
    A relay takes 21 MB, which an agent without TCP and UDP routes has no use for. So it is started when the first route
    is published, or at once if the last agent left one running or had routes.

Note [Nothing is published yet]
    A relay that begins with stored routes serves them before the agent has published any. Until it has, the agent sends
    nothing: its routes would be none, and the relay would close all ports.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.model.errors import ProxyError
from daprdockr.model.trouble import Trouble
from daprdockr.model.troubles.ports import PortsNotServed, RelayDown
from daprdockr.process.python import python_program
from daprdockr.process.supervised import Hooks, SupervisedProcess
from daprdockr.proxy.door import OK, DoorSocket
from daprdockr.proxy.ports import PortRouting
from daprdockr.proxy.relay_files import RelayFiles
from daprdockr.proxy.table import DoorTable, Messages
from daprdockr.relay.message import MOST_TROUBLES, PortKey, PortRoute, RelayState, encode_state
from daprdockr.runtime.lasting import lasting
from daprdockr.runtime.pool import Run
from daprdockr.runtime.signal import Signal

READY, POLL = 10.0, 0.05
"""Seconds in which a relay usually answers after its start, and those between two polls meanwhile."""

POLL_PORTS = 2.0
"""Seconds between two polls for ports that could not be bound."""

LOOPBACK = ("127.0.0.1", "::1")


@frozen(kw_only=True)
class RelaySocket(DoorSocket):
    """The unix socket of the relay."""

    whose: str = "the relay"

    async def troubles(self) -> Mapping[PortKey, str]:
        """Return why which ports are not bound. :raises ProxyError: it does not answer."""
        status, body = await self._ask(b"GET /troubles HTTP/1.0\r\n\r\n")
        if status != OK:
            raise ProxyError("the relay does not answer")
        return {(protocol, port): reason for protocol, port, reason in json.loads(body)}


class Relay(Service):
    """
    :param process: the relay; it does not run before ``startService``.
    :param run: runs a blocking call in a thread.
    :param is_sure: returns whether what is published comes from etcd as it is.
    :param record_event: takes an event for people: its subject, and one sentence.
    """

    log = Logger()

    def __init__(
        self,
        *,
        process: SupervisedProcess,
        files: RelayFiles,
        socket: RelaySocket,
        reactor: Any,
        run: Run,
        is_sure: Callable[[], bool],
        record_event: Callable[[str, str], None],
    ) -> None:
        self._process = process
        process.hooks = Hooks(on_exit=self._exited)
        self.files = files
        self._socket = socket
        self._reactor = reactor
        self._run = run
        self._record_event = record_event
        self._table: DoorTable[RelayState] = DoorTable(
            socket=socket,
            files=files,
            messages=Messages(
                encode_state, lambda before, after, version: encode_state(after, version), "TCP and UDP routes"
            ),
            reactor=reactor,
            run=run,
            unanswered=lambda: None,
            is_sure=is_sure,
        )
        self._addresses: tuple[str, ...] = ()
        self._routing: PortRouting | None = None  # Note [Nothing is published yet]
        self._revision = 0
        self._begun = False
        self._down = ""
        self._troubles: Mapping[PortKey, str] = {}
        self._polling = lasting(reactor, self._poll_ports, "the relay could not be asked for its ports")
        self._beginning: Deferred[None] | None = None

    @property
    def pid(self) -> int | None:
        """The pid of the relay; None while there is none."""
        return self._process.pid

    @property
    def changes(self) -> int:
        """How often new routes came into force."""
        return self._table.changes

    @property
    def condition(self) -> Trouble | None:
        """Why TCP and UDP routes are not served, or not the latest; None also while there are none."""
        if self._down and self.pid is None:
            return RelayDown(self._down)
        return PortsNotServed(self._table.reason) if self._table.reason else None

    def publish(self, routing: PortRouting, revision: int = 0) -> None:
        """Serve these routes, which show this revision of the cluster, and no others; the last call wins."""
        self._routing, self._revision = routing, revision
        self._want()

    @property
    def in_force(self) -> Signal[[]]:
        """Sent when ``reached`` may have changed."""
        return self._table.in_force

    @property
    def reached(self) -> int | None:
        """
        The revision of the cluster whose routes are in force; None if none is missing: a relay that does not run leads
        nobody anywhere. Note [Reached] in ``table``.
        """
        return None if self.pid is None else self._table.reached

    def move(self, addresses: Iterable[str]) -> None:
        """Listen on these addresses, and on loopback."""
        self._addresses = tuple(dict.fromkeys((*addresses, *LOOPBACK)))
        self._want()

    def confirm(self) -> None:
        """Send routes that were not sure, if they are now: Note [Routes of an earlier agent] in ``table``."""
        self._table.confirm()

    def startService(self) -> None:
        super().startService()
        self._beginning = Deferred.fromCoroutine(self._begin()).addErrback(self._begin_failed)

    def stopService(self) -> Deferred[None] | None:
        """Leave the relay serving, or end it: the Deferred fires when it is gone."""
        super().stopService()
        self._table.stop()
        if self._polling.running:
            self._polling.stop()
        if self._beginning is not None:
            self._beginning.cancel()
        return self._process.stopService() if self._process.running else None

    @property
    def _routes(self) -> tuple[PortRoute, ...]:
        return () if self._routing is None else self._routing.routes

    def _want(self) -> None:
        if self._routing is not None:
            self._table.want(RelayState(self._addresses, self._routes), self._revision)
        if self.running and self._begun and self._routes and not self._process.running:
            self._beginning = Deferred.fromCoroutine(self._start()).addErrback(self._begin_failed)

    async def _begin(self) -> None:
        """See Note [Only where there are routes]."""
        needed = await self._run(self.files.needed)
        self._begun = True
        if needed or self._routes:
            await self._start()

    async def _start(self) -> None:
        self._down = ""
        self._process.startService()
        deadline = self._reactor.seconds() + READY
        while self._reactor.seconds() < deadline and not await self._answers():
            await deferLater(self._reactor, POLL)
        self._table.start()  # not earlier: a relay that starts does not answer yet, which is no fault
        self._polling.start(POLL_PORTS)

    async def _answers(self) -> bool:
        try:
            await self._socket.version()
        except ProxyError:
            return False
        return True

    async def _poll_ports(self) -> None:
        """Report ports that could not be bound, and those that are bound at last."""
        try:
            now = await self._socket.troubles()
        except ProxyError:
            return  # the table says so, if that lasts
        before = self._troubles
        self._troubles = now = _with_unlisted(now, before)
        for route in self._routes:
            key = route.protocol, route.port
            port = f"port {route.port}/{route.protocol}"
            if key in now and before.get(key) != now[key]:
                self._record_event(route.service, f"{port} is not served on this node at {now[key]}")
            elif key in before and key not in now:
                self._record_event(route.service, f"{port} is served on this node now")

    def _exited(self, reason: str) -> None:
        self._found(reason)
        self._table.begin_again()  # it begins with the routes that were written to the disk last

    def _found(self, reason: str) -> None:
        if reason != self._down:
            self.log.error("TCP and UDP routes are not served: {reason}", reason=reason)
        self._down = reason

    def _begin_failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._down = failure.getErrorMessage()
            self.log.failure("the relay could not be prepared", failure)


def _with_unlisted(listed: Mapping[PortKey, str], before: Mapping[PortKey, str]) -> Mapping[PortKey, str]:
    """Return the troubles listed now, and those from before that a full list has no room for."""
    if len(listed) < MOST_TROUBLES:
        return listed
    last = max(listed)
    return {**{key: reason for key, reason in before.items() if key > last}, **listed}


def relay_process(
    files: RelayFiles, reactor: Any, environment: Mapping[str, str], leave_running: bool
) -> SupervisedProcess:
    """Return the relay of this directory, run by this Python; with ``leave_running`` it goes on when its agent ends."""
    relay = python_program(
        "the relay",
        "daprdockr.relay",
        files.directory,
        pidfile=files.process,
        output=files.output,
        environment=environment,
    )
    return SupervisedProcess(program=relay, reactor=reactor, leave_running=leave_running)
