"""Upstreams in memory, behind the seam ``daprdockr.dns.forwarding.exchange.Exchange``."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from twisted.internet.defer import Deferred

from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.forwarding.exchange import NoReply

SOA = "ns.example.com. root.example.com. 1 2 3 4 60"


class FakeExchange:
    """Each question stays open until the test answers or cancels it; ``which`` one is its place in ``asked``."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Endpoint, bytes]] = []
        self.replies: list[Deferred[bytes]] = []
        self.cancelled: list[int] = []

    async def over_datagram(self, upstream: Endpoint, message: bytes) -> bytes:
        return await self._ask("udp", upstream, message)

    async def over_stream(self, upstream: Endpoint, message: bytes) -> bytes:
        return await self._ask("tcp", upstream, message)

    def _ask(self, way: str, upstream: Endpoint, message: bytes) -> Deferred[bytes]:
        place = len(self.asked)
        self.asked.append((way, upstream, message))
        reply: Deferred[bytes] = Deferred(lambda _: self.cancelled.append(place))
        self.replies.append(reply)
        return reply

    def answer(
        self, rcode: int = 0, *, which: int = -1, cut: bool = False, edns: bool = True, ttl: int = 60, last: int = 9
    ) -> None:
        """Answer one question, a good one with the address 192.0.2.``last``, NXDOMAIN with an SOA of a minute."""
        query = dns.message.from_wire(self.asked[which][2])
        message = dns.message.make_response(query, recursion_available=True)
        message.set_rcode(dns.rcode.Rcode(rcode))
        message.flags |= dns.flags.TC if cut else 0
        if rcode == dns.rcode.NOERROR:
            message.answer.append(dns.rrset.from_text(query.question[0].name, ttl, "IN", "A", f"192.0.2.{last}"))
        if rcode == dns.rcode.NXDOMAIN:
            message.authority.append(dns.rrset.from_text("example.com.", 900, "IN", "SOA", SOA))
        message.use_edns(0 if edns else False)
        self.replies[which].callback(message.to_wire())

    def fail(self, which: int = -1) -> None:
        """The upstream cannot be reached."""
        self.replies[which].errback(NoReply("gone"))

    def whom(self) -> list[tuple[str, Endpoint]]:
        """The ways and upstreams of all questions."""
        return [(way, upstream) for way, upstream, _ in self.asked]

    def open(self) -> list[Endpoint]:
        """The upstreams of questions that are open."""
        return [upstream for (_, upstream, _), reply in zip(self.asked, self.replies, strict=True) if not reply.called]
