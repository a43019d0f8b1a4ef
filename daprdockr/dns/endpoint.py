# -*- test-case-name: tests.unit.dns.listening.test_addresses -*-
"""An address and a port, as a value."""

from __future__ import annotations

from attrs import frozen


@frozen(order=True)
class Endpoint:
    """Where to listen or which server to ask: an IPv4 or IPv6 address, and the port of UDP and TCP."""

    address: str
    port: int = 53

    @property
    def ipv6(self) -> bool:
        return ":" in self.address

    def __str__(self) -> str:
        return f"[{self.address}]:{self.port}" if self.ipv6 else f"{self.address}:{self.port}"
