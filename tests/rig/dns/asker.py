"""Asks a name server many questions: windows of datagrams, and messages over a TCP connection that stays open."""

from __future__ import annotations

import select
import socket
from collections.abc import Collection, Mapping
from time import monotonic

Address = tuple[str, int]
Replies = dict[int, list[bytes]]
"""By their ids."""

PATIENCE = 5.0
"""Seconds until what has no answer yet is asked again."""
ATTEMPTS = 6
BUFFER = 2**21
LARGEST = 65535


class Asker:
    """:param address: of the server; ``close`` it in a cleanup."""

    def __init__(self, address: Address) -> None:
        self._address = address
        family = socket.AF_INET6 if ":" in address[0] else socket.AF_INET
        self._datagrams = socket.socket(family, socket.SOCK_DGRAM)
        self._datagrams.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)
        self._datagrams.connect(address)
        self._stream: socket.socket | None = None
        self._octets = b""

    def close(self) -> None:
        self._datagrams.close()
        self.hang_up()

    def datagrams(self, packets: Mapping[int, bytes], wanted: Collection[int] = ()) -> Replies:
        """
        Send packets by UDP; all replies that come until each that is wanted is among them.

        :param packets: by their ids.
        :param wanted: ids of packets that surely have a reply; without any, all have.
        """
        received: Replies = {}
        left = set(packets)
        for _ in range(ATTEMPTS):
            for identity in left:
                self._datagrams.send(packets[identity])
            left = set(wanted or packets) - received.keys()
            deadline = monotonic() + PATIENCE
            while left and _is_ready(self._datagrams, deadline):
                left -= _sort(received, self._datagrams.recv(LARGEST))
            if not left:
                break
        return received

    def stream(self, packets: Mapping[int, bytes], wanted: Collection[int] = ()) -> Replies:
        """The same by TCP, all at once; what is left when the server ends the connection goes over a new one."""
        received: Replies = {}
        left = set(packets)
        for _ in range(ATTEMPTS):
            try:
                stream = self._connected()
                stream.sendall(b"".join(framed(packets[identity]) for identity in packets if identity in left))
                left = set(wanted or packets) - received.keys()
                deadline = monotonic() + PATIENCE
                while left and _is_ready(stream, deadline):
                    for reply in self._messages(stream):
                        left -= _sort(received, reply)
            except ConnectionError:
                self.hang_up()
            if not left:
                break
        return received

    def hang_up(self) -> None:
        """End the TCP connection; the next question has one of its own."""
        self._octets = b""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _connected(self) -> socket.socket:
        if self._stream is None:
            self._stream = socket.create_connection(self._address, PATIENCE)
        return self._stream

    def _messages(self, stream: socket.socket) -> list[bytes]:
        octets = stream.recv(LARGEST)
        if not octets:
            raise ConnectionAbortedError("the server ended it")
        messages, self._octets = unframed(self._octets + octets)
        return messages


def framed(packet: bytes) -> bytes:
    """A message as it goes over TCP (RFC 1035 section 4.2.2)."""
    return len(packet).to_bytes(2) + packet


def unframed(octets: bytes) -> tuple[list[bytes], bytes]:
    """The messages that are whole, and what is left."""
    found = []
    while len(octets) >= 2 and len(octets) - 2 >= (length := int.from_bytes(octets[:2])):
        found.append(octets[2 : 2 + length])
        octets = octets[2 + length :]
    return found, octets


def _sort(received: Replies, reply: bytes) -> set[int]:
    identity = int.from_bytes(reply[:2])
    received.setdefault(identity, []).append(reply)
    return {identity}


def _is_ready(one: socket.socket, deadline: float) -> bool:
    return bool(select.select([one], [], [], max(0.0, deadline - monotonic()))[0])
