# -*- test-case-name: tests.unit.proxy.test_nginx -*-
"""
Brings a configuration into effect in a running nginx: tested, installed, signalled, and polled for until it is served.

Note [Taking up a configuration]
    A signal has no answer, and ``nginx -t`` passes where the reload then fails (a port is taken). So the new file is
    tested, installed, signalled, and polled for: until the generation of the new text answers on the unix socket the
    old one counts as served. HUP goes to the master's pid, and only after this master has answered once: earlier, it
    has not set up its signals yet and would die of it.
"""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger

from daprdockr.model.errors import ProxyError
from daprdockr.process.output import OutputFile
from daprdockr.process.supervised import SupervisedProcess
from daprdockr.proxy.configuration import NginxSettings, render
from daprdockr.proxy.door import DoorSocket
from daprdockr.proxy.files import ProxyFiles
from daprdockr.proxy.program import NginxProgram, arguments, gave_up, reason_in
from daprdockr.runtime.pool import Run

TAKE_UP = 10.0
"""Seconds nginx is given to serve a new configuration. It tries for 2.5 s to bind a port that is taken."""

FIRST_POLL, LAST_POLL = 0.01, 0.25
"""Seconds between two polls of the generation, at first and at last."""


@frozen
class Served:
    """The ``generation`` that nginx serves now; ``reloaded``: its master served another one before."""

    generation: str
    reloaded: bool


@frozen(kw_only=True)
class TakingUp:
    """:ivar run: runs a blocking call in a thread: rendering and syncing files take too long for the reactor."""

    log = Logger()

    program: NginxProgram
    files: ProxyFiles
    socket: DoorSocket
    reactor: IReactorTime
    run: Run

    async def serve(self, process: SupervisedProcess, settings: NginxSettings) -> Served:
        """
        Make nginx run with these settings, unless it does. See Note [Taking up a configuration].

        :raises ProxyError: it does not; the last good configuration is in place again.
        :raises OSError: a file cannot be written.
        """
        configuration = await self.run(render, settings)
        serving = await self.socket.generation()
        await self.run(self.files.propose, configuration.text)
        if serving != configuration.generation:
            await self.program.test(arguments(self.files.directory, self.files.candidate, settings.version))
        await self.run(self.files.install)
        try:
            await self._take_up(process, configuration.generation)
        except ProxyError:
            await self.run(self.files.put_back)
            raise
        await self.run(self.files.keep)
        return Served(configuration.generation, reloaded=serving not in ("", configuration.generation))

    async def _take_up(self, process: SupervisedProcess, generation: str) -> None:
        """Have the installed file read, and wait until it is served. :raises ProxyError: it is not."""
        output = OutputFile(self.files.output)
        written = output.size()
        if process.pid is None:
            _start_now(process)
        signalled, said = False, ""
        for pause in self._pauses():
            serving = await self.socket.generation()
            if serving == generation:
                return
            if serving and not signalled:
                process.signal("HUP")
                signalled = True
            await deferLater(self.reactor, pause)
            said = await self.run(output.since, written)
            if gave_up(said):
                break
        self.end_without_socket(process)
        reason = reason_in(said) or f"no answer within {TAKE_UP:.0f} s and no reason in {self.files.output}"
        raise ProxyError(f"nginx did not take up the configuration: {reason}")

    def end_without_socket(self, process: SupervisedProcess) -> None:
        """Restart an nginx that runs without its socket, which somebody removed: we cannot talk to it any more."""
        if process.pid is not None and not self.files.socket.exists():
            self.log.warn("nginx lost its socket {path} and is started anew", path=self.files.socket)
            process.signal("TERM")

    def _pauses(self) -> Iterator[float]:
        """Yield growing pauses in seconds until the deadline."""
        deadline = self.reactor.seconds() + TAKE_UP
        pause = FIRST_POLL
        while self.reactor.seconds() < deadline:
            yield pause
            pause = min(1.1 * pause, LAST_POLL)


def _start_now(process: SupervisedProcess) -> None:
    """Start it, whatever its backoff is: it has a new file to start with."""
    if process.running:
        process.stopService()
    process.startService()
