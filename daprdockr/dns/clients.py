# -*- test-case-name: tests.unit.dns.answering.test_name_servers,tests.unit.dns.listening.test_limit -*-
"""
The clients that may have other names forwarded, and get any number of answers: those of the networks that
``--dns-allow`` names. All others are strangers.

An address that was seen before is found by its text; the number of stored addresses is bounded, because anybody can
forge more.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

PRIVATE_NETWORKS = (
    "127.0.0.0/8,::1/128,10.0.0.0/8,172.16.0.0/12,192.168.0.0/16,169.254.0.0/16,100.64.0.0/10,fc00::/7,fe80::/10"
)
"""Loopback, private (RFC 1918, RFC 4193), link-local (RFC 3927, RFC 4291) and shared (RFC 6598) addresses."""

MAX_KNOWN = 4096


class Clients:
    """Distinguishes clients by whether they are in one of the ``allowed`` networks."""

    def __init__(self, allowed: Sequence[Network]) -> None:
        self._allowed = tuple(allowed)
        self._known: dict[str, bool] = {}

    def allows(self, address: str) -> bool:
        """Return whether the client at an IPv4 or IPv6 address is not a stranger."""
        known = self._known.get(address)
        if known is None:
            if len(self._known) >= MAX_KNOWN:
                self._known.clear()
            known = self._known[address] = self._look_up(address)
        return known

    def _look_up(self, text: str) -> bool:
        address = ipaddress.ip_address(text)
        if isinstance(address, ipaddress.IPv6Address):
            address = address.ipv4_mapped or address
        return any(address in network for network in self._allowed)
