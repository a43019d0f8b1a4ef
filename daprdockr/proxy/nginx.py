"""
The serving nginx: started or adopted, and given its configuration, which is polled for until it is in force.

``daprdockr.process`` keeps it running, the ``Applier`` decides when to retry, and routes go through ``nginx_door``.

Note [Serving the last known routes]
    nginx starts with the last good configuration and yesterday's routes before the agent knows anything, and an adopted
    one keeps what it has: old routes are better than none. Only ``NginxDoor.publish`` changes them, and the agent calls
    it once it is in touch.

Note [An nginx that was restarted]
    It has the routes that were written to the disk last, which may be older than those it was given. So the end of the
    process, and the start of one, make the agent forget the state of nginx, and send the whole state until it is taken.

Note [An nginx that was reloaded]
    Its new workers have the memory with the routes of the old ones, unless its size has changed, as with an upgrade of
    the agent: then they begin with the routes on the disk, too. So the whole state is sent again, but not before the
    old workers have stopped accepting connections, 0.1 s after the new ones began: they would take it in their place.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from attrs import evolve, frozen
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.model.errors import DiskError
from daprdockr.model.trouble import Trouble, line
from daprdockr.model.troubles.http import NginxDown, NginxNotStarted, NginxUnusable, RoutesNotServed
from daprdockr.process.supervised import Hooks, Program, SupervisedProcess
from daprdockr.proxy import certificates
from daprdockr.proxy.applier import Applier
from daprdockr.proxy.beginning import Beginning, unwritable
from daprdockr.proxy.certificates import CertificateState
from daprdockr.proxy.configuration import NginxSettings
from daprdockr.proxy.door import DoorSocket
from daprdockr.proxy.files import ProxyFiles
from daprdockr.proxy.message import difference, whole
from daprdockr.proxy.nginx_door import NginxDoor
from daprdockr.proxy.program import NginxProgram, arguments
from daprdockr.proxy.table import DoorTable, Messages
from daprdockr.proxy.taking_up import TakingUp
from daprdockr.proxy.tls_files import TlsFiles
from daprdockr.runtime.pool import Run

RELOADED = 1.0
"""Seconds after a reload until the state is sent again: Note [An nginx that was reloaded]."""


@frozen
class ProxyStatus:
    """
    ``condition`` is None while nothing is wrong; ``changes`` of routes and ``failures`` count since the agent's start.
    """

    running: bool
    condition: Trouble | None
    generation: str
    changes: int
    failures: int

    @property
    def reason(self) -> str:
        return line(self.condition)


class Nginx(Service):
    """
    nginx as a service of the agent. ``door`` is the way of routes and certificates into it.

    :param run: runs a blocking call in a thread: rendering and syncing files take too long for the reactor.
    :param leave_running: whether nginx goes on serving when this service stops.
    :param supervise: makes the supervised process.
    :param is_sure: returns whether what is published comes from etcd as it is.
    """

    log = Logger()

    def __init__(
        self,
        *,
        program: NginxProgram,
        settings: NginxSettings,
        reactor: Any,
        run: Run,
        leave_running: bool = True,
        supervise: Callable[..., SupervisedProcess] = SupervisedProcess,
        is_sure: Callable[[], bool] = lambda: True,
    ) -> None:
        self._program = program
        self._settings = settings
        self._reactor = reactor
        self._run = run
        self._leave_running = leave_running
        self._supervise = supervise
        self._files = ProxyFiles(Path(settings.directory))
        self._socket = DoorSocket(path=settings.socket, reactor=reactor)
        self._taking_up = TakingUp(program=program, files=self._files, socket=self._socket, reactor=reactor, run=run)
        self._configuring: Applier[NginxSettings] = Applier(
            apply=self._apply, clock=reactor, what="the configuration of nginx"
        )
        self._tls = TlsFiles(Path(settings.tls), settings.default_pair) if settings.default_pair else None
        self.door = self._door(is_sure)
        self._beginning = Beginning(program=program, files=self._files, tls=self._tls, reactor=reactor, run=run)
        self._process: SupervisedProcess | None = None
        self._begun: Deferred[None] | None = None
        self._generation = ""
        self._found: NginxUnusable | NginxDown | None = None
        self._leads_former = False

    def _door(self, is_sure: Callable[[], bool]) -> NginxDoor:
        routes = DoorTable(
            socket=self._socket,
            files=self._files,
            messages=Messages(whole, difference, "HTTP routes"),
            reactor=self._reactor,
            run=self._run,
            unanswered=self._not_answered,
            is_sure=is_sure,
        )
        certified = None if self._tls is None else self._certificate_table(self._tls)
        return NginxDoor(socket=self._socket, routes=routes, certificates=certified, is_there=self._is_there)

    def _is_there(self) -> bool:
        """Return whether nginx runs; one that is not adopted yet is there as long as it takes what it is given."""
        return self.pid is not None or (self._leads_former and not self.door.reason)

    def _certificate_table(self, files: TlsFiles) -> DoorTable[CertificateState]:
        """Return the table of certificates: sure at once, as what this node has of them is all that it serves."""
        return DoorTable(
            socket=evolve(self._socket, what="certificates"),
            files=files,
            messages=Messages(certificates.whole, certificates.difference, "certificates"),
            reactor=self._reactor,
            run=self._run,
            unanswered=self._not_answered,
            is_sure=lambda: True,
        )

    @property
    def pid(self) -> int | None:
        """The pid of nginx's master; None while there is none."""
        return None if self._process is None else self._process.pid

    @property
    def condition(self) -> Trouble | None:
        """
        Why HTTP is not served, or not with the latest routes. While nginx does not run, that is the reason, and not
        that it takes no routes.
        """
        if reason := self._configuring.reason:
            return RoutesNotServed(reason)
        if self.pid is None:
            return self._found or self._beginning.trouble or NginxNotStarted()
        return RoutesNotServed(self.door.reason) if self.door.reason else None

    @property
    def status(self) -> ProxyStatus:
        return ProxyStatus(
            running=self.pid is not None,
            condition=self.condition,
            generation=self._generation,
            changes=self.door.changes,
            failures=self._configuring.failed + self.door.failures,
        )

    @property
    def tls(self) -> TlsFiles | None:
        """The files of the TLS listeners; None without any."""
        return self._tls

    def startService(self) -> None:
        super().startService()
        self._begun = Deferred.fromCoroutine(self._begin()).addErrback(self._begin_failed)

    def stopService(self) -> Deferred[None]:
        """Leave nginx serving, or end it: the Deferred fires when everything that was to end is gone."""
        super().stopService()
        self._configuring.stop()
        self.door.stop()
        if self._begun is not None:
            self._begun.cancel()
        return Deferred.fromCoroutine(self._end())

    async def _end(self) -> None:
        stopped = self._process.stopService() if self._process is not None and self._process.running else None
        await self._program.gone()
        if stopped is not None:
            await stopped
        if self._tls is not None and not self._leave_running:
            await self._run(self._tls.clear)

    async def _begin(self) -> None:
        """See Note [Serving the last known routes]."""
        self._settings = await self._beginning.usable(self._settings, meanwhile=self._lead_former)
        startable = await self._beginning.prepared()
        self._process, self._leads_former = self._supervised(), False
        if startable:
            self._process.startService()
            await self._beginning.store_first_routes(self.door.published.first, self.door.published.stored)
        self._configuring.want(self._settings)
        self._configuring.start()

    def _lead_former(self) -> None:
        """
        Give routes to an nginx that an earlier agent left: it serves on, also while its program cannot be started, as
        in the midst of an upgrade of packages.
        """
        self._leads_former = self._files.socket.exists()
        if self._leads_former:
            self.door.start()

    def _begin_failed(self, failure: Failure) -> None:
        if not failure.check(CancelledError):
            self._found = NginxUnusable(failure.getErrorMessage())
            self.log.failure("nginx could not be prepared", failure)

    def _supervised(self) -> SupervisedProcess:
        version = self._settings.version
        nginx = Program(
            name="nginx",
            argv=[self._program.path, *arguments(self._files.directory, self._files.configuration, version)],
            identity=str(self._files.configuration),
            pidfile=self._files.process,
            environment=self._program.environment,
            stop_signal="QUIT",
            output=self._files.output,
        )
        return self._supervise(
            program=nginx,
            reactor=self._reactor,
            leave_running=self._leave_running,
            hooks=Hooks(before_start=self._before_start, on_exit=self._exited),
        )

    def _before_start(self) -> None:
        """:raises OSError: nginx could not start: it would not bind, or find no certificate."""
        self._files.clear_socket()
        self.door.begin_again()  # Note [An nginx that was restarted]
        if self._tls is not None:
            self._tls.restore()

    def _exited(self, reason: str) -> None:
        self._found = NginxDown(reason)
        self.door.begin_again()  # Note [An nginx that was restarted]

    async def _apply(self, settings: NginxSettings) -> None:
        """:raises DiskError: a file could not be written. :raises ProxyError: as ``TakingUp.serve``."""
        assert self._process is not None
        try:
            served = await self._taking_up.serve(self._process, settings)
        except OSError as error:
            raise DiskError(str(unwritable(self._files, error))) from None
        finally:
            self.door.start()  # not earlier: an nginx that starts does not answer yet, which is no fault
        self._generation = served.generation
        if served.reloaded:
            await deferLater(self._reactor, RELOADED)
            self.door.begin_again()  # Note [An nginx that was reloaded]
        self.log.info("nginx serves on {listeners}", listeners=", ".join(one.text for one in settings.listeners))

    def _not_answered(self) -> None:
        if self._generation and self._process is not None:  # it has answered before
            self._taking_up.end_without_socket(self._process)
