"""
Floods a DNS server over UDP as fast as one core can, and asks it a question every 20 ms meanwhile.

    python -m tests.rig.dns.flooder HOST PORT --service web.myapp.container --seconds 60 --seed 7

The flood is open: it waits for no answer and reads none, as a forger's would. At the end one line of JSON says how
many packets went out, and how the questions fared: see ``Told``.
"""

from __future__ import annotations

import argparse
import ctypes
import itertools
import json
import socket
import statistics
import struct
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing, suppress
from time import monotonic

from attrs import asdict, field, frozen, mutable

from tests.rig.dns.flood_packets import DIGITS, RESPONSE, Mix, Packet, question

POOL = 8192
BATCH = 64
CLIENTS = 16
"""Sockets, each with a port and address of its own, that take turns."""
PROBE_SECONDS = 0.02
WINDOW_SECONDS = 5.0


class _Part(ctypes.Structure):
    """``struct iovec`` of readv(2)."""

    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Header(ctypes.Structure):
    """``struct msghdr`` of sendmsg(2)."""

    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint),
        ("parts", ctypes.POINTER(_Part)),
        ("part_count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class _Message(ctypes.Structure):
    """``struct mmsghdr`` of sendmmsg(2)."""

    _fields_ = [("header", _Header), ("sent", ctypes.c_uint)]


@frozen
class Told:
    """
    The output of the flooder: seconds, packets that went out, questions asked and answered, how long the answers took,
    and how many questions of each five seconds were answered.
    """

    seconds: float
    sent: int
    asked: int
    answered: int
    median_ms: float
    p99_ms: float
    windows: list[int]

    @property
    def rate(self) -> float:
        """Packets per second."""
        return self.sent / self.seconds


class Ammunition:
    """Packets where the kernel reads them, ready to be sent batch by batch."""

    def __init__(self, packets: Sequence[Packet]) -> None:
        """:param packets: a multiple of ``BATCH``."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        starts = list(itertools.accumulate((len(packet.octets) for packet in packets), initial=0))
        self._octets = bytearray(b"".join(packet.octets for packet in packets)) + bytearray(1)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self._octets))
        self._parts = (_Part * len(packets))(
            *(_Part(base + start, len(packet.octets)) for start, packet in zip(starts, packets, strict=False))
        )
        self._messages = (_Message * len(packets))(
            *(_Message(_Header(parts=ctypes.pointer(part), part_count=1)) for part in self._parts)
        )
        self._count = 0
        counted = [start + p.counted if p.counted else 0 for start, p in zip(starts, packets, strict=False)]
        self._batches = [
            (ctypes.byref(self._messages, first * ctypes.sizeof(_Message)), list(filter(None, counted[first:until])))
            for first, until in itertools.pairwise(range(0, len(packets) + 1, BATCH))
        ]

    def fire(self, descriptors: Sequence[int]) -> Iterator[int]:
        """Send a batch at each step, each from the next socket; how many packets the kernel took."""
        for descriptor, (batch, counted) in zip(
            itertools.cycle(descriptors), itertools.cycle(self._batches), strict=False
        ):
            for at in counted:
                self._count += 1
                self._octets[at : at + DIGITS] = b"%08x" % self._count
            yield max(0, self._libc.sendmmsg(descriptor, batch, BATCH, 0))


@mutable
class Probe:
    """A client that asks on, whether or not it is answered; never twice the same id within a minute."""

    client: socket.socket
    text: str
    began: float
    asked: int = 0
    latencies: list[float] = field(factory=list)
    windows: list[int] = field(factory=list)
    _open: dict[int, float] = field(factory=dict)

    def turn(self, now: float) -> None:
        """Ask when it is time, and read what came."""
        if now >= self.began + self.asked * PROBE_SECONDS:
            identity = self.asked % 65536
            self._open[identity] = now
            self.asked += 1
            with suppress(OSError):
                self.client.send(question(self.text, identity=identity))
        with suppress(OSError):
            self._read(self.client.recv(4096), now)

    def _read(self, packet: bytes, now: float) -> None:
        """Only an answer with records counts."""
        identity, flags, _, records = struct.unpack_from("!4H", packet)
        asked = self._open.pop(identity, None)
        if asked is None or not flags & RESPONSE or flags & 15 or not records:
            return
        self.latencies.append(now - asked)
        window = int((asked - self.began) / WINDOW_SECONDS)
        self.windows += [0] * (window + 1 - len(self.windows))
        self.windows[window] += 1

    def told(self, seconds: float, sent: int) -> Told:
        """The whole windows, those at the end that had no answer too."""
        counts = (self.windows + [0] * int(seconds / WINDOW_SECONDS + 1))[: int(seconds / WINDOW_SECONDS)]
        ordered = sorted(self.latencies) or [0.0]
        return Told(
            seconds=round(seconds, 2),
            sent=sent,
            asked=self.asked,
            answered=len(self.latencies),
            median_ms=round(statistics.median(ordered) * 1000, 2),
            p99_ms=round(ordered[len(ordered) * 99 // 100] * 1000, 2),
            windows=counts,
        )


def flood(server: tuple[str, int], service: str, seconds: float, seed: int) -> Told:
    """Flood one server that listens at an address of 127.0.0.0/8."""
    ammunition = Ammunition(Mix(service, seed).draw(POOL))
    with ExitStack() as open_sockets:
        clients = [open_sockets.enter_context(closing(_client(server, number))) for number in range(CLIENTS + 1)]
        clients[0].setblocking(False)
        began = monotonic()
        probe, sent, now = Probe(clients[0], service, began), 0, began
        for count in ammunition.fire([client.fileno() for client in clients[1:]]):
            sent += count
            now = monotonic()
            if now - began > seconds:
                break
            probe.turn(now)
        return probe.told(now - began, sent)


def _client(server: tuple[str, int], number: int) -> socket.socket:
    client = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    client.bind((f"127.0.1.{number + 1}", 0))
    client.connect(server)
    return client


def main() -> None:
    parser = argparse.ArgumentParser(description="Flood a DNS server over UDP.")
    parser.add_argument("host")
    parser.add_argument("port", type=int)
    parser.add_argument("--service", required=True, help="a name that has addresses, and instances and ports below it")
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    print(json.dumps(asdict(flood((given.host, given.port), given.service, given.seconds, given.seed))), flush=True)


if __name__ == "__main__":
    main()
