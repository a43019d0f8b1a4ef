"""
A DNS server in a process of its own, with a limit of open files of its own.

    python -m tests.rig.dns.flood_server --port 25353 --files 256

It says "ready" when it listens, then, each time anything comes in, for how many seconds of its own processor time its
reactor was away from its other work at the longest since it was asked last. It ends when its input does. Its log goes
to standard error.
"""

from __future__ import annotations

import argparse
import ipaddress
import resource
import sys
from time import process_time
from typing import Any

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.internet.task import LoopingCall
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.python.failure import Failure

from daprdockr.dns.answering.name_servers import NO_SERVERS
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.server import DnsServer
from daprdockr.dns.zone.zone import Zone
from daprdockr.model.host import Port
from tests.build.dns_samples import running

BEAT_SECONDS = 0.05
INSTANCES = 100
"""Of ``web.myapp``, on as many hosts; their ports make an answer of some six thousand octets."""


class Pauses:
    """The longest time of this process's own work between two beats of the reactor; others may have the machine."""

    def __init__(self, reactor: IReactorTime) -> None:
        self._last = process_time()
        self._longest = 0.0
        self._loop = LoopingCall(self._beat)
        self._loop.clock = reactor
        self._loop.start(BEAT_SECONDS)

    def _beat(self) -> None:
        now = process_time()
        self._longest, self._last = max(self._longest, now - self._last), now

    def taken(self) -> float:
        """The longest one since this was called last."""
        self._beat()
        longest, self._longest = self._longest, 0.0
        return longest


class Orders(Protocol):
    """Standard input and output."""

    transport: Any

    def __init__(self, pauses: Pauses, reactor: Any) -> None:
        self._pauses = pauses
        self._reactor = reactor

    def connectionMade(self) -> None:
        self.transport.write(b"ready\n")

    def dataReceived(self, data: bytes) -> None:
        self.transport.write(b"%.3f\n" % self._pauses.taken())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self._reactor.stop()


def zone() -> Zone:
    ones = [
        running(f"{number}.web.myapp", f"10.0.{number // 250}.{number % 250}", Port(8080, "tcp", 20000 + number))
        for number in range(1, INSTANCES + 1)
    ]
    return Zone.of(ones, serial=1)


def main() -> None:
    from twisted.internet import reactor

    parser = argparse.ArgumentParser(description="A DNS server with few open files.")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--files", type=int, required=True, help="how many may be open")
    given = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (given.files, given.files))
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    server = DnsServer(
        reactor,
        listen=[Endpoint("127.0.0.1", given.port)],
        allow=[ipaddress.ip_network("127.0.0.0/8")],
        servers=NO_SERVERS,
        host_addresses=frozenset,
    )
    server.publish(zone())
    server.privilegedStartService()
    server.startService()
    StandardIO(Orders(Pauses(reactor), reactor))
    reactor.run()


if __name__ == "__main__":
    main()
