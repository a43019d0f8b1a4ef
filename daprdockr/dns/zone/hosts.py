# -*- test-case-name: tests.unit.dns.zone.test_zone -*-
"""
Which instances publish an address: the part of a zone beside its names, for PTR. Pure.

As with the zone, a change gives another value that shares everything unchanged. It costs a copy of the mapping of
addresses, as many as the cluster has hosts, and a copy of the entry of each address whose part in the changed service
differs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from attrs import frozen

from daprdockr.model.names import ServiceName

SEVERAL = ""
"""In place of an instance's name: several instances of that service publish the address."""

Part = Mapping[str, str]
"""The addresses that a service publishes, each with the name of its instance there or ``SEVERAL``."""


def part(published: Iterable[tuple[str, str]]) -> Part:
    """Return the part of one service, from pairs of an address and a name, each pair given once."""
    found: dict[str, str] = {}
    for address, name in published:
        found[address] = SEVERAL if address in found else name
    return found


@frozen
class Hosts:
    """The parts of all services, by address; an address that nobody publishes has no entry."""

    _names: Mapping[str, Mapping[ServiceName, str]]

    @classmethod
    def of(cls, parts: Iterable[tuple[ServiceName, Part]]) -> Hosts:
        names: dict[str, dict[ServiceName, str]] = {}
        for service, published in parts:
            for address, name in published.items():
                names.setdefault(address, {})[service] = name
        return cls(names)

    def only(self, address: str) -> str | None:
        """Return the name of the instance that publishes this address, or None when none or more than one does."""
        services = self._names.get(address, {})
        return next(iter(services.values())) or None if len(services) == 1 else None

    def replace(self, service: ServiceName, before: Part, after: Part) -> Hosts:
        """Return the hosts after that part of a service replaced this one."""
        changed = {address for address, _ in before.items() ^ after.items()}
        if not changed:
            return self
        names = dict(self._names)
        for address in changed:
            services = dict(names.get(address, {}))  # a copy hashes no name again, of which there may be thousands
            services.pop(service, None)
            if address in after:
                services[service] = after[address]
            if services:
                names[address] = services
            else:
                del names[address]
        return Hosts(names)
