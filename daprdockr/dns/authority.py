"""
The authority: it replies to each packet from the table of finished replies, by a decision, or with an upstream's reply.

It is the controller of ``twisted.names``: the same ``DNSServerFactory`` is the factory of the TCP connections and
receives the packets of the UDP protocols. In place of a chain of resolvers it holds one zone, replaced as a whole, so a
change is in the next answer. It opens no socket of its own.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import define, evolve
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.logger import Logger
from twisted.names import server

from daprdockr.dns.answering.absent import AbsentNames
from daprdockr.dns.answering.answer import Answer
from daprdockr.dns.answering.decide import decide, owner_of
from daprdockr.dns.answering.finished import ABSENT, FORWARDED, MAX_EACH, Finished, changed, may_be_kept
from daprdockr.dns.answering.name_servers import NO_SERVERS
from daprdockr.dns.answering.reply import encode, rotations
from daprdockr.dns.clients import Clients, Network
from daprdockr.dns.forwarding.forward import Forwarder
from daprdockr.dns.forwarding.forwarded import fit
from daprdockr.dns.forwarding.shares import Client
from daprdockr.dns.listening.limit import Limiter, Verdict, stranger_limit
from daprdockr.dns.listening.protocols import Datagrams, Streams
from daprdockr.dns.message.outcome import ReplyOutcome, outcome_of
from daprdockr.dns.message.query import EDNS_SIZE, PLAIN_SIZE, Query, read_header, read_query
from daprdockr.dns.message.records import FORMERR, NOTIMP, REFUSED, SERVFAIL
from daprdockr.dns.message.response import bare, cut
from daprdockr.dns.message.wire import Malformed
from daprdockr.dns.zone.challenge_zone import ChallengeZone
from daprdockr.dns.zone.zone import Zone

Way = Datagrams | Streams
"""The protocol a query came by; the answer goes back the same way."""

MAX_CONNECTIONS = 200
_QUERY = 0


@define
class Counts:
    """
    Counts since the start. ``queries`` are those without a finished reply, ``limited`` those of strangers that were too
    many.
    """

    queries: int = 0
    finished: int = 0
    malformed: int = 0
    dropped: int = 0
    refused: int = 0
    limited: int = 0
    unsent: int = 0


class Authority(server.DNSServerFactory):
    """Answers for ``container.``; ``publish`` a zone before it is expected to know a name."""

    log = Logger()
    noisy = False
    protocol = Streams

    def __init__(
        self,
        reactor: IReactorTime,
        *,
        forwarder: Forwarder | None,
        allow: Sequence[Network],
        rotation: Callable[[], int],
    ) -> None:
        """
        :param forwarder: asks upstreams; None when other names are refused.
        :param allow: the networks whose clients may have other names forwarded, and are not limited.
        :param rotation: gives numbers that vary, to rotate answers by. Not a plain counter: a client that asks for A
            and AAAA alternately would then always see the same address first.
        """
        super().__init__()
        self._reactor = reactor
        self._forwarder = forwarder
        self._clients = Clients(allow)
        self._limiter = Limiter(rotation)
        self.rotation = rotation
        self._zone: Zone | None = None
        self._absent: AbsentNames | None = None
        self.challenges: ChallengeZone | None = None
        """The challenge zone, which answers from the next query on; its answers are never kept."""
        self._finished = {allowed: Finished() for allowed in (False, True)}
        self._second = 0
        self.counts = Counts()
        self.outcomes: Counter[ReplyOutcome] = Counter()
        """The replies since the start; those to many datagrams at once by a sample, see ``listening.batched``."""

    def publish(self, zone: Zone) -> None:
        """Answer from this zone from now on."""
        owners = changed(self._zone, zone) if self._zone is not None else []
        self._zone = zone
        self._absent = AbsentNames(zone)
        for finished in self._finished.values():
            finished.forget(owners)

    def finished(self, client: str) -> Mapping[bytes, Sequence[bytes]]:
        """Return the finished replies to this client, see ``Finished.replies``; strangers get none from here."""
        return self._finished[True].replies if self._clients.allows(client) else {}

    def expire_replies(self) -> None:
        """
        Discard finished replies whose TTLs run down: they last for a second. To be called before finished replies are
        used.
        """
        second = int(self._reactor.seconds())
        if second != self._second:
            self._second = second
            self._finished[True].forget([FORWARDED])

    def buildProtocol(self, addr: Any) -> Streams:
        return Streams(self, self._reactor)

    def connectionMade(self, protocol: Streams) -> None:
        """Make room for a new connection: of the client that has the most, the least recently used one is closed."""
        super().connectionMade(protocol)
        if len(self.connections) > MAX_CONNECTIONS:
            shares = Counter(one.client for one in self.connections)
            max(self.connections, key=lambda one: (shares[one.client], -one.asked_at)).close_now()

    def packet_received(self, packet: bytes, way: Way, address: tuple[str, int]) -> None:
        """Reply to a packet from a client, now or later, or not at all."""
        reply = self.reply(packet, way, address)
        if reply is not None:
            self._send(reply, way, address)

    def send_finished(self, identity: bytes, replies: Sequence[bytes], way: Way, address: tuple[str, int]) -> None:
        """Send one of the ``finished`` replies."""
        self.counts.finished += 1
        self._send(identity + replies[self.rotation() % len(replies)], way, address)

    def reply(self, packet: bytes, way: Way, address: tuple[str, int]) -> bytes | None:
        """
        Return the reply to a packet; None when there is none, or when it comes later and is then sent by ``way``.

        A packet that is no query gets no answer, so that two servers never answer each other in circles.
        """
        if not way.stream:
            allowed = self._clients.allows(address[0])
            reply = self._no_such_name(packet, True, PLAIN_SIZE) if allowed else None
            if reply is not None:
                return reply
            if not allowed:
                return self._to_stranger(packet, way, address)
        return self._read(packet, way, address, EDNS_SIZE)

    def _to_stranger(self, packet: bytes, way: Way, address: tuple[str, int]) -> bytes | None:
        """Return the same for a datagram of a stranger; see ``limit``."""
        verdict = self._limiter.verdict(address[0], self._reactor.seconds())
        if verdict is not Verdict.WHOLE:
            self.counts.limited += 1
            return self._read(packet, way, address, 0) if verdict is Verdict.CUT else None
        limit = stranger_limit(len(packet))
        found = self._finished[False].replies.get(packet[2:])
        if found is not None:
            self.counts.finished += 1
            return packet[:2] + found[self.rotation() % len(found)]
        reply = self._no_such_name(packet, False, limit)
        return self._read(packet, way, address, limit) if reply is None else reply

    def _read(self, packet: bytes, way: Way, address: tuple[str, int], limit: int) -> bytes | None:
        """Return the reply to a packet that is parsed first; by UDP no longer than ``limit``, and cut if that is 0."""
        header = read_header(packet)
        if header is None:
            self.counts.dropped += 1
            return None
        if header.opcode != _QUERY:
            return bare(header, NOTIMP, recursion=self._recursion(address))
        try:
            query = read_query(packet, header)
        except Malformed:
            self.counts.malformed += 1
            return bare(header, FORMERR, recursion=self._recursion(address))
        if limit != EDNS_SIZE:
            query = evolve(query, limit=limit)
        return self._respond(packet, query, way, address)

    def _recursion(self, address: tuple[str, int]) -> bool:
        """Return whether a client may have other names forwarded."""
        return self._forwarder is not None and self._clients.allows(address[0])

    def _no_such_name(self, packet: bytes, allowed: bool, limit: int) -> bytes | None:
        """See ``absent``; None also when the reply would be longer than ``limit``."""
        if self._absent is None:
            return None
        reply = self._absent.reply(packet, allowed and self._forwarder is not None)
        if reply is None or len(reply) > limit:
            return None
        self.counts.queries += 1
        self._finished[allowed].put(packet[2:], [reply[2:]], ABSENT)
        return reply

    def _respond(self, packet: bytes, query: Query, way: Way, address: tuple[str, int]) -> bytes | None:
        """Return the reply to a parsed query; from the first datagram on it is kept for the next."""
        self.counts.queries += 1
        recursion = self._recursion(address)
        keep = not way.stream and query.limit > 0 and may_be_kept(packet, query)
        servers = self._forwarder.servers if self._forwarder is not None else NO_SERVERS
        result = decide(query, self._zone, recursion, servers, self.challenges)
        if result is None:
            return self._forwarded(packet, query, way, address, keep)
        self.counts.refused += result.rcode == REFUSED
        owner = owner_of(query, result) if keep else None
        if owner is not None:
            replies = rotations(result, query, recursion=recursion, max_octets=MAX_EACH)
            if replies:
                self._finished[self._clients.allows(address[0])].put(packet[2:], replies, owner)
                return packet[:2] + replies[self.rotation() % len(replies)]
        return encode(result, query, stream=way.stream, recursion=recursion, rotation=self.rotation())

    def _forwarded(self, packet: bytes, query: Query, way: Way, address: tuple[str, int], keep: bool) -> bytes | None:
        """Return the reply of upstreams if it is cached; otherwise ask them, and send the reply when it comes."""
        assert self._forwarder is not None
        known = self._forwarder.cached(query)
        if known is not None:
            reply = fit(known, query, stream=way.stream)
            if keep:
                self._finished[True].put(packet[2:], [reply[2:]], FORWARDED)
            return reply
        asking: Deferred[bytes | None] = self._forwarder.ask(query, Client(address[0], way.stream))
        asking.addCallback(self._passed_on, query, way, address)
        asking.addErrback(lambda failure: self.log.failure("a reply could not be passed on", failure))
        return None

    def _passed_on(self, packet: bytes | None, query: Query, way: Way, address: tuple[str, int]) -> None:
        if packet is not None:
            reply = fit(packet, query, stream=way.stream)
        elif way.stream:
            reply = encode(Answer(SERVFAIL), query, stream=True, recursion=True)
        else:
            reply = cut(query)  # see Note [Forged sources] in ``forwarding.waiting``
        self._send(reply, way, address)

    def _send(self, packet: bytes, way: Way, address: tuple[str, int]) -> None:
        self.outcomes[outcome_of(packet)] += 1
        try:
            way.send(packet, address)
        except OSError:
            self.counts.unsent += 1
