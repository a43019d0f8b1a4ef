"""How the strict client and the little service it is tested with read what they get."""

from __future__ import annotations

from twisted.internet.testing import MemoryReactorClock, StringTransport
from twisted.trial.unittest import SynchronousTestCase

from tests.rig.strict_client import Taken, Target, Wanted
from tests.rig.strict_connection import Connection, read_status
from tests.rig.strict_load import IDLE, Load
from tests.rig.strict_sockets import PING, PONG, SILENT, TEXT, Socket, Sockets
from tests.rig.strict_sockets import frame as of_client
from tests.rig.web_app import frame, read_message


class StatusTests(SynchronousTestCase):
    """``read_status``."""

    def test_whole(self) -> None:
        """An answer counts when all of its body is there, by its length or its last chunk."""
        by_length = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n"
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n"
        for head, rest in ((by_length, b"abc"), (chunked, b"0\r\n\r\n")):
            self.assertEqual(0, read_status(head + rest[:-1])[0])
            self.assertEqual((200, True), read_status(head + rest))

    def test_last(self) -> None:
        """A connection that the answer says is closed is not used again."""
        answer = b"HTTP/1.1 502 Bad Gateway\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        self.assertEqual((502, False), read_status(answer))

    def test_interim(self) -> None:
        """An interim answer is not the answer."""
        interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
        self.assertEqual(0, read_status(interim)[0])
        self.assertEqual((204, True), read_status(interim + b"HTTP/1.1 204 No Content\r\n\r\n"))


class ValueTests(SynchronousTestCase):
    """The values that pass between the two processes."""

    def test_there_and_back(self) -> None:
        """The load that is wanted, and the results, arrive as they were."""
        wanted = Wanted((Target(80, "a.test"),), 5, 2, (Target(81, "b.test", path="/x"),))
        self.assertEqual(wanted, Wanted.decode(wanted.encode()))
        taken = Taken(5, lost={"GET": 2}, cut={"1.a.b": 1})
        self.assertEqual((taken, 2), (Taken.decode(taken.encode()), taken.losses))


class KeptTests(SynchronousTestCase):
    """The kept connections of the client."""

    def setUp(self) -> None:
        self.now = 100.0
        self.load = Load(self, Wanted((Target(80, "a.test"), Target(80, "a.test")), rate=1))

    def seconds(self) -> float:
        return self.now

    def kept(self, target: Target) -> tuple[Connection, StringTransport]:
        """A connection that has had an answer."""
        connection, transport = Connection(self.load, target, True), StringTransport()
        connection.transport = transport
        self.load.idle(connection)
        return connection, transport

    def test_latest(self) -> None:
        """Of those that are idle the one that was used last is used next, for any target that is the same."""
        first, second = self.load.wanted.targets
        (one, _), (other, _) = self.kept(first), self.kept(second)
        self.assertEqual([other, one, None], [self.load.latest(first) for _ in range(3)])

    def test_old(self) -> None:
        """One that is idle for long is closed, and not used."""
        target, _ = self.load.wanted.targets
        (_, old), (_, fresh) = self.kept(target), self.kept(target)
        self.now += IDLE - 1
        again = self.load.latest(target)
        assert again is not None
        self.load.idle(again)
        self.now += 2
        self.assertEqual([again, None], [self.load.latest(target) for _ in range(2)])
        self.assertEqual((True, False), (old.disconnecting, fresh.disconnecting))


class MessageTests(SynchronousTestCase):
    """``read_message``."""

    def test_masked(self) -> None:
        """A message is read when all of it is there, with its mask taken off; what follows it is kept."""
        sent = b"\x81\x83\x01\x02\x03\x04" + bytes((ord("a") ^ 1, ord("b") ^ 2, ord("c") ^ 3))
        for end in range(len(sent)):
            self.assertIsNone(read_message(sent[:end]))
        self.assertEqual((1, b"abc", b"rest"), read_message(sent + b"rest"))
        self.assertEqual(b"\x81\x03abc", frame(1, b"abc"))


class SocketTests(SynchronousTestCase):
    """A websocket of the client."""

    def setUp(self) -> None:
        self.clock = MemoryReactorClock()
        self.sockets = Sockets(self.clock, Wanted((Target(80, "a.test"),), websockets=1))
        self.sockets.begin()
        socket = self.clock.tcpClients[0][2].buildProtocol(None)
        assert isinstance(socket, Socket)
        self.socket = socket
        self.transport = StringTransport()
        self.socket.makeConnection(self.transport)
        self.transport.clear()
        self.socket.dataReceived(b"HTTP/1.1 101 Switching Protocols\r\nX-Instance: 1.a.b\r\n\r\n")

    def spoken(self) -> list[tuple[int, bytes]]:
        """The messages that it has sent since the last call, by their kinds."""
        found, data = [], self.transport.value()
        self.transport.clear()
        while read := read_message(data):
            kind, content, data = read
            found.append((kind, content))
        return found

    def test_ping(self) -> None:
        """A ping is answered with its content, in whatever pieces it comes; an echo in the same piece still counts."""
        (_, message), *_ = self.spoken()
        for octet in frame(9, b"abc") + frame(1, message):
            self.socket.dataReceived(bytes([octet]))
        self.assertEqual([(10, b"abc")], self.spoken())
        self.assertEqual((PING & 15, PONG & 15, TEXT & 15), (9, 10, 1))
        self.assertEqual(of_client(PONG, b"abc"), b"\x8a\x83\0\0\0\0abc")

    def test_silent(self) -> None:
        """One that gets echoes stays; one that gets nothing but pings is given up, and counts as cut."""
        (_, message), *_ = self.spoken()
        for _ in range(2 * SILENT):
            self.socket.dataReceived(frame(1, message))
            self.clock.advance(1)
        self.assertFalse(self.transport.disconnected)
        for _ in range(SILENT):
            self.socket.dataReceived(frame(9, b""))
            self.clock.advance(1)
        self.assertTrue(self.transport.disconnected)
        self.socket.connectionLost()
        self.assertEqual((0, {"1.a.b": 1}), self.sockets.take())
