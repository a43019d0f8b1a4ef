"""
Relaying UDP: each client of a port, and the socket through which an instance answers it.

Note [Sessions]
    A client's datagrams go to one instance while there are less than ``IDLE`` seconds between them; its socket receives
    the answers. UDP has no end, so the oldest session goes when there are too many: that of the new one's route, if
    this has half of them, since a flood of clients that somebody made up must end no sessions of other routes. A
    datagram that an instance refused before it ever answered is sent to another one.

Note [Quiet sessions]
    A game, a call or a tunnel may be quiet for a minute, and its instance knows the client by the port of the session's
    socket. So a session in which the instance has answered for a while may be unused for two minutes, as RFC 4787 wants
    it (section 4.3). The kernel's connection tracking makes the same difference, with the same figures.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import Any

from daprdockr.relay.choosing import OUR_FAULT, Choice
from daprdockr.relay.message import Destination

IDLE, IDLE_LASTING = 30.0, 120.0
"""Seconds without a datagram after which a session ends, and after which one of Note [Quiet sessions] does."""

LASTING = 2.0
"""Seconds from the first datagram to the last, or more: a question with its answer takes less."""

LONGEST = 65_535
AT_ONCE = 64
"""Datagrams that are taken from a socket before others have their turn."""


class UdpSession:
    """One client of a port, and an instance."""

    def __init__(self, port: DatagramPort, client: Any, destination: Destination, tried: list[Destination]) -> None:
        self.port = port
        self.client = client
        self.destination = destination
        self.tried = [*tried, destination]
        self.last = 0.0
        self.begun = asyncio.get_running_loop().time()
        self.unanswered: bytes | None = None
        """The last datagram, as long as the instance did not answer."""
        family = socket.AF_INET6 if ":" in destination.address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        try:
            self.socket.setblocking(False)
            self.socket.connect((destination.address, destination.port))
        except OSError:
            self.socket.close()
            raise

    @property
    def idle(self) -> float:
        """How many seconds it may go unused."""
        return IDLE_LASTING if self.unanswered is None and self.last - self.begun > LASTING else IDLE

    def receive(self) -> None:
        """Pass answers on to the client."""
        for _ in range(AT_ONCE):
            try:
                data = self.socket.recv(LONGEST)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno == errno.EMSGSIZE:  # the kernel knows the way now, and sends the next one in parts
                    continue
                self.port.refused(self)
                return
            self.unanswered = None
            self.port.answer(self, data)


class UdpSessions:
    """The sessions of all ports, at most ``most``: see Note [Sessions]."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._sessions: dict[tuple[DatagramPort, Any], UdpSession] = {}
        """The one that was used last is the last one."""
        self._of: dict[Choice, dict[UdpSession, None]] = {}
        """Those of each route, in the same order."""

    def __len__(self) -> int:
        return len(self._sessions)

    def of(self, port: DatagramPort, client: Any) -> UdpSession | None:
        return self._sessions.get((port, client))

    def add(self, session: UdpSession) -> None:
        choice = session.port.choice
        if len(self._sessions) >= self._most:
            own = self._of.get(choice, {})
            self.end(next(iter(own if 2 * len(own) >= self._most else self._sessions.values())))
        self._sessions[session.port, session.client] = session
        self._of.setdefault(choice, {})[session] = None
        asyncio.get_running_loop().add_reader(session.socket, session.receive)

    def use(self, session: UdpSession) -> None:
        session.last = asyncio.get_running_loop().time()
        key = session.port, session.client
        self._sessions[key] = self._sessions.pop(key)
        own = self._of[session.port.choice]
        own[session] = own.pop(session)

    def end(self, session: UdpSession) -> None:
        if self._sessions.pop((session.port, session.client), None) is session:
            asyncio.get_running_loop().remove_reader(session.socket)
            session.socket.close()
            choice = session.port.choice
            choice.release(session.destination)
            del self._of[choice][session]
            if not self._of[choice]:
                del self._of[choice]

    def end_idle(self, now: float) -> None:
        """End the sessions that were not used for too long; ``now`` is the loop's time."""
        for session in list(self._sessions.values()):
            if session.last + session.idle <= now:
                self.end(session)

    def end_all(self, port: DatagramPort) -> None:
        for session in [one for one in self._sessions.values() if one.port is port]:
            self.end(session)


class DatagramPort:
    """A socket that listens on one address and port."""

    def __init__(self, sessions: UdpSessions, choice: Choice, listening: socket.socket) -> None:
        self.choice = choice
        self._sessions = sessions
        self._socket = listening
        asyncio.get_running_loop().add_reader(listening, self._receive)

    def close(self) -> None:
        self._sessions.end_all(self)
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _receive(self) -> None:
        for _ in range(AT_ONCE):
            try:
                data, client = self._socket.recvfrom(LONGEST)
            except OSError:  # nothing more, or an error of an answer that was sent
                return
            self._forward(client, data)

    def _forward(self, client: Any, data: bytes) -> None:
        session = self._sessions.of(self, client)
        if session is not None and not self.choice.has(session.destination):
            self._sessions.end(session)
            session = None
        session = session or self._new(client, [])
        if session is not None:
            self._send(session, data)

    def _new(self, client: Any, tried: list[Destination]) -> UdpSession | None:
        tried = list(tried)
        while (destination := self.choice.pick(tried)) is not None:
            try:
                session = UdpSession(self, client, destination, tried)
            except OSError as error:
                self.choice.release(destination)
                if error.errno in OUR_FAULT:
                    return None
                self.choice.leave_out(destination)  # there is no way to it from here
                tried.append(destination)
                continue
            session.unanswered = b""
            self._sessions.add(session)
            return session
        return None

    def _send(self, session: UdpSession, data: bytes) -> None:
        self._sessions.use(session)
        if session.unanswered is not None:
            session.unanswered = data
        try:
            session.socket.send(data)
        except BlockingIOError:
            pass  # lost, as a datagram may be
        except ConnectionRefusedError:
            self.refused(session)
        except OSError:
            pass  # too long for the way, for example

    def answer(self, session: UdpSession, data: bytes) -> None:
        self._sessions.use(session)
        with contextlib.suppress(OSError):
            self._socket.sendto(data, session.client)

    def refused(self, session: UdpSession) -> None:
        """Nobody listens where the session's datagrams went: send the last one elsewhere if none was ever answered."""
        self.choice.leave_out(session.destination)
        self._sessions.end(session)
        if session.unanswered:
            other = self._new(session.client, session.tried)
            if other is not None:
                self._send(other, session.unanswered)
