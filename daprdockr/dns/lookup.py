# -*- test-case-name: tests.functional.test_acme -*-
"""The addresses of a name, asked of name servers as a client of theirs."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence
from typing import Any

from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.names import dns
from twisted.names.client import Resolver
from twisted.names.error import DNSNameError, DomainError, ResolverError

from daprdockr.dns.endpoint import Endpoint
from daprdockr.model.errors import NotFound

TIMEOUTS = (1, 3)
"""Seconds of the attempts for one question."""


async def addresses_of(name: str, servers: Sequence[Endpoint], reactor: Any) -> tuple[str, ...]:
    """
    Return the IPv4 and IPv6 addresses of a name; none if it has none.

    :raises NotFound: the servers do not say.
    """
    resolver = Resolver(servers=[(one.address, one.port) for one in servers], reactor=reactor)
    found: list[str] = []
    for ask in (resolver.lookupAddress, resolver.lookupIPV6Address):
        try:
            answers, _, _ = await ask(name, timeout=TIMEOUTS)
        except DNSNameError:
            continue
        except (DomainError, ResolverError, DeferredTimeout, OSError) as error:
            raise NotFound(f"the name servers do not say where {name} is: {type(error).__name__}") from None
        payloads = (answer.payload for answer in answers)
        packed = (payload.address for payload in payloads if isinstance(payload, dns.Record_A | dns.Record_AAAA))
        found += [str(ipaddress.ip_address(address)) for address in packed if address]
    return tuple(dict.fromkeys(found))
