"""
The challenge zone: the text records by which an ACME server learns that a ``*.`` name is ours (DNS-01), below a zone
that is delegated to the nodes.

The record for ``example.com`` is at ``example.com.<zone>``, so that a person can write the CNAME that leads there
before anything is ordered. The apex has the thumbprint of the account as text: who asks for it learns whether the
delegation leads to this cluster. Every node answers alike, from memory.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Mapping

from attrs import field, frozen

from daprdockr.dns.message.query import MAX_NAME
from daprdockr.dns.message.records import NS, SOA, TXT, RRset, RRsets, Soa
from daprdockr.dns.zone.zone import APEX_TTL, INSTANCE_TTL, NEGATIVE_TTL, Labels, address_sets

NAMESERVER = "ns"
"""The label of the zone's name server, which is all nodes together."""


@frozen
class ChallengeZone:
    """:ivar origin: the labels of the zone, without the root's."""

    origin: Labels
    _nodes: Mapping[Labels, RRsets] = field(repr=False)

    @classmethod
    def of(
        cls, name: str, *, thumbprint: str, texts: Mapping[str, str], addresses: Iterable[str], serial: int
    ) -> ChallengeZone:
        """
        Return the zone ``name``.

        :param texts: the values by host name.
        :param addresses: those of all nodes.
        """
        server, soa = f"{NAMESERVER}.{name}", Soa(f"{NAMESERVER}.{name}", f"hostmaster.{name}", serial, NEGATIVE_TTL)
        nodes: dict[Labels, RRsets] = {
            (): {
                SOA: RRset(SOA, NEGATIVE_TTL, (soa,)),
                NS: RRset(NS, APEX_TTL, (server,)),
                TXT: RRset(TXT, INSTANCE_TTL, (thumbprint,)),
            },
            labels_of(NAMESERVER): address_sets(_outward(addresses), APEX_TTL),
        }
        for host_name, value in texts.items():
            own = labels_of(host_name)
            if len(host_name) + len(name) + 3 > MAX_NAME:
                continue  # nobody can ask for it
            nodes[own] = {**nodes.get(own, {}), TXT: RRset(TXT, INSTANCE_TTL, (value,))}
            for above in range(1, len(own)):
                nodes.setdefault(own[above:], {})
        return cls(labels_of(name), nodes)

    @property
    def soa(self) -> RRset:
        return self._nodes[()][SOA]

    def lookup(self, labels: Labels) -> RRsets | None:
        """Return the records at a name relative to the zone; None when neither it nor a name below it exists."""
        return self._nodes.get(labels)


def labels_of(name: str) -> Labels:
    return tuple(name.encode().split(b"."))


def _outward(addresses: Iterable[str]) -> tuple[str, ...]:
    """Return the addresses that the world can reach; all, if none is one: then the world is a smaller one."""
    found = tuple(dict.fromkeys(addresses))
    return tuple(address for address in found if _is_global(address)) or found


def _is_global(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_global
    except ValueError:
        return False
