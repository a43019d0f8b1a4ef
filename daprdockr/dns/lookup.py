# -*- test-case-name: tests.unit.dns.test_lookup,tests.functional.test_acme -*-
"""The records of a name, asked of name servers as a client of theirs."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Sequence
from typing import Any

from attrs import frozen
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.names import dns
from twisted.names.client import Resolver
from twisted.names.error import DNSNameError, DomainError, ResolverError

from daprdockr.dns.endpoint import Endpoint
from daprdockr.model.errors import NotFound

TIMEOUTS = (1, 3)
"""Seconds of the attempts for one question."""


@frozen
class Lookup:
    """
    :ivar servers: returns the name servers to ask now.
    """

    servers: Callable[[], Sequence[Endpoint]]
    reactor: Any

    @property
    def anybody(self) -> bool:
        """Whether there are name servers to ask."""
        return bool(self.servers())

    async def addresses(self, name: str) -> tuple[str, ...]:
        """
        Return the IPv4 and IPv6 addresses of a name; none if it has none.

        :raises NotFound: the servers do not say, as for the next two.
        """
        payloads = [*await self._ask("lookupAddress", name), *await self._ask("lookupIPV6Address", name)]
        packed = (payload.address for payload in payloads if isinstance(payload, dns.Record_A | dns.Record_AAAA))
        return tuple(dict.fromkeys(str(ipaddress.ip_address(address)) for address in packed if address))

    async def alias(self, name: str) -> str:
        """Return the name that a CNAME leads to, in lower case; "": there is none."""
        found = await self._ask("lookupCanonicalName", name)
        targets = (str(payload.name).lower().removesuffix(".") for payload in found if payload.TYPE == dns.CNAME)
        return next(targets, "")

    async def texts(self, name: str) -> tuple[str, ...]:
        """Return the text records of a name; none if it has none."""
        found = [payload for payload in await self._ask("lookupText", name) if isinstance(payload, dns.Record_TXT)]
        return tuple(b"".join(payload.data).decode("ascii", "replace") for payload in found)

    async def _ask(self, question: str, name: str) -> list[Any]:
        resolver = Resolver(servers=[(one.address, one.port) for one in self.servers()], reactor=self.reactor)
        try:
            answers, _, _ = await getattr(resolver, question)(name, timeout=TIMEOUTS)
        except DNSNameError:
            return []
        except (DomainError, ResolverError, DeferredTimeout, OSError) as error:
            raise NotFound(f"the name servers do not say where {name} is: {type(error).__name__}") from None
        return [answer.payload for answer in answers]
