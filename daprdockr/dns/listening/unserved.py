# -*- test-case-name: tests.unit.dns.listening.test_unserved -*-
"""Whether DNS is answered where others ask this node: at the addresses that it publishes, which containers get."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from attrs import frozen

from daprdockr.dns.endpoint import Endpoint
from daprdockr.model.troubles.dns import DnsNotServed


@frozen
class DnsAddresses:
    """
    :param taken: the endpoints that another program has, each with the reason: see ``DnsListeners``.
    :param published: returns the addresses of this node.
    """

    taken: Mapping[Endpoint, str]
    published: Callable[[], Collection[str]]

    @property
    def condition(self) -> DnsNotServed | None:
        """Where it is not, with the first reason; None also if only others are taken, such as systemd-resolved's."""
        published = self.published()
        lacking = {str(place): self.taken[place] for place in sorted(self.taken) if place.address in published}
        return DnsNotServed(tuple(lacking), next(iter(lacking.values()))) if lacking else None
