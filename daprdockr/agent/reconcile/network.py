# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""
The part of this host's network that containers get: the DNS of their agent, and the addresses of their ports. Values
only.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from attrs import field, frozen

from daprdockr.agent.host.ports import bound_to
from daprdockr.dns.endpoint import Endpoint


@frozen
class ContainerNetwork:
    """
    The network settings of containers: DNS servers, the addresses their ports are published on (none: all), host ports
    (by protocol and number) that are left to TCP and UDP routes and to the definitions that fix them, and those that no
    definition can fix here, with the reason.
    """

    resolvers: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    routes: frozenset[tuple[str, int]] = frozenset()
    held: Mapping[tuple[str, int], str] = field(factory=dict)


def container_network(
    published: Iterable[str], own: Collection[str], bound: Iterable[Endpoint], *, fixed: bool
) -> ContainerNetwork:
    """
    :param published: the addresses that this node publishes now, of which ``own`` are those that this host has.
    :param bound: where this agent's DNS listens.
    :param fixed: whether ``--host`` names ``published``. Otherwise the address may change while the containers run, and
        ports that were bound to it alone would not follow: they are published on all addresses.
    """
    addresses = tuple(published)
    return ContainerNetwork(resolvers_of(addresses, bound), bound_to(addresses, own) if fixed else ())


def resolvers_of(published: Iterable[str], bound: Iterable[Endpoint]) -> tuple[str, ...]:
    """Return this node's DNS as its containers can reach it: on port 53 of an address that is not loopback."""
    there = {endpoint.address for endpoint in bound if endpoint.port == 53}
    return tuple(a for a in published if a in there and not a.startswith("127.") and a != "::1")
