"""Host ports for new containers."""

from __future__ import annotations

import errno
import os
import socket

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.ports import FIRST, LAST, bound_to, choose_ports, is_free, with_each_protocol
from daprdockr.model.errors import EngineRefused
from daprdockr.model.host import Port
from tests.build.values import instance

ONE, TWO = instance(1), instance(2)
WEB, DNS = Port(80), Port(53, "udp")


def always(protocol: str, port: int) -> bool:
    return True


class ChoiceTests(SynchronousTestCase):
    """``choose_ports``."""

    def test_new(self) -> None:
        """A new port gets a host port of our range; protocol and container port stay."""
        for port in choose_ports(ONE, (WEB, DNS), set(), always):
            self.assertTrue(FIRST <= port.host <= LAST, port)
        self.assertEqual(
            [(p.container, p.protocol) for p in choose_ports(ONE, (WEB, DNS), set(), always)],
            [(80, "tcp"), (53, "udp")],
        )

    def test_repeats(self) -> None:
        """The same instance gets the same host port again, another one another."""
        first = choose_ports(ONE, (WEB,), set(), always)
        self.assertEqual(choose_ports(ONE, (WEB,), set(), always), first)
        self.assertNotEqual(choose_ports(TWO, (WEB,), set(), always), first)

    def test_had(self) -> None:
        """A host port that it had is kept, also one outside our range."""
        had = (Port(80, "tcp", 8080),)
        self.assertEqual(choose_ports(ONE, had, set(), always), had)

    def test_had_but_taken(self) -> None:
        """One that a container of ours holds, or another program, is replaced."""
        had = (Port(80, "tcp", 8080),)
        for taken, free in (({("tcp", 8080)}, always), (set(), lambda protocol, port: port != 8080)):
            (chosen,) = choose_ports(ONE, had, taken, free)
            self.assertTrue(FIRST <= chosen.host <= LAST)

    def test_protocols_apart(self) -> None:
        """A TCP port does not stand in the way of the UDP port of the same number."""
        had = (Port(53, "tcp", 8053), Port(53, "udp", 8053))
        self.assertEqual(choose_ports(ONE, had, set(), always), had)

    def test_each_its_own(self) -> None:
        """Two ports of one container never get the same host port."""
        had = (Port(80, "tcp", 8080), Port(81, "tcp", 8080))
        first, second = choose_ports(ONE, had, set(), always)
        self.assertEqual(first.host, 8080)
        self.assertNotEqual(second.host, 8080)

    def test_none_free(self) -> None:
        """When nothing is free it gives up after a bounded search, with one line that names the port."""
        asked: list[int] = []

        def never(protocol: str, port: int) -> bool:
            asked.append(port)
            return False

        error = self.assertRaises(EngineRefused, choose_ports, ONE, (WEB,), set(), never)
        self.assertIn("for port 80", str(error))
        self.assertTrue(100 < len(set(asked)) == len(asked) < 1000)


class FreeTests(SynchronousTestCase):
    """``is_free``, on this host."""

    def held(self, kind: socket.SocketKind) -> int:
        """A port that somebody has."""
        holder = socket.socket(socket.AF_INET, kind)
        self.addCleanup(holder.close)
        holder.bind(("127.0.0.1", 0))
        if kind is socket.SOCK_STREAM:
            holder.listen()
        return int(holder.getsockname()[1])

    def test_held(self) -> None:
        """A port is not free where somebody has it, on any address."""
        self.assertFalse(is_free("tcp", self.held(socket.SOCK_STREAM)))
        self.assertFalse(is_free("udp", self.held(socket.SOCK_DGRAM)))

    def test_closed(self) -> None:
        """A port that was served until now is free, though connections linger."""
        # Not one of those that the kernel hands out: another test in another process could get it at once.
        free = next(port for port in range(FIRST + os.getpid() % 9000, LAST) if is_free("tcp", port))
        with socket.create_server(("127.0.0.1", free)) as server:
            port = server.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port)) as client:
                served, _ = server.accept()
                served.close()
                client.recv(1)
        self.assertTrue(is_free("tcp", port))

    def test_other_family(self) -> None:
        """A port that somebody has on IPv6 alone, or on its loopback alone, is not free on all addresses."""
        for address in ("::", "::1"):
            with socket.socket(socket.AF_INET6) as holder:
                holder.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, True)
                holder.bind((address, 0))
                holder.listen()
                port = holder.getsockname()[1]
                self.assertFalse(is_free("tcp", port), address)
                self.assertFalse(is_free("tcp", port, ("127.0.0.1", "::1")), address)
                self.assertTrue(is_free("tcp", port, ("127.0.0.1",)), address)

    def test_no_such_address(self) -> None:
        """An address that this host does not have says nothing about a port."""
        self.assertTrue(is_free("tcp", 1, ("192.0.2.1",)))

    def test_bound_to(self) -> None:
        """Of the published addresses those count that this host has."""
        self.assertEqual(bound_to(("192.0.2.1", "10.0.0.1", "::1"), {"::1", "10.0.0.1"}), ("10.0.0.1", "::1"))
        self.assertEqual(bound_to(("192.0.2.1",), {"10.0.0.1"}), ())

    def test_unknown_to_the_kernel(self) -> None:
        """Where the kernel has no SCTP no port is tried at the Engine, and one line says what to do."""

        def no_sctp(family: int, kind: int, protocol: int) -> socket.socket:
            if protocol == socket.IPPROTO_SCTP:
                raise OSError(errno.EPROTONOSUPPORT, "Protocol not supported")
            return socket.socket(family, kind, protocol)

        error = self.assertRaises(EngineRefused, is_free, "sctp", 1, (), no_sctp)
        self.assertEqual(
            str(error), "sctp ports cannot be published here, the kernel has no sctp: load its module, or publish none"
        )
        self.assertTrue(is_free("udp", 1, ("127.0.0.1",), no_sctp))

    def test_refused(self) -> None:
        """A port that the Engine refused is not chosen again, of whatever protocol it was."""
        for protocol in ("tcp", "udp", "sctp"):
            planned = [Port(80, protocol, 20_001)]
            (port,) = choose_ports(ONE, planned, with_each_protocol([20_001]), always)
            self.assertNotEqual(port.host, 20_001)

    def test_sctp(self) -> None:
        """Where it has, a port is tried as the others are."""
        asked = []

        def as_tcp(family: int, kind: int, protocol: int) -> socket.socket:
            asked.append(protocol)
            return socket.socket(family, kind)

        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            self.assertFalse(is_free("sctp", port, ("127.0.0.1",), as_tcp))
        self.assertTrue(is_free("sctp", 1, ("192.0.2.1",), as_tcp))
        self.assertEqual(asked, [socket.IPPROTO_SCTP] * 2)
