"""
Clients of ``flood_server`` over TCP and UDP, honest ones and crowds, and that server as a process.

Crowds come from addresses of their own below 127.0.0.0/8, as those of another machine would.
"""

from __future__ import annotations

import re
import select
import socket
import struct
import subprocess
import sys
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path
from typing import IO

import dns.message
import dns.rcode

from tests.build.ports import free_port
from tests.rig.dns.flood_packets import SRV, question

HONEST = "127.0.0.1"
NAME = "1.web.myapp.container"
PORTS = "8080.tcp.web.myapp.container"
PATIENCE = 30.0
"""Seconds after which a client that was not answered is taken to be forgotten."""


def framed(packet: bytes) -> bytes:
    """A message as it goes over TCP (RFC 1035 section 4.2.2)."""
    return struct.pack("!H", len(packet)) + packet


GREED = framed(question(NAME)) * 1400
"""Questions in a row, as many as are read at once at the most."""
GREAT = framed(question(PORTS, SRV)) * 1000
"""The same, with answers that are a hundred times as long."""


class Served:
    """The server process; ``close`` it. ``files_alone`` is how many it had open before anybody came."""

    def __init__(self, log: Path, files: int) -> None:
        """:param log: where its log goes. :param files: how many it may have open."""
        self._log = log
        self.port = free_port()
        options = ["--port", str(self.port), "--files", str(files)]
        with log.open("wb") as errors:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.rig.dns.flood_server", *options],
                cwd=Path(__file__).resolve().parents[3],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        assert self._line() == "ready\n"
        self.files_alone = self.open_files
        self._said = len(self.log)

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"the server ended: {self.log[-3000:]}"
        return line

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def said(self) -> str:
        """The lines that it logged since it listens."""
        return self.log[self._said :]

    @property
    def open_files(self) -> int:
        return len(list(Path(f"/proc/{self._process.pid}/fd").iterdir()))

    @property
    def memory(self) -> int:
        """MiB that are resident."""
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{self._process.pid}/status").read_text())
        assert found is not None
        return int(found[1]) // 1024

    @property
    def unsent(self) -> int:
        """MiB of answers that the kernel keeps for clients that do not read them, see proc_net(5)."""
        rows = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        queues = [row[4].partition(":")[0] for row in rows if row[1].endswith(f":{self.port:04X}")]
        return sum(int(queue, 16) for queue in queues) // 2**20

    def pause(self) -> float:
        """The most seconds of work, since this was asked last, that its reactor was away from its other work."""
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()
        return float(self._line())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()

    def ask_datagram(self) -> None:
        """Ask once over UDP. :raises TimeoutError: when nobody answers."""
        with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as client:
            client.settimeout(PATIENCE)
            client.connect((HONEST, self.port))
            client.send(question(NAME))
            _check(client.recv(4096))

    def ask_stream(self) -> None:
        """Ask over a connection of its own. :raises OSError: when nobody answers."""
        with closing(Client(self.port)) as client:
            client.ask()


class Client:
    """One TCP connection of an honest client."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection((HONEST, port), PATIENCE, (HONEST, 0))

    def ask(self) -> None:
        """:raises OSError: when the connection was ended, or nobody answers."""
        self._socket.sendall(framed(question(NAME)))
        with self._socket.makefile("rb") as answers:
            (length,) = struct.unpack("!H", self._exactly(answers, 2))
            _check(self._exactly(answers, length))

    def _exactly(self, answers: IO[bytes], length: int) -> bytes:
        octets = answers.read(length)
        if len(octets) != length:
            raise ConnectionResetError("the connection was ended")
        return octets

    def close(self) -> None:
        self._socket.close()


class Crowd:
    """Connections that are not waited for and never close by themselves; ``close`` them."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._members: dict[int, socket.socket] = {}
        self._unsent: dict[socket.socket, bytes] = {}
        self._ends = select.poll()

    def open(self, count: int, sources: Iterable[str] = ("127.0.0.2",), first: bytes = b"") -> list[socket.socket]:
        """Open so many, from these addresses in turn, and send these octets first."""
        addresses = list(sources)
        opened = []
        for number in range(count):
            source = (addresses[number % len(addresses)], 0)
            member = socket.create_connection((HONEST, self._port), PATIENCE, source)
            member.setblocking(False)
            opened.append(member)
            self._members[member.fileno()] = member
            self._ends.register(member, select.POLLRDHUP)
            self.send([member], first)
        return opened

    def send(self, members: Iterable[socket.socket], octets: bytes) -> None:
        """Send what the kernel did not take last time, or else these octets; to a connection that was ended, none."""
        for member in members:
            rest = self._unsent.pop(member, b"") or octets
            with suppress(OSError):
                rest = rest[member.send(rest) :]
            self._unsent[member] = rest

    def receive(self, members: Iterable[socket.socket]) -> None:
        """Read what is there."""
        for member in members:
            with suppress(OSError):
                while member.recv(65536):
                    pass

    def still_open(self, seconds: float = 0.0) -> int:
        """How many connections the server has not ended, after waiting so long for one more to end."""
        for descriptor, _ in self._ends.poll(seconds * 1000):
            self._ends.unregister(descriptor)
            self._members.pop(descriptor).close()
        return len(self._members)

    def close(self) -> None:
        for member in self._members.values():
            member.close()


def _check(packet: bytes) -> None:
    answer = dns.message.from_wire(packet)
    assert answer.rcode() == dns.rcode.NOERROR and answer.answer, answer.to_text()
