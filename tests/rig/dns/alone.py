"""
A DNS server in a process of its own, as an agent's is one to those who ask it.

    python -m tests.rig.dns.alone town

It answers for the zone of that name at a free port of 127.0.0.1, and at one of ::1 where there is IPv6. It prints these
ports, and ends when its input does. On standard error stands what it logs as a warning or worse. Forwarding is off, so
each question is answered at once.
"""

from __future__ import annotations

import ipaddress
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from twisted.internet.protocol import Protocol, connectionDone
from twisted.internet.stdio import StandardIO
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)
from twisted.python.failure import Failure

from daprdockr.dns.answering.name_servers import NO_SERVERS
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.listening.addresses import host_addresses
from daprdockr.dns.server import DnsServer
from daprdockr.model.errors import BadInput
from tests.rig.dns.town import town, village

ZONES = {"village": village, "town": lambda: town().zone()}
ATTEMPTS = 20
LOOPBACK = ("127.0.0.1", "::1")
ALLOWED = [ipaddress.ip_network(address) for address in LOOPBACK]
"""The clients that may ask without a limit of their rate."""
CHECKOUT = Path(__file__).resolve().parents[3]


class DnsAlone:
    """One such process; ``stop`` it in a cleanup."""

    def __init__(self, zone: str) -> None:
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 (stop closes it)
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.rig.dns.alone", zone],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=CHECKOUT,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        ports = self._process.stdout.readline().split()
        assert ports, f"the server ended:\n{self.log()}"
        self.addresses = [(address, int(port)) for address, port in zip(LOOPBACK, ports, strict=False)]
        """The second one is missing where there is no IPv6."""

    def stop(self) -> int:
        """End it; its exit status."""
        self._process.communicate()
        self._log.close()
        return self._process.returncode

    def log(self) -> str:
        """Its log, which is empty as long as all is well."""
        self._log.seek(0)
        return self._log.read().decode("utf-8", "replace")

    def resident(self) -> int:
        """The octets of memory that it holds now (proc(5))."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None, "the server has ended"
        return int(found[1]) * 1024


class _Owner(Protocol):
    """Standard input and output: the process that started us has ended when they end."""

    transport: Any

    def __init__(self, reactor: Any, ports: list[int]) -> None:
        self._reactor = reactor
        self._ports = ports

    def connectionMade(self) -> None:
        self.transport.write(f"{' '.join(map(str, self._ports))}\n".encode())

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        if self._reactor.running:
            self._reactor.stop()


def _listening(reactor: Any) -> DnsServer:
    """A server on ports that are free for UDP and TCP alike."""
    here = [Endpoint(address, 0) for address in LOOPBACK if address in host_addresses()]
    for _ in range(ATTEMPTS):
        server = DnsServer(reactor, listen=here, allow=ALLOWED, servers=NO_SERVERS, host_addresses=host_addresses)
        try:
            server.privilegedStartService()
        except BadInput:
            continue
        server.startService()
        return server
    raise SystemExit("no port is free for UDP and TCP")


def main(zone: str) -> None:
    from twisted.internet import reactor

    runs: Any = reactor
    loud = LogLevelFilterPredicate(LogLevel.warn)
    globalLogBeginner.beginLoggingTo([FilteringLogObserver(textFileLogObserver(sys.stderr), [loud])])
    server = _listening(runs)
    server.publish(ZONES[zone]())
    StandardIO(_Owner(runs, [endpoint.port for endpoint in server.bound]))
    runs.addSystemEventTrigger("before", "shutdown", server.stopService)
    runs.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
