"""
A command in a running container, with the terminal of the person who asked for it, or without one.

Note [A command that nobody waits for]
    The Engine does not end a command when its client goes. So when the session is lost the command gets HUP, as from a
    terminal that is gone, and KILL if it runs on for ``GRACE`` seconds.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Coroutine, Mapping
from signal import Signals
from typing import Any
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater
from twisted.logger import Logger
from twisted.python.failure import Failure

from daprdockr.engine.pieces import ERRORS, Pieces
from daprdockr.engine.signalled import KNOWN, send_signal
from daprdockr.model.errors import BadInput, EngineError, EngineUnavailable
from daprdockr.model.frames import FrameKind, read_window
from daprdockr.model.names import one_line
from daprdockr.model.session import ExecAsked
from daprdockr.peer.channel import InputFrames, PeerChannel
from daprdockr.peer.on_this_node import OnThisNode
from daprdockr.peer.streamed import Streamed

GRACE, HANG_UP_STEP = 10.0, 0.5
SETTLE, SETTLE_STEP = 5.0, 0.05
"""Seconds in which the Engine has to know the process, or the exit status, and between two questions."""

_LONGEST = 200
"""The most characters of a command in its event."""


class CommandSession(Streamed):
    """
    One command. See ``begin``.

    :param send: sends a signal to the process of an execution; returns whether there was one.
    """

    log = Logger()

    def __init__(
        self,
        channel: PeerChannel,
        asked: ExecAsked,
        here: OnThisNode,
        reactor: IReactorTime,
        send: Callable[[Mapping[str, Any], Signals], bool] = send_signal,
    ) -> None:
        self._channel = channel
        self._asked = asked
        self._here = here
        self._reactor = reactor
        self._send_signal = send
        self._execution = ""
        self._pieces = None if asked.terminal else Pieces(self._send)
        self._is_lost = False
        self._has_ended = False

    async def begin(self, by: str) -> None:
        """
        Start the command, and record who did.

        :raises SessionRefused: no container runs.
        :raises EngineError: the Engine does not start it.
        """
        asked, engine = self._asked, self._here.engine
        container = self._here.running(asked.instance)
        body = {"Cmd": list(asked.command), "Tty": asked.terminal, "AttachStdin": asked.input}
        body |= {"AttachStdout": True, "AttachStderr": True, "DetachKeys": "ctrl-@,ctrl-@"}
        doing = f"run a command in {asked.instance}"
        made = await engine.ask(doing, "POST", f"/containers/{quote(container.id)}/exec", body)
        self._execution = str(made["Id"])
        text = one_line(shlex.join(asked.command), _LONGEST)
        self._here.record_deed(asked.instance, by, f"runs {text} from {self._channel.client}")
        path = f"/exec/{quote(self._execution)}/start"
        try:
            self._stream = await engine.upgrade(doing, path, {"Detach": False, "Tty": asked.terminal})
        except EngineUnavailable:  # it may start it later
            self._spawn(self._hang_up())
            raise
        if asked.terminal:
            await self._resize(asked.rows, asked.columns)
        self._channel.send(FrameKind.ACCEPTED)
        self._stream.feed_from(InputFrames(self._channel))
        if not asked.input:
            self._stream.end_input()
        self._stream.begin(self)

    # From the command line.

    def frame(self, kind: FrameKind, content: bytes) -> None:
        """Take a frame. :raises BadInput: it has no use here."""
        stream = self._stream
        assert stream is not None
        if kind is FrameKind.INPUT:
            stream.write(content)
        elif kind is FrameKind.INPUT_ENDS:
            stream.end_input()
        elif kind is FrameKind.WINDOW:
            self._spawn(self._resize(*read_window(content)))
        elif kind is FrameKind.SIGNAL:
            self._spawn(self._signal(content.decode("ascii", "replace")))
        else:
            raise BadInput(f"a command takes no frame of the kind {kind.name}")

    def gone(self) -> None:
        """See Note [A command that nobody waits for]."""
        self._is_lost = True
        if not self._has_ended:
            super().gone()
            if self._execution:
                self._spawn(self._hang_up())

    # From the Engine.

    def received(self, data: bytes) -> None:
        if self._pieces is None:
            self._send(1, data)
        else:
            self._pieces.received(data)

    def ended(self) -> None:
        if not self._is_lost and not self._has_ended:
            self._has_ended = True
            self._spawn(self._finish())

    def lost(self) -> None:
        self.ended()

    def _send(self, stream: int, content: bytes) -> None:
        self._channel.send(FrameKind.ERRORS if stream == ERRORS else FrameKind.OUTPUT, content)

    async def _finish(self) -> None:
        assert self._stream is not None
        self._stream.close()
        try:
            status = await self._exit_status()
        except EngineError as error:
            self._channel.refuse(str(error))
        else:
            self._channel.finish(FrameKind.STATUS, str(status).encode())

    async def _exit_status(self) -> int:
        """Return it; the Engine may report the end of the output a moment before it knows the status."""
        for _ in range(int(SETTLE / SETTLE_STEP)):
            found = await self._inspected()
            if found.get("ExitCode") is not None and not found.get("Running"):
                return int(found["ExitCode"])
            await deferLater(self._reactor, SETTLE_STEP)
        raise EngineUnavailable("the Docker Engine did not report the exit status of the command")

    async def _inspected(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = await self._here.engine.ask(
            "describe a command", "GET", f"/exec/{quote(self._execution)}/json"
        )
        return found

    async def _resize(self, rows: int, columns: int) -> None:
        """Set the size of the terminal; the Engine refuses that while the command begins, or when it has ended."""
        if not self._asked.terminal or not rows or not columns:
            return
        path = f"/exec/{quote(self._execution)}/resize?h={rows}&w={columns}"
        try:
            await self._here.engine.ask("resize a terminal", "POST", path)
        except EngineError as error:
            self.log.debug("a terminal keeps its size: {reason}", reason=error)

    async def _signal(self, name: str) -> None:
        """Send it as soon as the command has a process, which the Engine may report after the first output."""
        for _ in range(int(SETTLE / SETTLE_STEP) if name in KNOWN else 0):
            found = await self._inspected()
            if found.get("ExitCode") is not None or self._send_signal(found, KNOWN[name]):
                return
            await deferLater(self._reactor, SETTLE_STEP)

    async def _hang_up(self) -> None:
        """
        Send HUP when the command has a process, which a busy Engine may start after it said that it did, and KILL when
        the grace is over. An Engine that does not answer is asked again.
        """
        hung_up = 0.0
        for _ in range(int(2 * GRACE / HANG_UP_STEP)):
            try:
                found = await self._inspected()
            except EngineError as error:
                self.log.debug("a command that nobody waits for is not known: {reason}", reason=error)
                found = {}
            if found.get("ExitCode") is not None:
                return
            now = self._reactor.seconds()
            if not hung_up:
                hung_up = now if self._send_signal(found, KNOWN["HUP"]) else 0.0
            elif now - hung_up >= GRACE:
                self._send_signal(found, KNOWN["KILL"])
            await deferLater(self._reactor, HANG_UP_STEP)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        Deferred.fromCoroutine(work).addErrback(self._failed)

    def _failed(self, failure: Failure) -> None:
        if not failure.check(EngineError):
            self.log.failure("a command's session is at fault", failure)
