# -*- test-case-name: tests.unit.proxy.test_nginx -*-
"""
Prepares nginx's start: the program, the files, and the routes that it begins with. Retries until each is there, because
DNS and containers do without HTTP.

Note [An nginx without routes]
    The configuration of version 0.1.0 had the routes in it. An nginx that takes up a present one in its place would
    know none, and answer 503 until it is given some. So the routes are stored first, and nginx begins with them.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from attrs import evolve
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from daprdockr.model.errors import ProxyError
from daprdockr.model.troubles.http import FilesUnwritable, NginxUnusable
from daprdockr.proxy.applier import DISK_RETRY
from daprdockr.proxy.configuration import NginxSettings
from daprdockr.proxy.files import ProxyFiles
from daprdockr.proxy.program import NginxProgram
from daprdockr.proxy.tls_files import TlsFiles
from daprdockr.runtime.pool import Run

ABSENT_RETRY = 30.0
"""Seconds between two searches for a program that is not installed."""

_FEW_CONNECTIONS = 1024
"""Connections of a worker: with fewer a limit of open files is reported, which nobody sees before a busy hour."""

FIRST_ROUTES = 30.0
"""The longest wait for routes to store: Note [An nginx without routes]."""


class Beginning:
    """:param tls: the files of the TLS listeners; None without any."""

    log = Logger()

    def __init__(
        self, *, program: NginxProgram, files: ProxyFiles, tls: TlsFiles | None, reactor: IReactorTime, run: Run
    ) -> None:
        self._program = program
        self._files = files
        self._tls = tls
        self._reactor = reactor
        self._run = run
        self.trouble: NginxUnusable | FilesUnwritable | None = None
        """Why nginx cannot start; the last reason remains when it can."""

    async def usable(self, settings: NginxSettings, meanwhile: Callable[[], None]) -> NginxSettings:
        """Return the settings for the program here, retrying until it is installed; until then call ``meanwhile``."""
        while True:
            try:
                version, modules = await self._program.version(), await self._program.modules()
            except ProxyError as error:
                self._report(NginxUnusable(str(error)))
            else:
                self._note_few_files(settings)
                return evolve(settings, version=version, modules=modules)
            meanwhile()
            await deferLater(self._reactor, ABSENT_RETRY)

    async def prepared(self) -> bool:
        """Return whether there is a configuration to start with; retried until the disk has room for the files."""
        while True:
            try:
                return await self._run(self._prepare_files)
            except OSError as error:
                self._report(unwritable(self._files, error))
            await deferLater(self._reactor, DISK_RETRY)

    async def store_first_routes(self, published: Deferred[None], routes: Callable[[], bytes]) -> None:
        """
        See Note [An nginx without routes].

        :param published: fires when there are routes. :param routes: returns them as they are stored.
        """
        if await self._run(self._files.routes.exists):
            return
        with contextlib.suppress(DeferredTimeout, OSError):  # then it has to do without
            await published.addTimeout(FIRST_ROUTES, self._reactor)
            await self._run(self._files.keep_state, routes())

    def _prepare_files(self) -> bool:
        """Prepare the directories; in a thread. :raises OSError: there is no room."""
        if self._tls is not None:
            self._tls.prepare()
        return self._files.prepare()

    def _note_few_files(self, settings: NginxSettings) -> None:
        if settings.connections < _FEW_CONNECTIONS:
            self.log.warn(
                "each worker of nginx may have {files} open files, which is enough for {requests} requests at once:"
                " raise the agent's hard limit (LimitNOFILE of its unit, or ulimit -n), and start it again",
                files=settings.open_files,
                requests=settings.connections // 2,
            )

    def _report(self, found: NginxUnusable | FilesUnwritable) -> None:
        """Log it once, not at every retry."""
        if found != self.trouble:
            self.log.error("HTTP is not served: {reason}", reason=str(found))
        self.trouble = found


def unwritable(files: ProxyFiles, error: OSError) -> FilesUnwritable:
    return FilesUnwritable(str(files.directory), str(error.strerror))
