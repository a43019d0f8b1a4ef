"""Questions drawn by lot: about names of a town and others near and far, of any type, class, flags and EDNS."""

from __future__ import annotations

import random
from collections.abc import Callable

from attrs import frozen

from tests.build import dns_octets as octets
from tests.rig.dns.town import Town

ROOT = b"\0"
COMMON = (octets.A, octets.AAAA, octets.SRV)
NAMED = (octets.NS, octets.SOA, octets.TXT, octets.DS, octets.DNSKEY, octets.HTTPS, octets.ANY, octets.CAA)
OTHER = (0, 5, 12, 15, 35, 39, 46, 47, 50, 64, 99, 128, 200, octets.TKEY, octets.TSIG, octets.MAILB, octets.MAILA)
TRANSFERS = (octets.AXFR, octets.IXFR)
CLASSES = (octets.CHAOS, octets.HESIOD, octets.NONE, 255, 0, 2)
SIZES = (0, 512, 1232, 1400, 4096, 65535)
FOREIGN = (
    "com",
    "www.example.com",
    "xcontainer",
    "container.com",
    "web.shop.containers",
    "localdomain",
    "version.bind",
)

Name = tuple[bytes, ...]
"""Labels, those of the root left out."""


@frozen
class Asked:
    """A question: what its octets say, and whether it goes over TCP."""

    name: Name
    type: int
    klass: int
    flags: int
    opt: bytes
    stream: bool

    def packet(self, identity: int) -> bytes:
        wire = b"".join(bytes([len(label)]) + label for label in self.name) + ROOT
        query = octets.query(wire, self.type, self.klass, flags=self.flags, opt=self.opt)
        return identity.to_bytes(2) + query[2:]

    @property
    def version(self) -> int | None:
        """Of EDNS, None without."""
        return self.opt[6] if self.opt else None

    @property
    def inside(self) -> bool:
        """Whether the name is ``container`` or below it."""
        return self.name[-1:] != () and self.name[-1].lower() == b"container"

    @property
    def dotted(self) -> str:
        """The name in lower case, as ``Town.names`` has it; unlike any of them if a label has a dot."""
        return ".".join(label.decode("latin-1").lower().replace(".", "\\.") for label in self.name)

    def __str__(self) -> str:
        way = "tcp" if self.stream else "udp"
        return f"{self.dotted!r} type {self.type} class {self.klass} flags {self.flags:04x} opt {self.opt.hex()} {way}"


class Lot:
    """Draws questions about a town; the same ones for the same seed."""

    def __init__(self, town: Town, seed: int) -> None:
        self._chance = random.Random(seed)
        records = {owner for owner, *_ in town.records}
        self._owners = [_labels(owner) for owner in sorted(records)]
        self._kinds = {(owner, getattr(octets, kind)) for owner, _, kind, _ in town.records}
        self._bare = [_labels(name) for name in sorted((town.names | town.bare) - records)]

    def draw(self) -> Asked:
        name = self._name()
        if self._chance.random() < 0.6:
            name = tuple(self._case(label) for label in name)
        return Asked(
            name=name,
            type=self._type(name),
            klass=octets.IN if self._chance.random() < 0.93 else self._chance.choice(CLASSES),
            flags=self._flags(),
            opt=self._opt(),
            stream=self._chance.random() < 0.2,
        )

    def _name(self) -> Name:
        ways: list[tuple[Callable[[], Name], int]] = [
            (lambda: self._chance.choice(self._owners), 45),
            (lambda: self._chance.choice(self._bare), 10),
            (self._below, 10),
            (self._near, 12),
            (self._junk, 8),
            (lambda: (b"container",), 6),
            (lambda: _labels(self._chance.choice(FOREIGN)), 6),
            (lambda: (), 1),
        ]
        (way,) = self._chance.choices([way for way, _ in ways], [weight for _, weight in ways])
        return way()

    def _below(self) -> Name:
        above = self._chance.choice(self._owners + self._bare)
        return self._bounded((self._chance.choice([b"1", b"tcp", b"_tcp", b"x", b"*", b"8080"]), *above))

    def _near(self) -> Name:
        """A name with one change: a label gone, twice, exchanged, or with another letter."""
        name = list(self._chance.choice(self._owners + self._bare))
        at = self._chance.randrange(len(name))
        change = self._chance.randrange(4)
        if change == 0:
            del name[at]
        elif change == 1:
            name.insert(at, name[at])
        elif change == 2:
            name[at] = self._chance.choice([b"_tcp", b"tcp", b"_8080", b"01", b"1", b"web", b"container"])
        else:
            label = bytearray(name[at])
            label[self._chance.randrange(len(label))] = self._chance.choice(b"a1-_.\0\xff@[")
            name[at] = bytes(label)
        return self._bounded(tuple(name))

    def _junk(self) -> Name:
        """Labels of any octets, below the zone or below one of its names."""
        above = self._chance.choice([(b"container",), (b"container",), self._chance.choice(self._owners)])
        labels = [
            self._chance.randbytes(self._chance.choice([1, 3, 20, 63])) for _ in range(self._chance.randrange(1, 4))
        ]
        return self._bounded((*labels, *above))

    def _bounded(self, name: Name) -> Name:
        """The name without as many of its first labels as make it too long."""
        while sum(map(len, name)) + len(name) + 1 > 255:
            name = name[1:]
        return name

    def _case(self, label: bytes) -> bytes:
        return bytes(
            ord(chr(octet).upper()) if self._chance.random() < 0.4 and octet < 128 else octet for octet in label
        )

    def _type(self, name: Name) -> int:
        dotted = b".".join(name).decode("latin-1").lower()
        own = [kind for kind in COMMON if (dotted, kind) in self._kinds]
        pick = self._chance.random()
        if own and pick < 0.5:
            return self._chance.choice(own)
        for limit, kinds in ((0.7, COMMON), (0.85, NAMED), (0.95, OTHER), (0.97, TRANSFERS)):
            if pick < limit:
                return self._chance.choice(kinds)
        return self._chance.choice([octets.PRIVATE, self._chance.randrange(256, 65400), 65535])

    def _flags(self) -> int:
        """RD mostly; AD and CD often; Z, and AA, TC and RA, which are none of a client's, now and then."""
        chances = {0x0100: 0.7, 0x0020: 0.3, 0x0010: 0.2, 0x0040: 0.05, 0x0400: 0.02, 0x0200: 0.02, 0x0080: 0.02}
        return sum(flag for flag, likely in chances.items() if self._chance.random() < likely)

    def _opt(self) -> bytes:
        if self._chance.random() < 0.35:
            return b""
        options = self._chance.choice([b"", b"", octets.option(65001, b"abc"), octets.option(100, b"")])
        return octets.edns(
            self._chance.choice([*15 * [0], 1, 255]),
            size=self._chance.choice([*SIZES, self._chance.randrange(65536)]),
            flags=self._chance.choice([0, 0, 0x8000, 0x8000, 0x4001, 0x7FFF]),
            options=options,
        )


def _labels(dotted: str) -> Name:
    return tuple(dotted.encode().split(b"."))
