# -*- test-case-name: tests.functional.test_dns_batched -*-
"""
UDP ports of the reactor, with many datagrams in one system call and finished replies sent from here.

A datagram without a finished reply goes to the controller of the protocol, as it does without this module; so a
platform without these calls loses only speed, see ``listen_datagrams``.

Note [One look-up each]
    A datagram costs one look-up for its sender, one for its query, and a copy of the reply into its slot. That is why
    the loop is inlined, and why the finished replies for a sender are found by the octets of its address, without its
    text.

Note [One sample each]
    What the replies of a batch say is counted by one of them, taken at random, in the name of all: exact while
    datagrams come one by one, an estimate whose total is exact when many come at once, and no work for each of them.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Mapping, Sequence
from typing import Any

from twisted.internet import udp
from twisted.internet.interfaces import IReactorFDSet

from daprdockr.dns.listening.mmsg import AVAILABLE, CAPACITY, NAME, SLOT, DatagramBatch
from daprdockr.dns.listening.protocols import MAX_DATAGRAM, Datagrams
from daprdockr.dns.message.outcome import outcome_of

RECEIVE_BUFFER = 2**20
"""Octets of a socket's buffer, for datagrams that come while the reactor is busy."""
BATCHES = 4
"""Batches of one turn of the reactor."""
MAX_SENDERS = 4096
_MAX_READ = 4096
_SO_RCVBUFFORCE = 33
"""socket(7): the privileged form, which may exceed the limit of the system."""
_PORT = struct.Struct("!H")
_PORT_AT = 2
_SCOPE = struct.Struct("=I")
_SCOPE_AT = 24
"""Offset in a ``sockaddr_in6`` of its scope: 0, or the interface of a link-local address."""
_ADDRESS_AT = {socket.AF_INET: (4, 8), socket.AF_INET6: (8, 24)}
"""Offsets in a ``sockaddr`` of its port and its address."""


def listen_datagrams(reactor: Any, port: int, protocol: Datagrams, interface: str) -> Any:
    """
    Do and return the same as ``reactor.listenUDP``, in the fastest way that platform and reactor have.

    :raises CannotListenError: the address is taken or does not exist.
    """
    if not (AVAILABLE and IReactorFDSet.providedBy(reactor)):
        return reactor.listenUDP(port, protocol, interface, _MAX_READ)
    batched = BatchedPort(port, protocol, interface, reactor)
    batched.startListening()
    return batched


class BatchedPort(udp.Port):
    """A UDP port for ``Datagrams`` at one address of the host. :raises OSError: the platform lacks the calls."""

    def __init__(self, port: int, proto: Datagrams, interface: str, reactor: Any) -> None:
        super().__init__(port, proto, interface, _MAX_READ, reactor)
        self._controller = proto.controller
        self._batch = DatagramBatch()
        self._family = socket.AF_INET6 if ":" in interface else socket.AF_INET
        self._senders: dict[bytes, tuple[Mapping[bytes, Sequence[bytes]], str]] = {}
        begin, end = _ADDRESS_AT[self._family]
        self._places = [(i, i * SLOT, i * SLOT + 2, i * NAME + begin, i * NAME + end) for i in range(CAPACITY)]
        """Of each datagram of a batch its number, its start, the start after its id, and its sender's address."""

    def createInternetSocket(self) -> socket.socket:
        made: socket.socket = super().createInternetSocket()
        try:
            made.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, RECEIVE_BUFFER)
        except OSError:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER)
        return made

    def doRead(self) -> None:
        """
        Answer the datagrams that have come, up to some batches; then the reactor does its other work before it comes
        back.
        """
        self._controller.expire_replies()
        for _ in range(BATCHES):
            count = self._batch.receive(self.fileno())
            self._answer(count)
            if count < CAPACITY:
                return

    def _answer(self, count: int) -> None:
        """See Note [One look-up each]."""
        batch, senders = self._batch, self._senders
        octets, names, lengths, replies = batch.octets, batch.names, batch.lengths, batch.replies
        turn = self._controller.rotation()
        first = asked = unanswered = 0
        for index, start, after_id, begin, end in self._places[:count]:
            sender = names[begin:end]
            known = senders.get(sender)
            if known is None:
                known = self._meet(sender)
            found = known[0].get(octets[after_id : start + lengths[index]])
            if found is not None:
                reply = found[(turn + index) % len(found)]
                after = after_id + len(reply)
                octets[after_id:after] = reply
                replies[index] = after - start
                continue
            asked += 1
            if not self._ask(index, known[1]):
                self._send(first, index)
                first = index + 1
                unanswered += 1
                replies[index] = 0
        self._send(first, count)
        self._controller.counts.finished += count - asked
        if unanswered < count:
            self._sample(turn, count, count - unanswered)

    def _sample(self, turn: int, count: int, answered: int) -> None:
        """See Note [One sample each]."""
        replies, index = self._batch.replies, turn % count
        while not replies[index]:
            index = (index + 1) % count
        self._controller.outcomes[outcome_of(self._batch.octets, index * SLOT)] += answered

    def _meet(self, sender: bytes) -> tuple[Mapping[bytes, Sequence[bytes]], str]:
        """
        Return the finished replies for a sender, and its address as text.

        The number of stored senders is bounded, because anybody can forge more.
        """
        if len(self._senders) >= MAX_SENDERS:
            self._senders.clear()
        address = socket.inet_ntop(self._family, sender)
        known = self._senders[sender] = (self._controller.finished(address), address)
        return known

    def _ask(self, index: int, address: str) -> bool:
        """Have the controller decide on a datagram; return whether there is a reply to send now."""
        batch = self._batch
        start, length = index * SLOT, batch.lengths[index]
        if length > MAX_DATAGRAM:
            return False
        (port,) = _PORT.unpack_from(batch.names, index * NAME + _PORT_AT)
        if self._family == socket.AF_INET6:
            (scope,) = _SCOPE.unpack_from(batch.names, index * NAME + _SCOPE_AT)
            # Without it a reply that comes later is sent over any interface.
            address = f"{address}%{scope}" if scope else address
        reply = self._controller.reply(batch.octets[start : start + length], self.protocol, (address, port))
        if reply is None:
            return False
        batch.octets[start : start + len(reply)] = reply
        batch.replies[index] = len(reply)
        return True

    def _send(self, first: int, end: int) -> None:
        if first < end:
            self._controller.counts.unsent += self._batch.send(self.fileno(), first, end)
