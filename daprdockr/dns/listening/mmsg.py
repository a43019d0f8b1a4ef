# -*- test-case-name: tests.functional.test_dns_batched -*-
"""
Many datagrams in one system call: ``recvmmsg(2)`` and ``sendmmsg(2)`` of Linux, through ctypes.

Note [Answered in place]
    Each datagram has a slot of memory for its octets and one for its sender's address. A reply is written over its
    query, whose id it keeps, and goes back to the address in the slot; nothing is allocated for a datagram but the
    octets of its query and its reply. So a ``DatagramBatch`` belongs to one socket, and is read, written and sent
    before the next is received.

Note [With the lock held]
    The calls keep Python's global lock (``PyDLL``): they do not block, and take less time than getting the lock back
    while other threads are busy.

This module does not interpret the octets.
"""

from __future__ import annotations

import ctypes
import errno
import mmap
import socket
from collections.abc import Callable
from typing import Any

CAPACITY = 64
"""Datagrams of one call. More gain nothing measurable, and would keep the reactor from its other work."""
SLOT = 1280
"""Octets of a slot; a longer datagram is cut, so the length says only that it was too long."""
NAME = 28
"""Octets of an IPv6 socket address, the longer of the two kinds."""


class _Vector(ctypes.Structure):
    """``struct iovec`` of readv(2)."""

    _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]


class _Header(ctypes.Structure):
    """``struct msghdr`` of recvmsg(2)."""

    _fields_ = [
        ("name", ctypes.c_void_p),
        ("name_length", ctypes.c_uint32),
        ("vectors", ctypes.c_void_p),
        ("count", ctypes.c_size_t),
        ("control", ctypes.c_void_p),
        ("control_length", ctypes.c_size_t),
        ("flags", ctypes.c_int),
    ]


class _Message(ctypes.Structure):
    """``struct mmsghdr`` of recvmmsg(2)."""

    _fields_ = [("header", _Header), ("length", ctypes.c_uint32)]


_MESSAGE = ctypes.sizeof(_Message)
_VECTOR = ctypes.sizeof(_Vector)
_SIZE = ctypes.sizeof(ctypes.c_size_t)


def _system_calls() -> tuple[Callable[..., int], Callable[..., int]] | None:
    try:
        library = ctypes.PyDLL(None, use_errno=True)
        receive, send = library.recvmmsg, library.sendmmsg
    except (OSError, AttributeError):
        return None
    receive.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int, ctypes.c_void_p]
    send.argtypes = [ctypes.c_int, ctypes.c_void_p, ctypes.c_uint, ctypes.c_int]
    return receive, send


_CALLS = _system_calls()
AVAILABLE = _CALLS is not None
"""Whether this platform has both calls."""


class DatagramBatch:
    """
    Room for ``CAPACITY`` datagrams of one socket, see Note [Answered in place].

    Datagram ``i`` lies in ``octets`` from ``i * SLOT`` on, its sender's ``sockaddr`` in ``names`` from ``i * NAME`` on.
    """

    def __init__(self) -> None:
        """:raises OSError: the platform does not have the calls."""
        if _CALLS is None:
            raise OSError(errno.ENOSYS, "this platform has no recvmmsg")
        self._receive, self._send = _CALLS
        self.octets = mmap.mmap(-1, CAPACITY * SLOT)
        self.names = mmap.mmap(-1, CAPACITY * NAME)
        self._vectors_in = self._vectors()  # the kernel has its address: it must live as long
        self._incoming, self._in_headers, self._lengths = self._headers(self._vectors_in)
        self._vectors_out = self._vectors()
        self._outgoing, self._out_headers, _ = self._headers(self._vectors_out)
        self.lengths = self._lengths[_Message.length.offset // 4 :: _MESSAGE // 4]
        """How long datagram ``i`` is that came last."""
        self.replies = memoryview(self._vectors_out).cast("L")[_Vector.length.offset // _SIZE :: _VECTOR // _SIZE]
        """How long the reply to datagram ``i`` is; to be set before it is sent."""

    def _vectors(self) -> bytearray:
        memory = bytearray(CAPACITY * _VECTOR)
        start = _address(self.octets)
        for index, vector in enumerate((_Vector * CAPACITY).from_buffer(memory)):
            vector.base = start + index * SLOT
            vector.length = SLOT
        return memory

    def _headers(self, vectors: bytearray) -> tuple[int, bytearray, memoryview]:
        memory = bytearray(CAPACITY * _MESSAGE)
        names, first = _address(self.names), _address(vectors)
        for index, message in enumerate((_Message * CAPACITY).from_buffer(memory)):
            header = message.header
            header.name, header.name_length = names + index * NAME, NAME
            header.vectors, header.count = first + index * _VECTOR, 1
        return _address(memory), memory, memoryview(memory).cast("I")

    def receive(self, fileno: int) -> int:
        """
        Take what has come, without waiting.

        :return: how many datagrams; 0 when there are none.
        """
        return max(0, self._receive(fileno, self._incoming, CAPACITY, socket.MSG_DONTWAIT, None))

    def send(self, fileno: int, first: int, end: int) -> int:
        """
        Send the replies from ``first`` up to ``end``, without waiting.

        :return: how many the kernel did not take (no route, no room, a forged port 0).
        """
        unsent = 0
        while first < end:
            sent = self._send(fileno, self._outgoing + first * _MESSAGE, end - first, socket.MSG_DONTWAIT)
            first += max(0, sent)
            if first < end and sent <= 0:
                # The first of them was refused; the others may go.
                first, unsent = first + 1, unsent + 1
        return unsent


def _address(memory: Any) -> int:
    return ctypes.addressof(ctypes.c_char.from_buffer(memory))
