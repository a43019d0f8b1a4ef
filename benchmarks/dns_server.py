"""
The DNS server of an agent in a process of its own, for ``benchmarks.dns``: nothing else runs in its reactor.

    python -m benchmarks.dns_server PORT --instances 1000 | --upstream PORT

At SIGUSR1 the first instance of its first service fails, or is well again; how long it took until the next question is
answered from that is printed.
"""

from __future__ import annotations

import argparse
import ipaddress
import signal
import sys
import time
from collections.abc import Sequence
from itertools import islice
from typing import Any

from attrs import evolve
from twisted.logger import (
    FilteringLogObserver,
    LogLevel,
    LogLevelFilterPredicate,
    globalLogBeginner,
    textFileLogObserver,
)

from benchmarks.dns_zone import INSTANCES_OF_SERVICE, bench_zone, running
from daprdockr.dns.answering.name_servers import NO_SERVERS, NameServers
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.server import DnsServer

LOOPBACK = "127.0.0.1"
PUBLISHED = "published"
"""Before the seconds it took."""
CLIENTS = ipaddress.ip_network("127.0.0.0/8")


def log_to_stderr() -> None:
    """Log as an agent does by default: warnings and worse would be seen, and nothing is buffered."""
    levels = LogLevelFilterPredicate(defaultLogLevel=LogLevel.warn)
    observer = FilteringLogObserver(textFileLogObserver(sys.stderr), [levels])
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False)


class Changing:
    """A zone in which one instance comes and goes."""

    def __init__(self, server: DnsServer, instances: int) -> None:
        self._server = server
        self._zone = bench_zone(instances)
        self._runnings = list(islice(running(instances), INSTANCES_OF_SERVICE))
        self._healthy = True
        server.publish(self._zone)

    def change(self) -> None:
        """Publish the other one of the two."""
        first, *others = self._runnings
        self._healthy = not self._healthy
        begin = time.perf_counter()
        self._zone = self._zone.replace(
            first.instance.service, [evolve(first, healthy=self._healthy), *others], declared=True
        )
        self._server.publish(self._zone)
        print(f"{PUBLISHED} {time.perf_counter() - begin:.6f}", flush=True)


def serve(reactor: Any, options: argparse.Namespace) -> None:
    server = DnsServer(
        reactor,
        listen=[Endpoint(LOOPBACK, options.port)],
        allow=[CLIENTS],
        servers=NameServers((Endpoint(LOOPBACK, options.upstream),)) if options.upstream else NO_SERVERS,
        host_addresses=frozenset,
    )
    changing = Changing(server, options.instances)
    signal.signal(signal.SIGUSR1, lambda number, frame: reactor.callFromThread(changing.change))
    server.privilegedStartService()
    server.startService()
    reactor.addSystemEventTrigger("before", "shutdown", server.stopService)
    reactor.run()


def main(words: Sequence[str]) -> None:
    from twisted.internet import reactor

    log_to_stderr()
    serve(reactor, wishes(words))


def wishes(words: Sequence[str]) -> argparse.Namespace:
    """The command line; that of ``dns_names`` is the same."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("--instances", type=int, default=0, help="of the zone to serve")
    parser.add_argument("--upstream", type=int, default=0, help="the port of who is asked instead")
    return parser.parse_args(words)


if __name__ == "__main__":
    main(sys.argv[1:])
