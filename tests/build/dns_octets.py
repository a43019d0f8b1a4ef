"""DNS messages as octets, written by hand: also those that no library would write."""

from __future__ import annotations

import struct

from attrs import frozen

A, NS, SOA, TXT, AAAA, SRV, OPT, DS, DNSKEY, HTTPS = 1, 2, 6, 16, 28, 33, 41, 43, 48, 65
TKEY, TSIG, IXFR, AXFR, MAILB, MAILA, ANY, CAA, PRIVATE = 249, 250, 251, 252, 253, 254, 255, 257, 65280
IN, CHAOS, HESIOD, NONE = 1, 3, 4, 254
ID = "1234"


@frozen
class Case:
    """
    A message and the reply to it. ``rule`` names the document that says so.

    ``header`` is the reply's, as six numbers in hexadecimal, "" when there is no reply. Where the header counts a
    question it is that of the message, octet for octet. ``records`` are as ``dns_samples.said`` writes them, OPT is
    not among them: ``opt`` has its octets, with which the reply ends.
    """

    rule: str
    asked: bytes
    header: str
    records: tuple[str, ...] = ()
    opt: bytes = b""


def words(text: str) -> bytes:
    """``"1234 8580 1 1 0 0"`` as octets, two for each number."""
    numbers = [int(word, 16) for word in text.split()]
    return struct.pack(f"!{len(numbers)}H", *numbers)


def name(dotted: str) -> bytes:
    """A name without escapes; "" is the root."""
    labels = dotted.encode("latin-1").split(b".") if dotted else []
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def asks(owner: str | bytes, kind: int = A, klass: int = IN) -> bytes:
    """A question section; ``owner`` may be octets that are no name at all."""
    return (name(owner) if isinstance(owner, str) else owner) + struct.pack("!HH", kind, klass)


def message(*parts: bytes, flags: int = 0x0100, counts: str = "1 0 0 0") -> bytes:
    """A message with our id: by default a query with RD, as stub resolvers send it."""
    return words(f"{ID} {flags:x} {counts}") + b"".join(parts)


def query(owner: str | bytes, kind: int = A, klass: int = IN, *, flags: int = 0x0100, opt: bytes = b"") -> bytes:
    """One question, and an OPT record behind it or none."""
    return message(asks(owner, kind, klass), opt, flags=flags, counts="1 0 0 1" if opt else "1 0 0 0")


def edns(version: int = 0, *, size: int = 1232, flags: int = 0, rcode: int = 0, options: bytes = b"") -> bytes:
    """An OPT record (RFC 6891 section 6.1.2)."""
    return b"\0" + struct.pack("!HHBBHH", OPT, size, rcode, version, flags, len(options)) + options


def option(code: int, data: bytes) -> bytes:
    return struct.pack("!HH", code, len(data)) + data


def record(owner: bytes, kind: int, klass: int, data: bytes, ttl: int = 0) -> bytes:
    return owner + struct.pack("!HHIH", kind, klass, ttl, len(data)) + data


def question_of(packet: bytes) -> bytes:
    """The first question of a message, whose name is not compressed."""
    at = 12
    while packet[at]:
        at += 1 + packet[at]
    return packet[12 : at + 5]
