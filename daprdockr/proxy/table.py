"""
The state that a process is given through its door: the routes of nginx, its certificates, or the routes of the relay.
Sends the wanted state, knows which version is in force, and stores it for the next process.

Knows neither which process that is, nor what the state consists of: its owner reports that the process was restarted.
See Note [Versions] in ``message``.

Note [Reached]
    The state of each moment comes with the revision of the cluster that it shows. That of a revision is in force as
    soon as the process has acknowledged it or a later one; a state that did not change is in force for each revision
    that leaves it unchanged. Nothing is in force while the process may still have to be given something.

Note [Routes of an earlier agent]
    An agent that was killed may have given the process routes that it had not stored yet. So a new agent that is not in
    touch with etcd, and knows only what was stored, leaves a process that holds routes as it is until it is in touch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Generic, Protocol, TypeVar

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger

from daprdockr.model.backoff import Backoff
from daprdockr.model.errors import DiskError, ProxyError
from daprdockr.model.troubles.http import FilesUnwritable
from daprdockr.proxy.applier import Applier
from daprdockr.runtime.pool import Run
from daprdockr.runtime.signal import Signal

T = TypeVar("T")

RETRIES = Backoff(first=0.05, limit=1.0)
"""
The delays between two attempts to send a state: the process may be there in a moment, and until it has the state
requests fail.
"""

KEPT_EACH = 1.0
"""The shortest time between two writes of the state to the disk, in seconds."""


class Door(Protocol):
    """The side of the process; ``daprdockr.proxy.door.DoorSocket`` implements it."""

    async def version(self) -> int: ...

    async def send(self, message: bytes) -> bool: ...


class KeptState(Protocol):
    """Where the state is stored. Blocking."""

    @property
    def directory(self) -> Path: ...

    def keep_state(self, message: bytes) -> None: ...


@frozen
class Messages(Generic[T]):
    """
    How states become messages with a version: a whole one, and the difference from the one before; ``what`` they are
    about, for people.
    """

    whole: Callable[[T, int], bytes]
    difference: Callable[[T, T, int], bytes]
    what: str


class DoorTable(Generic[T]):
    """
    :param run: runs a blocking call in a thread, in which files are written.
    :param unanswered: called when the process, which has answered since it was started, does not take a state.
    :param is_sure: returns whether the state comes from etcd as it is: Note [Routes of an earlier agent].
    """

    log = Logger()

    def __init__(
        self,
        *,
        socket: Door,
        files: KeptState,
        messages: Messages[T],
        reactor: IReactorTime,
        run: Run,
        unanswered: Callable[[], None],
        is_sure: Callable[[], bool],
    ) -> None:
        self._socket = socket
        self._files = files
        self._messages = messages
        self._run = run
        self._unanswered = unanswered
        self._is_sure = is_sure
        self._sure = self._put_off = self._answers = False
        self.in_force: Signal[[]] = Signal()
        """Sent when ``reached`` may have changed."""
        what = f"the {messages.what}"
        self._giving: Applier[T] = Applier(
            apply=self._give, clock=reactor, spacing=0.0, backoff=RETRIES, ended=self.in_force, what=what
        )
        self._keeping: Applier[T] = Applier(
            apply=self._keep, clock=reactor, spacing=KEPT_EACH, what=f"{what} on the disk"
        )
        self._held: T | None = None
        self._asked = self._reached = 0
        self._restarts = 0
        self.version = 0

    @property
    def reason(self) -> str:
        """Why the process does not have the wanted state, or the disk not that of the process; "" while all is well."""
        return self._giving.reason or self._keeping.reason

    @property
    def changes(self) -> int:
        """How often a new state came into force."""
        return self._giving.applied

    @property
    def failures(self) -> int:
        return self._giving.failed

    @property
    def reached(self) -> int | None:
        """The revision whose state is in force; None: the last one that was wanted is. Note [Reached]."""
        settled = self._held is not None and not self._put_off and self._giving.settled
        return None if settled else self._reached

    def want(self, state: T, revision: int = 0) -> None:
        """Have this state served, which shows this revision of the cluster, and no other; the last call wins."""
        self._asked = revision
        self._giving.want(state)

    def confirm(self) -> None:
        """Send the state that was put off, if it is sure now."""
        if self._put_off and self._is_sure():
            self._put_off = False
            self._giving.again()

    def start(self) -> None:
        self._giving.start()
        self._keeping.start()

    def stop(self) -> None:
        self._giving.stop()
        self._keeping.stop()

    def begin_again(self) -> None:
        """
        Send everything again, because the process was restarted and may hold anything. An answer that is under way is
        that of the former one.
        """
        self._held, self._reached, self._answers = None, 0, False
        self._restarts += 1
        self._giving.again()

    async def _give(self, wanted: T) -> None:
        """:raises ProxyError: the process does not answer, or does not take it."""
        self._sure = self._sure or self._is_sure()
        asked, restarts = self._asked, self._restarts
        try:
            if self._held is None:
                self.version = await self._socket.version()
                self._answers = True
                if self.version and not self._sure:
                    self._put_off = True  # Note [Routes of an earlier agent]
                    return
            if self._held is None or not await self._changed(self._held, wanted):
                await self._replaced(wanted)
        except ProxyError:
            if self._answers:
                self._unanswered()
            raise
        self._keeping.want(wanted)
        if restarts != self._restarts:
            return
        self._held, self._reached = wanted, asked
        self.log.debug("version {version} of the {what} is in force", version=self.version, what=self._messages.what)

    async def _changed(self, held: T, wanted: T) -> bool:
        """Send the difference; return whether it was taken, which it is not by a process that holds another version."""
        asked = self.version + 1
        self._held = None  # until it has answered
        if await self._socket.send(self._messages.difference(held, wanted, asked)):
            self.version = asked
            return True
        self.version = await self._socket.version()
        return False

    async def _replaced(self, wanted: T) -> None:
        """Send the whole state. :raises ProxyError: another message was taken over meanwhile, such as a late one."""
        asked = self.version + 1
        if not await self._socket.send(self._messages.whole(wanted, asked)):
            raise ProxyError(f"version {asked} of the {self._messages.what} came from elsewhere before it was sent")
        self.version = asked

    async def _keep(self, held: T) -> None:
        """:raises DiskError: the state could not be written."""
        try:
            await self._run(lambda: self._files.keep_state(self._messages.whole(held, 0)))
        except OSError as error:
            raise DiskError(str(FilesUnwritable(str(self._files.directory), str(error.strerror)))) from None
