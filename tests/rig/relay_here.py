"""A real relay, and little instances behind it in this process, for the tests of the relay."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import socketserver
import tempfile
from pathlib import Path
from threading import Thread
from typing import Any

from twisted.internet import reactor
from twisted.internet.threads import deferToThread
from twisted.trial.unittest import TestCase

from daprdockr.proxy.ports import PortRouting
from daprdockr.proxy.relay import Relay, RelaySocket, relay_process
from daprdockr.proxy.relay_files import RelayFiles
from daprdockr.relay.message import Destination, PortRoute
from tests.build.ports import free_port
from tests.rig.nginx_here import ENVIRONMENT, group_of, until

HERE = "127.0.0.1"
PATIENCE = 30.0


class NamingServer(socketserver.ThreadingTCPServer):
    """Answers each line with its own name and that line."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, name: str) -> None:
        self.name = name
        super().__init__((HERE, 0), Naming)


class Naming(socketserver.StreamRequestHandler):
    server: NamingServer

    def handle(self) -> None:
        for line in self.rfile:
            self.wfile.write(f"{self.server.name} ".encode() + line)


class Conversation:
    """A connection of a client, in lines. Blocking: called in a thread."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HERE, port), timeout=PATIENCE)
        self._lines = self._socket.makefile("rb")

    def ask(self, text: str) -> str:
        self._socket.sendall(f"{text}\n".encode())
        return self._lines.readline().decode().strip()

    def close(self) -> None:
        self._lines.close()
        self._socket.close()


class RelayProcessCase(TestCase):
    """Each test has a state directory and ports of its own; what it starts is gone after it."""

    timeout = 120

    def setUp(self) -> None:
        # Not trial's directory: its path would be too long for a unix socket.
        self.directory = Path(tempfile.mkdtemp(prefix="dapr-relay-"))
        self.addCleanup(shutil.rmtree, self.directory)
        self.port = free_port()
        self.told: list[tuple[str, str]] = []

    def relay(self, leave_running: bool = False, sure: bool = True) -> Relay:
        """The service of an agent, started."""
        files = RelayFiles(self.directory / "relay")
        relay = Relay(
            process=relay_process(files, reactor, ENVIRONMENT, leave_running),
            files=files,
            socket=RelaySocket(path=str(files.socket), reactor=reactor),
            reactor=reactor,
            run=deferToThread,
            is_sure=lambda: sure,
            record_event=lambda subject, text: self.told.append((subject, text)),
        )
        relay.move([HERE])
        self.addCleanup(self.end, relay)
        relay.startService()
        return relay

    async def end(self, relay: Relay) -> None:
        """Stop the service, and what it leaves."""
        pid = relay.pid
        if relay.running and (stopped := relay.stopService()) is not None:
            await stopped
        if pid is not None and group_of(pid):
            os.killpg(pid, signal.SIGKILL)
            await until(lambda: not group_of(pid))

    def instance(self, name: str) -> Destination:
        """A little service on a free port, in this process."""
        server = NamingServer(name)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        return Destination(*server.server_address)

    def route(self, *destinations: Destination, port: int = 0, protocol: str = "tcp") -> PortRoute:
        return PortRoute(protocol, port or self.port, "db.app", destinations)

    async def published(self, relay: Relay, *routes: PortRoute) -> None:
        """Publish and wait until that is in force."""
        before = relay.changes
        relay.publish(PortRouting(routes))
        await until(lambda: relay.changes > before)

    def connect(self, port: int = 0) -> Any:
        """A Deferred of a connection over the route."""
        return deferToThread(self._connect, port or self.port)

    def _connect(self, port: int) -> Conversation:
        conversation = Conversation(port)
        self.addCleanup(conversation.close)
        return conversation

    async def answers(self, name: str, port: int = 0) -> bool:
        """Whether a new connection is answered by the instance of that name."""
        try:
            conversation = await self.connect(port)
            return bool(await deferToThread(conversation.ask, "x") == f"{name} x")
        except OSError:
            return False

    async def answers_at_last(self, relay: Relay, name: str) -> None:
        """Wait until a new connection is answered by the instance of that name."""
        try:
            await until(lambda: self.answers(name), seconds=2 * PATIENCE)
        except AssertionError as error:
            output = relay.files.output.read_text() if relay.files.output.exists() else "no output"
            seen = f"the relay is {relay.pid}, {relay.condition}, and printed: {output}"
            raise AssertionError(f"{error}; {seen}") from None
