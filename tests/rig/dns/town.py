"""
A town: a zone of some sixty services of all shapes, as what runs and as records that another server can read.

The records are put together here from the contract's words (``docs/reference/dns.rst``) and not from
``daprdockr.dns.zone.zone``, so a mistake there is a difference between the two.
"""

from __future__ import annotations

import functools
import ipaddress
import random
from collections.abc import Iterable, Iterator, Sequence

from attrs import field, frozen

from daprdockr.dns.zone.zone import Running, Zone
from daprdockr.model.host import Port
from daprdockr.model.names import InstanceName, ServiceName
from tests.build.dns_samples import sample_zone

SERIAL = 4_000_000_007
NAMESERVER = "a.ns.dns.container"
NODE = ("10.9.0.9", "fd00:9::9")
SEED = 4
MARKER = "marker-of-a-name-without-records"
"""
Names that exist without a record and without a name below have no line in a zone file. They get a name below there,
with a record of a private type (RFC 6895); neither is ever asked for.
"""

GROUPS = ("shop", "mail", "x", "0", "8080", "tcp", "dns", "a-b", "g" * 63, "night")
SERVICES = ("web", "db", "1", "ns", "udp", "cache-2", "s" * 63)
PORTS = ((8080, "tcp"), (53, "udp"), (53, "tcp"), (9899, "sctp"), (1, "tcp"), (65535, "udp"))

Record = tuple[str, int, str, str]
"""Owner without its last dot, TTL, type, data."""


@frozen
class Town:
    """The instances that run, and the services that are declared."""

    running: tuple[Running, ...]
    declared: tuple[ServiceName, ...]
    records: tuple[Record, ...] = field(init=False)

    @records.default
    def _written(self) -> tuple[Record, ...]:
        return tuple(dict.fromkeys([*_apex(), *_services(self.running)]))

    def zone(self) -> Zone:
        return Zone.of(self.running, serial=SERIAL, addresses=NODE, declared=self.declared)

    @property
    def bare(self) -> frozenset[str]:
        """Names that exist and have neither a record nor a name below."""
        services = [f"{service}.container" for service in self.declared]
        instances = [f"{one.instance}.container" for one in self.running if one.healthy]
        known = self.names
        return frozenset(name for name in (*services, *instances) if name not in known)

    @property
    def names(self) -> frozenset[str]:
        """All names with records, and those above them up to ``container``."""
        found: set[str] = set()
        for owner, *_ in self.records:
            labels = owner.split(".")
            found |= {".".join(labels[start:]) for start in range(len(labels))}
        return frozenset(found)

    def zone_file(self) -> str:
        """The zone in the form of RFC 1035 section 5."""
        lines = [f"{owner}. {ttl} IN {kind} {data}" for owner, ttl, kind, data in self.records]
        lines += [f"{MARKER}.{name}. 0 IN TYPE65400 \\# 0" for name in sorted(self.bare)]
        return "\n".join([*lines, ""])


@functools.cache
def town() -> Town:
    """Always the same one."""
    chance = random.Random(SEED)
    hosts = [_host(number, chance) for number in range(1, 101)]
    places = [ServiceName(group, service) for group in GROUPS for service in SERVICES if chance.random() < 0.85]
    runs = [one for place in places for one in _instances(place, hosts, chance)]
    # The largest are too large for a datagram, by addresses and by ports.
    runs += _crowd(ServiceName("crowd", "web"), 150, hosts) + _crowd(ServiceName("crowd", "some"), 33, hosts)
    declared = (*places, ServiceName("quiet", "idle"), ServiceName("shop", "idle"), ServiceName("quiet", "tcp"))
    return Town(tuple(runs), declared)


def village() -> Zone:
    """The small zone of the unit tests, and a crowd."""
    hosts = [(f"10.1.0.{number}", f"fd00::{number:x}") for number in range(1, 101)]
    crowd = ServiceName("crowd", "web")
    return sample_zone().replace(crowd, _crowd(crowd, 150, hosts))


def _host(number: int, chance: random.Random) -> tuple[str, ...]:
    """The addresses of a host: mostly IPv4, some both, some IPv6 alone, one none at all."""
    four, six = f"10.1.0.{number}", f"fd00::{number:x}"
    if number == 1:
        return ()
    return chance.choices([(four,), (four, six), (six,), (four, "10.2.0.1", six)], [6, 3, 1, 1])[0]


def _instances(place: ServiceName, hosts: list[tuple[str, ...]], chance: random.Random) -> Iterator[Running]:
    """Up to eight instances, some of them ill, with up to three ports, some of which are not published."""
    ports = chance.sample(PORTS, chance.randrange(4))
    for number in sorted(chance.sample(range(1, 12), chance.choice([0, 1, 2, 3, 8]))):
        published = tuple(
            Port(port, protocol, chance.choice([0, *3 * [chance.randrange(20000, 32768)]])) for port, protocol in ports
        )
        healthy = chance.random() < 0.85
        yield Running(InstanceName(place, number), chance.choice(hosts), published, healthy)


def _crowd(place: ServiceName, count: int, hosts: Sequence[tuple[str, ...]]) -> list[Running]:
    return [
        Running(InstanceName(place, number), hosts[number % len(hosts)], (Port(80, "tcp", 20000 + number),))
        for number in range(1, count + 1)
    ]


def _apex() -> Iterator[Record]:
    yield "container", 1, "SOA", f"{NAMESERVER}. hostmaster.container. {SERIAL} 3600 600 86400 1"
    yield "container", 60, "NS", f"{NAMESERVER}."
    yield from _addresses(NAMESERVER, NODE, 60)


def _services(running: Iterable[Running]) -> Iterator[Record]:
    """The contract's table, line by line, for all that are healthy."""
    for one in running:
        if not one.healthy:
            continue
        own, service = f"{one.instance}.container", f"{one.instance.service}.container"
        for owner in (own, service, f"{one.instance.service.group}.container"):
            yield from _addresses(owner, one.addresses)
        for port in one.ports:
            for owner in (own, service) if port.host else ():
                for spelt in (f"{port.container}.{port.protocol}", f"_{port.container}._{port.protocol}"):
                    yield f"{spelt}.{owner}", 0, "SRV", f"0 1 {port.host} {own}."


def _addresses(owner: str, addresses: Iterable[str], ttl: int = 0) -> Iterator[Record]:
    for address in addresses:
        yield owner, ttl, "A" if ipaddress.ip_address(address).version == 4 else "AAAA", address
