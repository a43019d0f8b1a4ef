"""
The packets of a flood: questions, near-questions, and anything else; the same seed gives the same packets.

Each packet is built once. Those that have to differ each time they are sent (names nobody asked before) say where
eight hexadecimal digits stand that the sender counts up.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable

from attrs import frozen

A, SOA, AAAA, SRV, OPT, ANY = 1, 6, 28, 33, 41, 255
IN, CH = 1, 3
RECURSION_DESIRED, RESPONSE, STATUS = 0x0100, 0x8000, 0x1000
DIGITS = 8


@frozen
class Packet:
    """``counted`` is where the digits begin that are to differ each time; 0 when there are none."""

    octets: bytes
    counted: int = 0


def name(text: str) -> bytes:
    """A name in wire format."""
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def question(
    text: str, kind: int = A, *, identity: int = 0, klass: int = IN, flags: int = RECURSION_DESIRED, edns: bool = False
) -> bytes:
    """A question as a client asks it."""
    header = struct.pack("!6H", identity, flags, 1, 0, 0, int(edns))
    additional = struct.pack("!BHHIH", 0, OPT, 1232, 0, 0) if edns else b""
    return header + name(text) + struct.pack("!HH", kind, klass) + additional


class Mix:
    """
    Draws packets, two thirds of them whole questions.

    :param service: a service that exists: ``web.myapp.container``.
    :param seed: the same one gives the same packets.
    """

    def __init__(self, service: str, seed: int) -> None:
        self._service = service
        self._chance = random.Random(seed)

    def draw(self, count: int) -> list[Packet]:
        kinds: dict[Callable[[], Packet], int] = {
            self._existing: 35,
            self._absent: 20,
            self._other_name: 10,
            self._random: 10,
            self._mutated: 12,
            self._cut: 8,
            self._odd: 5,
        }
        drawn = self._chance.choices(list(kinds), list(kinds.values()), k=count)
        return [draw() for draw in drawn]

    def _existing(self) -> Packet:
        """Names of the zone, some without the type that is asked for, in any case, with and without EDNS."""
        number = self._chance.randint(1, 10)
        text, kind = self._chance.choice(
            [
                (f"{number}.{self._service}", A),
                (f"{number}.{self._service}", AAAA),
                (self._service, A),
                (f"8080.tcp.{number}.{self._service}", SRV),
                (f"_8080._tcp.{self._service}", SRV),
                ("container", SOA),
            ]
        )
        mixed = "".join(self._chance.choice([letter.lower(), letter.upper()]) for letter in text)
        return Packet(self._asked(self._chance.choice([text, mixed]), kind))

    def _absent(self) -> Packet:
        """Names of the zone that do not exist, a new one each time."""
        return self._counted(self._chance.choice([self._service, "container"]))

    def _other_name(self) -> Packet:
        """Names that are forwarded: a few again and again, others new each time."""
        if self._chance.random() < 0.5:
            return Packet(self._asked(f"www{self._chance.randrange(20)}.example.com", A))
        return self._counted("example.com")

    def _counted(self, parent: str) -> Packet:
        return Packet(self._asked(f"{'0' * DIGITS}.{parent}", self._chance.choice([A, AAAA, SRV])), counted=13)

    def _random(self) -> Packet:
        return Packet(self._chance.randbytes(self._chance.randrange(400)))

    def _mutated(self) -> Packet:
        octets = bytearray(self._existing().octets)
        for _ in range(self._chance.randint(1, 6)):
            octets[self._chance.randrange(len(octets))] = self._chance.randrange(256)
        return Packet(bytes(octets))

    def _cut(self) -> Packet:
        octets = self._existing().octets
        return Packet(octets[: self._chance.randrange(len(octets))])

    def _odd(self) -> Packet:
        """Well formed, and nothing a client asks: other classes and operations, ANY, answers nobody waits for."""
        identity = self._chance.getrandbits(16)
        return Packet(
            self._chance.choice(
                [
                    question("version.bind", 16, identity=identity, klass=CH),
                    question("container", SOA, identity=identity, flags=STATUS),
                    question(self._service, ANY, identity=identity),
                    question(self._service, identity=identity, flags=RESPONSE),
                    question("a." * 120 + "container", identity=identity),
                ]
            )
        )

    def _asked(self, text: str, kind: int) -> bytes:
        return question(text, kind, identity=self._chance.getrandbits(16), edns=self._chance.random() < 0.5)
