"""
Which name servers are asked for which names. Pure.

Other names go to the upstreams. Names of the house (``special.is_of_house``) mean something at this site alone, so they
are sent only to upstreams at this site: on this host, or at an address of a private range. A zone of ``--dns-forward``
has servers of its own, which were named for it, so they may be anywhere; if a name is in several zones the longest
counts.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping

from attrs import field, frozen

from daprdockr.dns.answering.special import is_of_house, is_special
from daprdockr.dns.clients import PRIVATE_NETWORKS
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.zone.zone import Labels

_PRIVATE = tuple(ipaddress.ip_network(network) for network in PRIVATE_NETWORKS.split(","))


def is_private(address: str) -> bool:
    """Return whether an address is on this host or at this site."""
    known = ipaddress.ip_address(address)
    return any(known in network for network in _PRIVATE)


@frozen
class NameServers:
    """
    The servers to ask.

    :param upstreams: for all names outside the zones; None when such names are refused, empty while none is known.
    :param zones: the servers of each zone, by its labels in lower case.
    """

    upstreams: tuple[Endpoint, ...] | None = ()
    zones: Mapping[Labels, tuple[Endpoint, ...]] = field(factory=dict)
    at_site: tuple[Endpoint, ...] = field(init=False)
    """The upstreams that are asked for names of the house."""

    @at_site.default
    def _at_site(self) -> tuple[Endpoint, ...]:
        return tuple(endpoint for endpoint in self.upstreams or () if is_private(endpoint.address))

    def of(self, labels: Labels, kind: int) -> tuple[Endpoint, ...] | None:
        """
        Return the servers to ask for a name (in lower case) and a type; empty while none is known.

        None if no server is ever asked for it: then ``special`` has the answer, or it is refused.
        """
        servers = self._of_zone(labels)
        if servers is not None:
            return servers
        if not is_special(labels, kind):
            return self.upstreams
        if not is_of_house(labels, kind):
            return None
        # While no upstream is known one at this site may turn up, which would contradict a denial.
        return self.at_site if self.at_site or self.upstreams == () else None

    def _of_zone(self, labels: Labels) -> tuple[Endpoint, ...] | None:
        """Return the servers of the longest zone that the name is in."""
        if not self.zones:
            return None
        zones = (self.zones.get(labels[at:]) for at in range(len(labels)))
        return next((servers for servers in zones if servers is not None), None)


NO_SERVERS = NameServers(None)
