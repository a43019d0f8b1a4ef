"""
``twisted.names`` as it comes, for ``benchmarks.dns``: an authority with the records of our zone, or a cache before an
upstream. Nothing is tuned and nothing left out.

    python -m benchmarks.dns_names PORT --instances 1000 | --upstream PORT
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import Any

from twisted.names.authority import FileAuthority
from twisted.names.cache import CacheResolver
from twisted.names.client import Resolver
from twisted.names.dns import DNSDatagramProtocol, Record_A, Record_AAAA, Record_NS, Record_SOA, Record_SRV
from twisted.names.server import DNSServerFactory

from benchmarks.dns_server import LOOPBACK, wishes
from benchmarks.dns_zone import Owned, bench_zone, records
from daprdockr.dns.message.records import AAAA, NS, Data, Soa, Srv


class Authority(FileAuthority):
    """The records of a zone, the first of them its SOA."""

    def __init__(self, sets: Sequence[Owned]) -> None:
        self._sets = sets
        super().__init__("")

    def loadFile(self, filename: str) -> None:  # noqa: N802  # as Twisted spells it
        found: dict[bytes, list[Any]] = {}
        for owned in self._sets:
            name, rrset = owned.owner.encode(), owned.rrset
            found.setdefault(name, []).extend(_record(rrset.type, data, rrset.ttl) for data in rrset.data)
        apex = self._sets[0].owner.encode()
        self.soa: Any = (apex, found[apex][0])
        self.records: Any = found


def _record(kind: int, data: Data, ttl: int) -> Any:
    if isinstance(data, Srv):
        return Record_SRV(data.priority, data.weight, data.port, data.target, ttl)
    if isinstance(data, Soa):
        return Record_SOA(data.mname, data.rname, data.serial, data.refresh, data.retry, data.expire, data.minimum, ttl)
    if kind == NS:
        return Record_NS(data, ttl)
    return Record_AAAA(data, ttl) if kind == AAAA else Record_A(data, ttl)


def serve(reactor: Any, options: argparse.Namespace) -> None:
    if options.upstream:
        clients = [Resolver(servers=[(LOOPBACK, options.upstream)])]
        factory = DNSServerFactory(caches=[CacheResolver()], clients=clients)
    else:
        factory = DNSServerFactory(authorities=[Authority(list(records(bench_zone(options.instances))))])
    reactor.listenUDP(options.port, DNSDatagramProtocol(factory), LOOPBACK)
    reactor.run()


def main(words: Sequence[str]) -> None:
    from twisted.internet import reactor

    serve(reactor, wishes(words))


if __name__ == "__main__":
    main(sys.argv[1:])
