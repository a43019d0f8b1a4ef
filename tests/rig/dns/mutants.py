"""Packets that are wrong in every way: mutants of good questions, drawn by lot."""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Iterator

from tests.build import dns_octets as octets
from tests.build.dns_cases_messages import CASES as MESSAGES
from tests.build.dns_cases_names import CASES as NAMES

EXTREMES = (0, 1, 0x0C, 0x3F, 0x40, 0x7F, 0x80, 0xBF, 0xC0, 0xFF)
LONGEST = 1232
HEADER = 12
GOOD_CODES = ("0", "3")
"""Of NOERROR and NXDOMAIN, where a header in hexadecimal has them."""

Way = Callable[[bytes], bytes]


class Mutants:
    """An endless row of packets, the same for the same seed; each has its number for an id."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        cases = {case.asked: case.header for case in (*MESSAGES, *NAMES)}
        self._corpus = sorted({asked for asked, header in cases.items() if header[8:9] in GOOD_CODES} | set(_large()))
        self._odd = sorted(cases.keys() - set(self._corpus))
        self._ways: list[Way] = [
            self._bits,
            self._octets,
            self._cut,
            self._spliced,
            self._lying_counts,
            self._lying_length,
            self._pointing,
            self._grown,
            self._random,
            *2 * [self._untouched],
            *3 * [self._other_question],
        ]

    def draw(self, identity: int) -> bytes:
        packet = self._chance.choice(self._corpus if self._chance.random() < 0.9 else self._odd)
        for _ in range(self._chance.choice([1, 1, 1, 2, 3])):
            packet = self._chance.choice(self._ways)(packet)
        # Why: an answer, or another opcode, is done with after three octets, which makes a dull test.
        if len(packet) > 2 and self._chance.random() < 0.9:
            packet = packet[:2] + bytes([packet[2] & 0x07]) + packet[3:]
        return (struct.pack("!H", identity) + packet[2:])[: min(len(packet), LONGEST)]

    def damaged(self, octets: bytes) -> bytes:
        """The octets of a stream with one mistake."""
        return self._chance.choice([self._bits, self._octets, self._cut, self._spliced, self._grown])(octets)

    def _place(self, packet: bytes) -> int:
        """Mostly behind the header."""
        least = HEADER if len(packet) > HEADER and self._chance.random() < 0.9 else 0
        return self._chance.randrange(least, len(packet)) if packet else 0

    def _bits(self, packet: bytes) -> bytes:
        changed = bytearray(packet)
        for _ in range(self._chance.randrange(1, 9) if packet else 0):
            changed[self._place(packet)] ^= 1 << self._chance.randrange(8)
        return bytes(changed)

    def _octets(self, packet: bytes) -> bytes:
        changed = bytearray(packet)
        for _ in range(self._chance.randrange(1, 5) if packet else 0):
            changed[self._place(packet)] = self._chance.choice(EXTREMES)
        return bytes(changed)

    def _cut(self, packet: bytes) -> bytes:
        return packet[: self._place(packet)]

    def _spliced(self, packet: bytes) -> bytes:
        other = self._chance.choice(self._corpus)
        return packet[: self._place(packet)] + other[self._place(other) :]

    def _lying_counts(self, packet: bytes) -> bytes:
        counts = [self._chance.choice([0, 1, 1, 2, 3, 255, 65535]) for _ in range(4)]
        return packet[:4] + struct.pack("!4H", *counts) + packet[12:]

    def _lying_length(self, packet: bytes) -> bytes:
        """The last length in an OPT record, or whatever stands there."""
        return packet[:-2] + struct.pack("!H", self._chance.choice([1, 2, 255, 512, 65535]))

    def _pointing(self, packet: bytes) -> bytes:
        """A compression pointer anywhere, to itself, ahead, back or out."""
        at = self._place(packet)
        to = self._chance.choice([at, at + 2, 12, 0, 11, self._place(packet), 0x3FFF])
        return packet[:at] + struct.pack("!H", 0xC000 | to & 0x3FFF) + packet[at + 2 :]

    def _grown(self, packet: bytes) -> bytes:
        at, what = self._place(packet), self._chance.choice([b"\0", b"\x3f", b"\xc0\x0c", octets.edns()])
        return packet[:at] + what * self._chance.choice([1, 2, 20, 300]) + packet[at:]

    def _random(self, packet: bytes) -> bytes:
        return packet[: self._chance.choice([0, 2, 12])] + self._chance.randbytes(self._chance.randrange(200))

    def _other_question(self, packet: bytes) -> bytes:
        """Another type, class, flags and EDNS for a good name, in any case."""
        owner = octets.question_of(self._chance.choice(self._corpus))[:-4]
        owner = owner.swapcase() if self._chance.random() < 0.3 else owner
        kind = self._chance.choice([1, 1, 28, 33, 33, 2, 6, 255, 252, self._chance.randrange(65536)])
        options = octets.option(self._chance.randrange(20), self._chance.randbytes(self._chance.randrange(30)))
        opt = octets.edns(
            self._chance.choice([0, 0, 0, 1]),
            size=self._chance.randrange(5000),
            flags=self._chance.choice([0, 0x8000, 0x7FFF]),
            options=self._chance.choice([b"", options]),
        )
        flags = self._chance.randrange(0x0800)
        klass = self._chance.choice([1, 1, 1, 1, 1, 1, 3, 255])
        return octets.query(owner, kind, klass, flags=flags, opt=self._chance.choice([b"", opt]))

    def _untouched(self, packet: bytes) -> bytes:
        return packet


def _large() -> Iterator[bytes]:
    """Questions of ``town.village`` whose answers are large, and some with much after them."""
    for owner, kind in (("80.tcp.web.crowd.container", octets.SRV), ("crowd.container", octets.A)):
        for size in (512, 1232, 4096):
            yield octets.query(owner, kind, opt=octets.edns(size=size))
    options = b"".join(octets.option(65001 + number % 9, bytes(number)) for number in range(40))
    yield octets.query("crowd.container", octets.A, opt=octets.edns(options=options))
    additional = 40 * octets.record(b"\xc0\x0c", octets.TXT, 1, bytes(12))
    yield octets.message(octets.asks("web.crowd.container"), additional, counts="1 0 0 28")
