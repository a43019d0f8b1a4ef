"""``forward``: a port of this machine that leads to a port of an instance."""

from __future__ import annotations

import ipaddress
import os
import re
import socket
import threading
import time
from contextlib import closing, suppress

from attrs import frozen

from daprdockr.cli.claimed_places import place_of
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.definitions import author
from daprdockr.cli.duplex import Duplex, Sink
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput, DaprdockrError
from daprdockr.model.frames import FrameKind
from daprdockr.model.names import InstanceName, shorten
from daprdockr.model.seams import Store
from daprdockr.model.session import ForwardAsked
from daprdockr.sessions.client import Sessions

MOST = 64
"""Connections at a time; more wait."""

_FORM = re.compile(r"(?:(.*):)?(\d{1,5}):([^:]+):(\d{1,5})", re.ASCII)


@frozen
class ForwardWish:
    """``address`` and ``port`` are where this machine listens."""

    address: str
    port: int
    asked: ForwardAsked

    @classmethod
    def parse(cls, text: str) -> ForwardWish:
        """Read ``8080:1.web.myapp:80``, or ``0.0.0.0:8080:1.web.myapp:80``. :raises BadInput: it is neither."""
        found = _FORM.fullmatch(text)
        if not found:
            raise BadInput(f"forward {shorten(text)} is not usable: write <port here>:<instance>:<port>")
        address = (found[1] or "127.0.0.1").strip("[]")
        local, port = int(found[2]), int(found[4])
        try:
            ipaddress.ip_address(address)
        except ValueError:
            raise BadInput(f"forward {shorten(text)} is not usable: {shorten(address)} is no address") from None
        if local > 65535 or not 1 <= port <= 65535:
            raise BadInput(f"forward {shorten(text)} is not usable: a port is a number up to 65535")
        return cls(address, local, ForwardAsked(InstanceName.parse(found[3]), port))


def forward(request: Request, store: Store, console: Console) -> None:
    """
    Forward until a person ends it.

    :raises NotFound: the instance is on no node.
    :raises BadInput: the port here is taken.
    """
    wish = ForwardWish.parse(request.words[0])
    place_of(request, store, wish.asked.instance)
    with closing(listening(wish)) as listener:
        address, port, *_ = listener.getsockname()
        console.say(f"{address} port {port} leads to port {wish.asked.port} of {wish.asked.instance}; Ctrl-C ends that")
        accept_all(listener, request, store, console)


def accept_all(listener: socket.socket, request: Request, store: Store, console: Console) -> None:
    """Relay each connection. :raises OSError: the listener was shut down."""
    wish = ForwardWish.parse(request.words[0])
    sessions = Sessions(store, request.keys, author(request), time.monotonic)
    places = threading.Semaphore(MOST)
    while True:
        places.acquire()
        local, _ = listener.accept()
        relaying = Relaying(local, wish, request, store, console)
        threading.Thread(target=relaying.run, args=(sessions, places), daemon=True).start()


def listening(wish: ForwardWish) -> socket.socket:
    """:raises BadInput: there is no such address here, or the port is taken."""
    family = socket.AF_INET6 if ":" in wish.address else socket.AF_INET
    try:
        return socket.create_server((wish.address, wish.port), family=family)
    except OSError as error:
        raise BadInput(f"cannot listen at {wish.address} port {wish.port}: {os.strerror(error.errno or 0)}") from None


@frozen
class Relaying:
    """One connection."""

    local: socket.socket
    wish: ForwardWish
    request: Request
    store: Store
    console: Console

    def run(self, sessions: Sessions, places: threading.Semaphore) -> None:
        try:
            with closing(self.local):
                self._relay_or_complain(sessions)
        finally:
            places.release()

    def _relay_or_complain(self, sessions: Sessions) -> None:
        """Say why a connection was refused before it is closed."""
        try:
            self._relay(sessions)
        except DaprdockrError as error:
            self.console.complain(str(error))

    def _relay(self, sessions: Sessions) -> None:
        node = place_of(self.request, self.store, self.wish.asked.instance)
        session = sessions.open(node, self.wish.asked)
        try:
            self.local.setblocking(False)
            sink = Sink(self.local.fileno(), self._end_output)
            Duplex(session, self.local.fileno(), {FrameKind.OUTPUT: sink}).run()
        finally:
            session.close()

    def _end_output(self) -> None:
        with suppress(OSError):  # the client was first
            self.local.shutdown(socket.SHUT_WR)


def _check(request: Request) -> None:
    if len(request.words) != 1:
        raise BadInput("forward needs one <port here>:<instance>:<port>, as in 8080:1.web.myapp:80")
    ForwardWish.parse(request.words[0])


COMMAND = Command(
    name="forward",
    usage=(("forward LOCAL:INSTANCE:PORT", "let a port of this machine lead to a port of an instance"),),
    run=forward,
    word="LOCAL:INSTANCE:PORT",
    check=_check,
    reference=(
        "let LOCAL, a port of this machine or ``<address>:<port>``, lead to PORT of the container of an instance, on"
        " whichever node, until Ctrl-C. It need not be a port that is published. LOCAL 0 is any free port. A new"
        " connection goes to the node that has the instance then. An event says who did that",
    ),
)
