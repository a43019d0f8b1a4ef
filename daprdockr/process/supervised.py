"""
A program kept running: adopted or spawned at start, restarted when it ends, stopped for good or left alone.

Knows nothing of nginx or etcd: the command line, and what must be done before each start, are passed in.

Note [Own session]
    The program starts through setsid(1), which execs it under the same pid. So a Ctrl-C at the agent's terminal does
    not reach it, and its whole group can be killed. spawnProcess gets neither a user nor a directory: either would make
    it fork a process full of gRPC threads instead of calling posix_spawn.
"""

from __future__ import annotations

import contextlib
import inspect
import os
import random
import shutil
import signal
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import define, field, frozen
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.model.backoff import Backoff
from daprdockr.process.child import Adopted, Child, Hold
from daprdockr.process.output import OutputFile, standard_streams
from daprdockr.process.recorded import RecordedProcess
from daprdockr.process.table import ProcessTable

STEADY = 10.0
"""Seconds after which a process counts as well started, and earlier failures are forgotten."""

BACKOFF = Backoff(limit=8.0)
"""
The delays between starts that fail: a program that could not start on a full disk runs again within ten seconds of
room.
"""

UPKEEP_INTERVAL = 5.0
"""Seconds between two checks of the size of the output file, and between two attempts to write the pidfile."""


@frozen(kw_only=True)
class Program:
    """
    A program that is kept running, and how it is stopped.

    :ivar argv: the command line; the program is looked up in the PATH of ``environment`` at each start.
    :ivar identity: a string that only our process has in its command line, such as the path of its directory.
    :ivar stop_signal: the name of the signal that asks it to end, without ``SIG``.
    :ivar grace: seconds it is given to end before its group is killed.
    :ivar output: the file its output is appended to; needed if the process is left running, as a pipe breaks with us.
    :ivar usable_with: words of a command line; a process of an earlier agent that has none of them is ended and started
        anew. If there are none, it is adopted as it is.
    """

    name: str
    argv: Sequence[str]
    identity: str
    pidfile: Path
    environment: Mapping[str, str]
    stop_signal: str = "TERM"
    grace: float = 5.0
    output: Path | None = None
    usable_with: Collection[str] = ()


@frozen(kw_only=True)
class Hooks:
    """
    Callbacks of the supervision.

    :ivar on_output: called with each line of its output when there is no ``output`` file.
    :ivar before_start: called before each start; when it raises, that counts as a failed start.
    :ivar descriptors: returns what it inherits beside its standard streams: our descriptors by their numbers there.
    :ivar on_exit: called with the reason why the process ended or could not start, once the next start is scheduled;
        not called for a stop.
    """

    on_output: Callable[[str], None] | None = None
    before_start: Callable[[], Awaitable[None] | None] | None = None
    descriptors: Callable[[], Mapping[int, int]] = dict
    on_exit: Callable[[str], None] | None = None


@define(kw_only=True, eq=False, slots=False)
class SupervisedProcess(Service):
    """
    One program, at most one process of it.

    :ivar leave_running: whether ``stopService`` lets go of it instead of ending it.
    """

    log = Logger()

    program: Program
    reactor: Any
    leave_running: bool = False
    hooks: Hooks = field(factory=Hooks)
    table: ProcessTable = field(factory=ProcessTable)
    backoff: Backoff = BACKOFF
    chance: Callable[[], float] = random.random

    _hold: Hold | None = field(init=False, default=None)
    _since: float = field(init=False, default=0.0)
    _failures: int = field(init=False, default=0)
    _timer: IDelayedCall | None = field(init=False, default=None)
    _starting: Deferred[None] | None = field(init=False, default=None)
    _gone: Deferred[None] | None = field(init=False, default=None)
    _upkeep: LoopingCall | None = field(init=False, default=None)
    _recorded: RecordedProcess = field(init=False)
    _unstarted: str = field(init=False, default="")
    _unwritten: str = field(init=False, default="")

    @property
    def pid(self) -> int | None:
        """The pid of the process; None while there is none."""
        return None if self._hold is None else self._hold.pid

    @property
    def is_steady(self) -> bool:
        """Whether its process has run for ``STEADY`` seconds."""
        return self._hold is not None and self.reactor.seconds() - self._since >= STEADY

    def signal(self, name: str) -> None:
        """Signal the process (not its group); ``name`` without ``SIG``. A no-op while there is none."""
        if self._hold is not None:
            self._hold.signal(signal.Signals["SIG" + name])

    def startService(self) -> None:
        super().startService()
        program = self.program
        self._recorded = RecordedProcess(
            name=program.name, path=program.pidfile, identity=program.identity, table=self.table
        )
        self._upkeep = LoopingCall(self._keep_up)
        self._upkeep.clock = self.reactor
        self._upkeep.start(UPKEEP_INTERVAL, now=False).addErrback(self._upkeep_failed)
        if not self._adopt():
            self._start()

    def stopService(self) -> Deferred[None] | None:
        """Let go of the process, or end it: then the Deferred fires when it is gone."""
        super().stopService()
        self._cancel_timer()
        if self._upkeep is not None and self._upkeep.running:
            self._upkeep.stop()
        if self._starting is not None:
            self._starting.cancel()
        if self._hold is None:
            return None
        if self.leave_running:
            self._hold.release()
            self._hold = None
            return None
        self._gone = Deferred()
        self._end(self._hold)
        return self._gone

    def _end(self, hold: Hold) -> None:
        self._timer = self.reactor.callLater(self.program.grace, self._kill, hold)
        self.signal(self.program.stop_signal)

    def _adopt(self) -> bool:
        """Take over the process of an earlier agent. See Note [Adoption] in ``recorded``."""
        program = os.path.realpath(shutil.which(self.program.argv[0], path=self._path()) or self.program.argv[0])
        adopted = self._recorded.adopt(program)
        if adopted is None:
            return False
        pid, descriptor = adopted
        hold = Adopted(pid, descriptor, self.reactor, self._ended)
        self._took(hold)
        if self.program.usable_with and not self.table.has_any(pid, self.program.usable_with):
            text = "{name} is running as pid {pid} with other options, and is started anew"
            self.log.warn(text, name=self.program.name, pid=pid)
            self._end(hold)
        else:
            self.log.info("{name} is running as pid {pid} and was adopted", name=self.program.name, pid=pid)
        return True

    def _start(self) -> None:
        self._timer = None
        self._starting = Deferred.fromCoroutine(self._prepare_and_spawn())

    async def _prepare_and_spawn(self) -> None:
        try:
            if self.hooks.before_start is not None:
                prepared = self.hooks.before_start()
                if inspect.isawaitable(prepared):
                    await prepared
            if self.running:
                self._spawn()
        except CancelledError:
            self.log.debug("the start of {name} was called off", name=self.program.name)
        except Exception as error:
            self._not_started(str(error))
            self._again(f"could not be started: {error}")

    def _spawn(self) -> None:
        """:raises OSError: the program, or the output file, cannot be used."""
        program = shutil.which(self.program.argv[0], path=self._path())
        if program is None:
            raise FileNotFoundError(f"program {self.program.argv[0]} is not installed, or not executable")
        setsid = shutil.which("setsid", path=self._path()) or "setsid"
        with contextlib.ExitStack() as opened:
            descriptors, lines = standard_streams(opened, self.program.output, self.hooks.on_output, self._output_lost)
            self.reactor.spawnProcess(
                Child(self._started, self._ended, lines),
                setsid,
                [setsid, program, *self.program.argv[1:]],
                env=dict(self.program.environment),
                childFDs={**descriptors, **self.hooks.descriptors()},
            )

    def _path(self) -> str:
        return self.program.environment.get("PATH", os.defpath)

    def _not_started(self, reason: str) -> None:
        """Log each reason once, until it has started."""
        if reason != self._unstarted:
            self.log.warn("{name} could not be started: {reason}", name=self.program.name, reason=reason)
        self._unstarted = reason

    def _output_lost(self, error: OSError) -> None:
        """Log each reason once, until the output can be written."""
        if str(error) != self._unwritten:
            self.log.warn("the output of {name} is lost: {reason}", name=self.program.name, reason=error)
        self._unwritten = str(error)

    def _started(self, child: Child) -> None:
        self._took(child)
        self.log.info("{name} was started as pid {pid}", name=self.program.name, pid=child.pid)

    def _took(self, hold: Hold) -> None:
        self._unstarted = ""
        self._hold = hold
        self._since = self.reactor.seconds()
        self._recorded.write(hold.pid)

    def _ended(self, reason: str) -> None:
        hold, self._hold = self._hold, None
        assert hold is not None
        self.table.kill_group(hold.pid)
        self._recorded.remove()
        self._cancel_timer()
        if self._gone is not None:
            self.log.info("{name} was stopped: {reason}", name=self.program.name, reason=reason)
            gone, self._gone = self._gone, None
            hold.closed.addTimeout(self.program.grace, self.reactor).addBoth(lambda _: gone.callback(None))
            return
        self.log.warn("{name} ended: {reason}", name=self.program.name, reason=reason)
        if self.reactor.seconds() - self._since >= STEADY:
            self._failures = 0
        self._again(reason)

    def _again(self, reason: str) -> None:
        self._failures += 1
        if self.running:
            self._timer = self.reactor.callLater(self.backoff.delay(self._failures, self.chance()), self._start)
        if self.hooks.on_exit is not None:
            self.hooks.on_exit(reason)

    def _kill(self, hold: Hold) -> None:
        """Kill it, because the grace is over, and give up on a process that the kernel does not let go."""
        name, grace = self.program.name, self.program.grace
        self.log.warn("{name} did not end within {grace} s and is killed", name=name, grace=grace)
        self._timer = self.reactor.callLater(grace, self._give_up, hold)
        # The group does not exist yet if setsid(1) has not run yet, hence both. See Note [Own session].
        hold.signal(signal.SIGKILL)
        self.table.kill_group(hold.pid)

    def _give_up(self, hold: Hold) -> None:
        self.log.error("pid {pid} of {name} cannot be killed", pid=hold.pid, name=self.program.name)
        hold.release()
        self._ended("not even killed")

    def _cancel_timer(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None

    def _keep_up(self) -> None:
        self._recorded.retry(self.pid)
        try:
            if self.program.output is not None:
                OutputFile(self.program.output).trim()
        except OSError as error:
            self._output_lost(error)
        else:
            self._unwritten = ""

    def _upkeep_failed(self, failure: Failure) -> None:
        self.log.failure("the files of {name} are not kept up any more", failure, name=self.program.name)
