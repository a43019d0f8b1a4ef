"""A small zone, and questions and answers as dnspython, an independent implementation, writes and reads them."""

from __future__ import annotations

import ipaddress
import struct
from collections.abc import Sequence

import dns.edns
import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred
from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.python.failure import Failure

from daprdockr.dns.answering.name_servers import NameServers
from daprdockr.dns.authority import Authority
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.forwarding.shares import Client
from daprdockr.dns.listening.protocols import Datagrams, Streams
from daprdockr.dns.message.query import Query, read_header, read_query
from daprdockr.dns.zone.zone import Running, Zone
from daprdockr.model.host import Port
from daprdockr.model.names import InstanceName, ServiceName

CLIENT = ("192.0.2.77", 40000)
STRANGER = ("203.0.113.5", 40000)
PUBLIC = NameServers((Endpoint("192.0.2.53"),))
ALLOWED = [ipaddress.ip_network("192.0.2.0/24"), ipaddress.ip_network("fd00::/8")]


def running(instance: str, addresses: str, *ports: Port, healthy: bool = True) -> Running:
    return Running(InstanceName.parse(instance), tuple(addresses.split()), ports, healthy)


RUNNING = [
    running("1.web.myapp", "10.0.0.1 fd00::1", Port(8080, "tcp", 32001), Port(53, "udp", 32002)),
    running("2.web.myapp", "10.0.0.2", Port(8080, "tcp", 32003), Port(9000, "tcp", 0)),
    running("3.web.myapp", "10.0.0.3", Port(8080, "tcp", 32004), healthy=False),
    running("1.db.myapp", "10.0.0.2", Port(5432, "tcp", 32005)),
]


def sample_zone() -> Zone:
    """``web`` and ``db`` of ``myapp`` run; ``idle.quiet`` is declared and has no instance."""
    declared = frozenset({ServiceName.parse("web.myapp"), ServiceName.parse("idle.quiet")})
    return Zone.of(RUNNING, serial=7, addresses=("10.0.0.9", "fd00::9"), declared=declared)


def question(
    name: str,
    kind: str = "A",
    *,
    klass: str = "IN",
    edns: int | bool = False,
    size: int = 1232,
    flags: int = dns.flags.RD,
    dnssec: bool = False,
    options: Sequence[dns.edns.Option] = (),
) -> dns.message.QueryMessage:
    """A query with id 0x1234; ``edns`` is False or the version."""
    message = dns.message.make_query(dns.name.from_text(name), kind, klass, id=0x1234, flags=flags)
    if edns is not False:
        message.use_edns(int(edns), payload=size, ednsflags=dns.flags.DO if dnssec else 0, options=list(options))
    return message


def read(packet: bytes) -> Query:
    """Our own reading of a query."""
    header = read_header(packet)
    assert header is not None
    return read_query(packet, header)


class Datagram:
    """A UDP transport in memory."""

    def __init__(self) -> None:
        self.sent: list[tuple[bytes, tuple[str, int]]] = []
        self.refuses: OSError | None = None

    def write(self, packet: bytes, address: tuple[str, int]) -> None:
        if self.refuses is not None:
            raise self.refuses
        self.sent.append((packet, address))


class Asking:
    """A forwarder that answers when the test says so; ``known`` is what it has at hand."""

    def __init__(self) -> None:
        self.known: bytes | None = None
        self.servers = PUBLIC
        self.cached_asked = 0
        self.asked: list[tuple[Query, Deferred[bytes | None]]] = []
        self.clients: list[Client] = []

    def cached(self, query: Query) -> bytes | None:
        self.cached_asked += 1
        return self.known

    def ask(self, query: Query, client: Client) -> Deferred[bytes | None]:
        reply: Deferred[bytes | None] = Deferred()
        self.asked.append((query, reply))
        self.clients.append(client)
        return reply


class Nameserver:
    """An authority with its protocols on transports in memory."""

    def __init__(self, zone: Zone | None = None, *, forwards: bool = True, published: bool = True) -> None:
        self.reactor = MemoryReactorClock()
        self.rotation = 0
        self.forwarder = Asking()
        self.authority = Authority(
            self.reactor,
            forwarder=self.forwarder if forwards else None,  # type: ignore[arg-type]  # as much of one as is used
            allow=ALLOWED,
            rotation=lambda: self.rotation,
        )
        if published:
            self.authority.publish(zone or sample_zone())
        self.transport = Datagram()
        self.datagrams = Datagrams(self.authority, self.reactor)
        self.datagrams.makeConnection(self.transport)  # type: ignore[arg-type]  # as much of one as is used

    def send(self, packet: bytes, client: tuple[str, int] = CLIENT) -> list[bytes]:
        """Let a datagram arrive; returns the datagrams that went back to its sender at once."""
        self.transport.sent.clear()
        self.datagrams.datagramReceived(packet, client)
        assert all(address == client for _, address in self.transport.sent)
        return [packet for packet, _ in self.transport.sent]

    def ask(self, query: dns.message.Message, client: tuple[str, int] = CLIENT) -> dns.message.Message:
        """The one answer to a query, checked to be a whole message and an answer to it."""
        (packet,) = self.send(query.to_wire(), client)
        answer = dns.message.from_wire(packet)
        assert query.is_response(answer)
        return answer

    def connect(self) -> Streams:
        """A new TCP protocol, not yet on a transport."""
        return self.authority.buildProtocol(None)


class Connection(StringTransport):
    """A TCP transport in memory, with as much of a socket as is used."""

    def __init__(self, stream: Streams, host: str) -> None:
        super().__init__(peerAddress=IPv4Address("TCP", host, CLIENT[1]))
        self._stream = stream
        self.bufferSize = 0
        self.options: dict[int, int] = {}

    def getHandle(self) -> Connection:  # noqa: N802  # Twisted's name
        return self

    def setsockopt(self, level: int, option: int, value: int) -> None:
        self.options[option] = value

    def connectionLost(self, reason: Failure) -> None:
        self.disconnected = True
        self._stream.connectionLost(reason)


def connected(nameserver: Nameserver, host: str = CLIENT[0]) -> tuple[Streams, Connection]:
    """A new TCP connection of a client."""
    stream = nameserver.connect()
    transport = Connection(stream, host)
    stream.makeConnection(transport)
    return stream, transport


def framed(packet: bytes) -> bytes:
    """A message as it goes over TCP (RFC 1035 section 4.2.2)."""
    return struct.pack("!H", len(packet)) + packet


def unframed(octets: bytes) -> list[bytes]:
    """All messages of a stream."""
    packets = []
    while octets:
        (length,) = struct.unpack_from("!H", octets)
        assert len(octets) >= 2 + length
        packets.append(octets[2 : 2 + length])
        octets = octets[2 + length :]
    return packets


def over_stream(nameserver: Nameserver, query: dns.message.Message) -> dns.message.Message:
    """The one answer to a query over a TCP connection of its own."""
    stream, transport = connected(nameserver)
    stream.dataReceived(framed(query.to_wire()))
    (packet,) = unframed(transport.value())
    return dns.message.from_wire(packet)


def said(answer: dns.message.Message) -> list[str]:
    """An answer in words: code and flags, then each record behind the first letter of its section."""
    code = dns.rcode.to_text(answer.rcode())
    lines = [" ".join([code, *dns.flags.to_text(answer.flags).split()[1:]])]
    for letter, section in zip("ANX", (answer.answer, answer.authority, answer.additional), strict=True):
        for rrset in section:
            kind = dns.rdatatype.to_text(rrset.rdtype)
            lines += [f"{letter} {rrset.name} {rrset.ttl} {kind} {data.to_text()}" for data in rrset]
    return lines
