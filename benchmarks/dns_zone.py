"""
The zone that all name servers serve in ``benchmarks.dns``, as a ``Zone`` and as the text of a zone file. Pure.

Each service has five instances on five hosts, and each instance one port. The zone file is written from the ``Zone``,
so that nobody serves anything else.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen

from daprdockr.dns.message.records import AAAA, NS, SOA, SRV, A, Data, RRset, RRsets, Soa, Srv
from daprdockr.dns.zone.zone import NAMESERVER, NEGATIVE_TTL, ZONE, Running, Zone
from daprdockr.model.host import Port
from daprdockr.model.names import InstanceName, ServiceName

INSTANCES_OF_SERVICE = 5
SERVICES_OF_GROUP = 20
INSTANCES_OF_HOST = 40
PORT = 8080
"""In the container; ``FIRST_PORT`` and those above it are on the host."""
FIRST_PORT = 32768
SERIAL = 1
NAMESERVER_ADDRESS = "127.0.0.1"

TYPES = {A: "A", AAAA: "AAAA", NS: "NS", SOA: "SOA", SRV: "SRV"}

UPSTREAM = "example"
"""The zone of the server behind the proxies: of the names that are nobody's, one that is forwarded (RFC 2606)."""
UPSTREAM_TTL = 3600


@frozen
class Owned:
    """A set of records at a name, which is dotted and without its last dot."""

    owner: str
    rrset: RRset

    @property
    def texts(self) -> tuple[str, ...]:
        """The data of each record as a zone file has it."""
        return tuple(_text(self.rrset.type, data) for data in self.rrset.data)


def running(instances: int) -> Iterator[Running]:
    """All instances; those of one service are on as many hosts."""
    hosts = max(INSTANCES_OF_SERVICE, instances // INSTANCES_OF_HOST)
    for number in range(instances):
        service = number // INSTANCES_OF_SERVICE
        name = ServiceName(group=f"team{service // SERVICES_OF_GROUP}", service=f"web{service}")
        host = number % hosts
        port = Port(PORT, "tcp", FIRST_PORT + number // hosts)
        address = f"10.0.{host // 250}.{host % 250 + 1}"
        yield Running(InstanceName(name, number % INSTANCES_OF_SERVICE + 1), (address,), (port,))


def bench_zone(instances: int) -> Zone:
    """The zone of so many instances."""
    return Zone.of(running(instances), serial=SERIAL, addresses=(NAMESERVER_ADDRESS,))


def records(zone: Zone) -> Iterator[Owned]:
    """All sets of the zone, that of its SOA first."""
    yield from _owned(ZONE, zone.lookup(()) or {})
    yield from _owned(NAMESERVER, zone.lookup(tuple(NAMESERVER.encode().split(b".")[:-1])) or {})
    for group_label, group in zone.groups.items():
        yield from _owned(f"{group_label.decode()}.{ZONE}", group.node)
        for label, tree in group.services.items():
            for labels, node in tree.nodes.items():
                owner = b".".join([*labels, label, group_label]).decode()
                yield from _owned(f"{owner}.{ZONE}", node)


def zone_file(sets: Iterable[Owned]) -> str:
    """One line for each record (RFC 1035 section 5.1)."""
    return "".join(
        f"{owned.owner}. {owned.rrset.ttl} IN {TYPES[owned.rrset.type]} {text}\n"
        for owned in sets
        for text in owned.texts
    )


def upstream_records(names: int) -> Iterator[Owned]:
    """The zone behind the proxies: so many names with an address each."""
    soa = Soa(f"ns.{UPSTREAM}", f"hostmaster.{UPSTREAM}", SERIAL, NEGATIVE_TTL)
    yield Owned(UPSTREAM, RRset(SOA, UPSTREAM_TTL, (soa,)))
    yield Owned(UPSTREAM, RRset(NS, UPSTREAM_TTL, (soa.mname,)))
    yield Owned(soa.mname, RRset(A, UPSTREAM_TTL, (NAMESERVER_ADDRESS,)))
    for number in range(names):
        address = f"10.1.{number // 250}.{number % 250 + 1}"
        yield Owned(f"www{number}.site{number % 100}.{UPSTREAM}", RRset(A, UPSTREAM_TTL, (address,)))


def _owned(owner: str, node: RRsets) -> Iterator[Owned]:
    for rrset in node.values():
        yield Owned(owner, rrset)


def _text(kind: int, data: Data) -> str:
    if isinstance(data, Srv):
        return f"{data.priority} {data.weight} {data.port} {data.target}."
    if isinstance(data, Soa):
        times = f"{data.serial} {data.refresh} {data.retry} {data.expire} {data.minimum}"
        return f"{data.mname}. {data.rname}. {times}"
    return f"{data}." if kind == NS else data
