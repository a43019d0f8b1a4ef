"""
The zone ``container.``: which names exist, and which records they have, for the instances of one moment.

A zone never changes; a change gives another zone that shares all services it did not touch. The zone is a tree of two
levels, groups and services, and below a service one flat mapping from labels to records: the cost of a change is that
of its service and of a copy of three dictionaries. This module knows nothing of questions, bytes, clocks or sockets.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping
from functools import cached_property, lru_cache

from attrs import evolve, field, frozen

from daprdockr.dns.message.records import AAAA, NS, SOA, SRV, A, RRset, RRsets, Soa, Srv
from daprdockr.dns.zone.hosts import Hosts, Part, part
from daprdockr.model.host import Port
from daprdockr.model.names import InstanceName, ServiceName

ZONE = "container"
# Three labels, because below <service>.<group> only numbers and protocols are ever names, so no instance, service or
# port can have this name.
NAMESERVER = f"a.ns.dns.{ZONE}"

INSTANCE_TTL = 0
NEGATIVE_TTL = 1
"""Seconds. A new name is seen this much later at worst, by a resolver that asked too early."""
APEX_TTL = 60
_SERIALS = 2**32

Labels = tuple[bytes, ...]
"""Labels in lower case, the deepest first, without those of the name they are relative to."""


@frozen
class Running:
    """An instance that runs: the addresses of its host, its ports, and whether it passes its health check."""

    instance: InstanceName
    addresses: tuple[str, ...]
    ports: tuple[Port, ...] = ()
    healthy: bool = True


@frozen
class ServiceTree:
    """
    The names at and below one service, relative to it.

    ``addresses`` are the answers to its own name, ``published`` says which of its instances is at which address.
    """

    nodes: Mapping[Labels, RRsets]
    addresses: tuple[str, ...]
    published: Part

    @classmethod
    def of(cls, service: ServiceName, runnings: Iterable[Running]) -> ServiceTree:
        """Make the names of the healthy instances; of two with the same number the last one counts."""
        healthy = {running.instance.number: running for running in runnings if running.healthy}
        runnings = [healthy[number] for number in sorted(healthy)]
        addresses = tuple(dict.fromkeys(a for running in runnings for a in running.addresses))
        tree: dict[Labels, RRsets] = {(): address_sets(addresses)}
        ports: dict[Labels, dict[Srv, None]] = {}
        published: list[tuple[str, str]] = []
        for running in runnings:
            own = (str(running.instance.number).encode(),)
            tree[own] = address_sets(running.addresses)
            target = f"{running.instance}.{ZONE}"
            published += [(str(address), target) for rrset in tree[own].values() for address in rrset.data]
            for port in running.ports:
                for labels in _port_labels(port):
                    ports.setdefault(labels, {})[Srv(port.host, target)] = None
                    ports.setdefault(labels + own, {})[Srv(port.host, target)] = None
        for labels, records in ports.items():
            tree[labels] = {SRV: RRset(SRV, INSTANCE_TTL, tuple(records))}
            tree.setdefault(labels[1:], {})
        return cls(tree, addresses, part(published))


_ABSENT = ServiceTree({}, (), {})


@frozen
class Group:
    """The services of one group by their label."""

    services: Mapping[bytes, ServiceTree]

    # Computed on demand: a change of one service must not cost a walk over all others of its group.
    @cached_property
    def node(self) -> RRsets:
        """The addresses of all healthy instances of the group."""
        return address_sets(dict.fromkeys(a for tree in self.services.values() for a in tree.addresses))


@frozen
class Zone:
    """
    All names below ``container.``, and the instances at each address.

    ``serial`` grows by one with each change (RFC 1982).
    """

    serial: int
    groups: Mapping[bytes, Group]
    hosts: Hosts = field(repr=False)
    _own: Mapping[Labels, RRsets] = field(repr=False)

    @classmethod
    def of(
        cls,
        running: Iterable[Running],
        *,
        serial: int,
        addresses: Iterable[str] = (),
        declared: Iterable[ServiceName] = (),
    ) -> Zone:
        """
        Return the zone of the running instances and the declared services.

        :param addresses: the addresses of this node, which the name of its name server answers.
        :param declared: services that exist, whether or not they have an instance.
        """
        runnings: dict[ServiceName, list[Running]] = {service: [] for service in declared}
        for one in running:
            runnings.setdefault(one.instance.service, []).append(one)
        trees = {service: ServiceTree.of(service, ones) for service, ones in runnings.items()}
        groups: dict[bytes, dict[bytes, ServiceTree]] = {}
        for service, tree in trees.items():
            groups.setdefault(service.group.encode(), {})[service.service.encode()] = tree
        hosts = Hosts.of((service, tree.published) for service, tree in trees.items())
        below = {label: Group(services) for label, services in groups.items()}
        return cls(serial % _SERIALS, below, hosts, _own(addresses))

    def replace(self, service: ServiceName, runnings: Iterable[Running], *, declared: bool = True) -> Zone:
        """Return the zone after ``service`` changed to these instances; without any, its name stays if declared."""
        ones = list(runnings)
        label, name = service.group.encode(), service.service.encode()
        groups = dict(self.groups)
        trees = dict(groups[label].services) if label in groups else {}
        before = trees.pop(name, _ABSENT)
        after = ServiceTree.of(service, ones) if ones or declared else _ABSENT
        if after is not _ABSENT:
            trees[name] = after
        if trees:
            groups[label] = Group(trees)
        else:
            groups.pop(label, None)
        hosts = self.hosts.replace(service, before.published, after.published)
        return evolve(self, serial=(self.serial + 1) % _SERIALS, groups=groups, hosts=hosts)

    def moved(self, addresses: Iterable[str]) -> Zone:
        """Return the zone after this node's own addresses changed to these."""
        return evolve(self, serial=(self.serial + 1) % _SERIALS, own=_own(addresses))

    @cached_property
    def soa(self) -> RRset:
        """The zone's SOA record, as negative answers carry it."""
        data = Soa(NAMESERVER, f"hostmaster.{ZONE}", self.serial, NEGATIVE_TTL)
        return RRset(SOA, NEGATIVE_TTL, (data,))

    def lookup(self, labels: Labels) -> RRsets | None:
        """Return the records at a name relative to ``container.``; None when neither it nor a name below it exists."""
        if not labels:
            return {SOA: self.soa, **self._own[()]}
        node = self._running(labels)
        return node or self._own.get(labels, node)

    def _running(self, labels: Labels) -> RRsets | None:
        group = self.groups.get(labels[-1])
        if group is None:
            return None
        if len(labels) == 1:
            return group.node
        tree = group.services.get(labels[-2])
        return None if tree is None else tree.nodes.get(labels[:-2])


def _own(addresses: Iterable[str]) -> Mapping[Labels, RRsets]:
    """Return the names of the zone itself: its apex, and its name server at these addresses."""
    return {
        (): {NS: RRset(NS, APEX_TTL, (NAMESERVER,))},
        (b"dns",): {},
        (b"ns", b"dns"): {},
        (b"a", b"ns", b"dns"): address_sets(addresses, APEX_TTL),
    }


def _port_labels(port: Port) -> Iterable[Labels]:
    """Return both spellings of a published port: ``8080.tcp`` and the ``_8080._tcp`` of RFC 2782."""
    if not 0 < port.host < 65536:
        return ()
    number, protocol = str(port.container).encode(), port.protocol.lower().encode()
    return (number, protocol), (b"_" + number, b"_" + protocol)


def address_sets(addresses: Iterable[str], ttl: int = INSTANCE_TTL) -> RRsets:
    """Return the A and AAAA sets of addresses; a text from etcd that is no address of a host is left out."""
    found: dict[int, dict[str, None]] = {A: {}, AAAA: {}}
    for text in addresses:
        kind, address = _canonical(text)
        if kind:
            found[kind][address] = None
    return {kind: RRset(kind, ttl, tuple(texts)) for kind, texts in found.items() if texts}


# Cached, because the addresses are those of hosts, each named by all instances that it runs.
@lru_cache(maxsize=1024)
def _canonical(text: str) -> tuple[int, str]:
    """
    Return the type of record for an address and its canonical spelling; type 0 for a text that is no address of a host.
    """
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return 0, ""
    if isinstance(address, ipaddress.IPv4Address):
        return A, str(address)
    return (AAAA, str(address)) if address.scope_id is None else (0, "")
