"""
A bad line: carries Ethernet frames between two tap devices, late, and not all of them.

    python cluster_line.py TAP TAP DELAY LOSS [PORT,PORT]

Delay is in seconds each way, loss a share from 0 to 1. With ports only TCP packets (over IPv4) from or to these are
hit. It stands in for ``tc netem``, which not every kernel has.
"""

from __future__ import annotations

import fcntl
import os
import random
import select
import struct
import sys
import time
from collections import deque

TUNSETIFF = 0x400454CA
IFF_TAP, IFF_NO_PI = 0x0002, 0x1000
LARGEST_FRAME = 2048
MOST_WAITING = 10_000
"""Frames each way; more are lost, as in any queue."""

IPV4, TCP = b"\x08\x00", 6


def open_tap(name: str) -> int:
    """A descriptor that gives and takes whole frames (Documentation/networking/tuntap.rst of Linux)."""
    tap = os.open("/dev/net/tun", os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tap, TUNSETIFF, struct.pack("16sH22x", name.encode(), IFF_TAP | IFF_NO_PI))
    return tap


def concerns(frame: bytes, ports: frozenset[int]) -> bool:
    """Whether a frame is a TCP packet from or to one of the ports."""
    if frame[12:14] != IPV4 or len(frame) < 34 or frame[23] != TCP:
        return False
    start = 14 + 4 * (frame[14] & 15)
    return not ports.isdisjoint(struct.unpack_from("!HH", frame, start))


def carry(taps: tuple[int, int], delay: float, loss: float, ports: frozenset[int]) -> None:
    """Run until killed. Frames wait in the order they came; those that are not delayed leave at once."""
    waiting: deque[tuple[float, int, bytes]] = deque()
    other = {taps[0]: taps[1], taps[1]: taps[0]}
    while True:
        pause = max(0.0, waiting[0][0] - time.monotonic()) if waiting else None
        for tap in select.select(taps, [], [], pause)[0]:
            frame = os.read(tap, LARGEST_FRAME)
            if ports and not concerns(frame, ports):
                send(other[tap], frame)
            elif random.random() >= loss and len(waiting) < MOST_WAITING:
                waiting.append((time.monotonic() + delay, other[tap], frame))
        while waiting and waiting[0][0] <= time.monotonic():
            _, tap, frame = waiting.popleft()
            send(tap, frame)


def send(tap: int, frame: bytes) -> None:
    try:
        os.write(tap, frame)
    except OSError:
        return  # the device is down or full: so is the frame lost


if __name__ == "__main__":
    near, far, seconds, share, *only = sys.argv[1:]
    hit = frozenset(int(port) for port in only[0].split(",") if port) if only else frozenset[int]()
    carry((open_tap(near), open_tap(far)), float(seconds), float(share), hit)
