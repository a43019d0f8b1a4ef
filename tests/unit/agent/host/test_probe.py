"""One health check of a container, over loopback sockets and a Docker Engine in memory."""

from __future__ import annotations

import errno
import gzip
from typing import Any

from attrs import evolve, frozen
from twisted.internet.address import IPv4Address
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ConnectBindError, TCPTimedOutError, TimeoutError
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.internet.task import Clock
from twisted.logger import capturedLogs
from twisted.python.failure import Failure
from twisted.trial.unittest import TestCase

from daprdockr.agent.host.probe import Target, Unmade, Unreached
from daprdockr.agent.host.real_probe import RealProbe
from daprdockr.agent.host.stuck import STUCK
from daprdockr.model.wanted.health import Health
from tests.fakes.engine import MemoryEngine
from tests.fakes.run import OnePool, run_at_once

LOOPBACK = "127.0.0.1"


class Speaker(Protocol):
    """Sends the text of its place to a client that asked something, and then hangs up unless it ``stays``."""

    def __init__(self, place: Place) -> None:
        self.heard = b""
        self.lost: Deferred[None] = Deferred()
        self._place = place

    def connectionMade(self) -> None:
        self._place.connected.callback(self)

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.heard += data
        if self.heard.endswith(b"\r\n\r\n"):
            self.transport.write(self._place.words)
            self._place.asked.callback(self)
            if not self._place.stays:
                self.transport.loseConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        self.lost.callback(None)


class Place(Factory):
    """A place where a container listens, for one health check."""

    def __init__(self, words: bytes = b"", stays: bool = False) -> None:
        self.words, self.stays = words, stays
        self.connected: Deferred[Speaker] = Deferred()
        self.asked: Deferred[Speaker] = Deferred()

    def buildProtocol(self, addr: object) -> Speaker:
        return Speaker(self)


class ProbeCase(TestCase):
    """A probe, and places for it to check."""

    def setUp(self) -> None:
        from twisted.internet import reactor

        self.reactor: Any = reactor
        self.engine = MemoryEngine()
        self.probe = RealProbe(reactor=reactor, pool=OnePool(run_at_once), engine=self.engine)

    def listen(self, place: Place, interface: str = LOOPBACK) -> int:
        """The port where the place listens until the end of the test."""
        port = self.reactor.listenTCP(0, place, interface=interface)
        self.addCleanup(port.stopListening)
        return int(port.getHost().port)

    def turn(self) -> Deferred[None]:
        """The reactor has gone round."""
        turned: Deferred[None] = Deferred()
        self.reactor.callLater(0, turned.callback, None)
        return turned

    def look(self, check: Health, port: int = 0, host: str = LOOPBACK) -> Deferred[str | None]:
        return Deferred.fromCoroutine(self.probe(Target("c1", check, host, port)))


HTTP = Health("http", path="/health?full", port=8080)
PATIENT = Health("http", path="/", port=8080, timeout=60.0)
"""For answers of which the length counts: on a busy machine they take a while."""
TCP = Health("tcp", port=8080)
GOOD = Health("exec", command=("good",))


class HttpTests(ProbeCase):
    """Type ``http``."""

    async def answer(self, words: bytes, stays: bool = False) -> str | None:
        return await self.look(HTTP, self.listen(Place(words, stays)))

    async def test_well(self) -> None:
        """A status from 200 to 399 is well; nobody follows a redirect."""
        for status in (b"200 OK", b"204 No Content", b"302 Found\r\nLocation: http://127.0.0.1:1/", b"399 Odd"):
            self.assertIsNone(await self.answer(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"))

    async def test_says_nothing(self) -> None:
        """A check leaves no line in the log, of which there would be two for each."""
        with capturedLogs() as logged:
            await self.answer(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        self.assertEqual([event["log_namespace"] for event in logged if "client" in event["log_namespace"]], [])

    async def test_not_well(self) -> None:
        """Any other status is the complaint."""
        for status in (404, 500):
            words = f"HTTP/1.1 {status} No\r\nContent-Length: 2\r\n\r\nno".encode()
            self.assertEqual(await self.answer(words), f"status {status}")

    async def test_question(self) -> None:
        """The path is asked for as it was given."""
        place = Place(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        await self.look(HTTP, self.listen(place))
        self.assertTrue((await place.asked).heard.startswith(b"GET /health?full HTTP/1.1\r\n"))

    async def test_headers(self) -> None:
        """Host and headers are those of the check; without a host it is the container's address."""
        place = Place(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        port = self.listen(place)
        check = evolve(HTTP, host="app.example.com", headers=(("X-Probe", "yes"),))
        await self.look(check, port)
        heard = (await place.asked).heard
        self.assertEqual(heard.count(b"\r\nHost: "), 1)
        self.assertIn(b"\r\nHost: app.example.com\r\n", heard)
        self.assertIn(b"\r\nX-Probe: yes\r\n", heard)
        other = Place(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        port = self.listen(other)
        await self.look(HTTP, port)
        self.assertIn(f"\r\nHost: 127.0.0.1:{port}\r\n".encode(), (await other.asked).heard)

    async def test_body(self) -> None:
        """A body is read to its end, and the connection is not kept."""
        place = Place(b"HTTP/1.1 200 OK\r\nContent-Length: 9000\r\n\r\n" + b"x" * 9000, stays=True)
        self.assertIsNone(await self.look(HTTP, self.listen(place)))
        await (await place.asked).lost

    async def test_long_body(self) -> None:
        """A body that is too long for a health check is a complaint, and ends the connection."""
        place = Place(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 100_000, stays=True)
        with self.assertRaisesRegex(ValueError, "more than"):
            await self.look(PATIENT, self.listen(place))
        await (await place.asked).lost

    async def test_long_head(self) -> None:
        """So is a head without end, and an answer that is announced without end."""
        for line in (b"X: y\r\n", b"\r\nHTTP/1.1 103 Early Hints\r\n"):
            place = Place(b"HTTP/1.1 103 Early Hints\r\n" + line * 30_000, stays=True)
            with self.assertRaisesRegex(ValueError, "more than"):
                await self.look(PATIENT, self.listen(place))
            await (await place.asked).lost

    async def test_packed_body(self) -> None:
        """A compressed body is not unpacked, so that none is larger than it seems."""
        packed = gzip.compress(b"x" * 10_000_000)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(packed)}\r\n\r\n"
        self.assertIsNone(await self.answer(head.encode() + packed))

    async def test_given_up(self) -> None:
        """A check that is given up in the middle of a body leaves no connection behind."""
        place = Place(b"HTTP/1.1 200 OK\r\n\r\nand so on", stays=True)
        looking = self.look(HTTP, self.listen(place))
        speaker = await place.asked
        for _ in range(5):
            await self.turn()
        looking.cancel()
        with self.assertRaises(CancelledError):
            await looking
        await speaker.lost

    async def test_broken(self) -> None:
        """An answer that does not come, is not HTTP or ends in the middle is a complaint that people can read."""
        for words, complaint in (
            (b"", "it closed the connection without an answer"),
            (b"SSH-2.0\r\n", "the answer is not HTTP"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx", "the answer ended in the middle"),
            (b"HTTP/1.1 200 OK\r\nContent-", "the answer ended in the middle"),
        ):
            self.assertEqual(await self.answer(words), complaint)

    async def test_silent(self) -> None:
        """So is one that does not come in time, also if that was over before there was a connection."""
        for timeout in (0.05, 1e-9):
            found = await self.look(evolve(HTTP, timeout=timeout), self.listen(Place(stays=True)))
            self.assertEqual(found, "there is no answer in time")


class TcpTests(ProbeCase):
    """Type ``tcp``."""

    async def test_listens(self) -> None:
        """Where something listens the container is well, and the connection is closed."""
        place = Place(stays=True)
        self.assertIsNone(await self.look(TCP, self.listen(place)))
        await (await place.connected).lost

    async def test_listens_ipv6(self) -> None:
        """A container may have an IPv6 address."""
        self.assertIsNone(await self.look(TCP, self.listen(Place(stays=True), "::1"), "::1"))

    async def test_refused(self) -> None:
        """Where nothing listens the complaint is what the kernel said."""
        for check in (TCP, HTTP):
            self.assertEqual(await self.look(check, 1), "Connection refused")

    async def test_no_answer(self) -> None:
        """Where nothing comes in time, by the timeout of the check or the kernel's, the complaint says that."""
        for error, words in (
            (TimeoutError(), "there is no answer in time"),
            (TCPTimedOutError(osError=errno.ETIMEDOUT), "Connection timed out"),
        ):
            probe = RealProbe(reactor=FailingReactor(error), pool=OnePool(run_at_once), engine=self.engine)
            self.assertEqual(await probe(Target("c1", TCP, "192.0.2.1", 1)), words)


class ContainerCase(ProbeCase):
    """With a container to run commands in."""

    def setUp(self) -> None:
        super().setUp()
        self.engine.add_image("web:1")
        self.container = self.engine.start(self.engine.create("c", {"Image": "web:1"})).id
        self.engine.statuses = {("bad",): 3, ("slow",): None}


class ExecTests(ContainerCase):
    """Type ``exec``."""

    async def run_command(self, command: str) -> str | None:
        return await self.probe(Target(self.container, Health("exec", command=(command,))))

    async def test_statuses(self) -> None:
        """Exit status 0 is well, any other is the complaint."""
        self.assertIsNone(await self.run_command("good"))
        self.assertEqual(await self.run_command("bad"), "exit status 3")
        self.assertEqual(await self.run_command("slow"), "exit status 124: it took too long")

    async def test_no_room(self) -> None:
        """Where the host has no room to run a command, that says nothing of the container; a missing program does."""
        self.engine.statuses = {("bad",): 126}
        for text, is_result in (
            ("runc did not terminate successfully: exit status 255: unknown", False),
            ("write /run/containerd/x/process.json: no space left on device: unknown", False),
            ('exec failed: unable to start container process: exec: "bad": executable file not found in $PATH', True),
        ):
            self.engine.outputs = {("bad",): f"OCI runtime exec failed: {text}\r\n".encode()}
            found = await self.run_command("bad")
            self.assertEqual(found, f"exit status 126: OCI runtime exec failed: {text}")
            self.assertEqual(not isinstance(found, Unmade), is_result)

    async def test_killed(self) -> None:
        """A command that was killed, for example because the memory of its container was used up, is said to be."""
        self.engine.statuses = {("bad",): 137}
        self.assertEqual(await self.run_command("bad"), "killed (SIGKILL)")

    async def test_output(self) -> None:
        """The last line that it wrote is in the complaint, made printable."""
        self.engine.outputs = {("good",): b"fine", ("bad",): b"usage:\n\x1b[31mnc: invalid\x07 option\x1b[0m\n\n"}
        self.assertIsNone(await self.run_command("good"))
        self.assertEqual(await self.run_command("bad"), "exit status 3: nc: invalid option")

    async def test_engine_away(self) -> None:
        """While the Engine is away no command can be run, which is no result."""
        self.engine.unavailable = True
        self.assertIsInstance(await self.run_command("good"), Unmade)

    async def test_hangs(self) -> None:
        """A command that an Engine at work does not begin for long is a complaint; if that hangs too, no result."""
        clock = Clock()
        self.probe = RealProbe(reactor=clock, pool=OnePool(run_at_once), engine=self.engine)
        self.engine.hung_commands = {("good",)}
        self.assertIsInstance(await self.run_command("good"), Unmade)
        clock.advance(STUCK)
        complaint = await self.run_command("good")
        self.assertEqual((type(complaint), complaint), (str, "the command did not begin in time"))
        self.engine.stalled = True
        self.assertIsInstance(await self.run_command("good"), Unmade)


FULL = ConnectBindError(errno.EMFILE, "Too many open files")


@frozen
class FailingReactor:
    """A reactor whose connections all fail in the same way."""

    error: Exception

    def connectTCP(self, host: str, port: int, factory: Any, **how: Any) -> None:  # noqa: N802  # the name of the interface
        factory.clientConnectionFailed(None, Failure(self.error))


class SilentReactor:
    """A reactor whose connections stay on their way until they are given up."""

    def connectTCP(self, host: str, port: int, factory: Any, **how: Any) -> SilentReactor:  # noqa: N802  # as above
        factory.startedConnecting(self)
        return self

    def stopConnecting(self) -> None:  # noqa: N802  # as above
        pass

    def getDestination(self) -> IPv4Address:  # noqa: N802  # as above
        return IPv4Address("TCP", "192.0.2.1", 1)


class FullHostTests(ContainerCase):
    """On a host that lacks what a connection needs."""

    async def test_no_result(self) -> None:
        """A check that could not be made is no result, and nor is a route that could not be tried."""
        probe = RealProbe(reactor=FailingReactor(FULL), pool=OnePool(run_at_once), engine=self.engine)
        routed = Target(self.container, Health("none"), routes=((LOOPBACK, 1),))
        for target in (Target(self.container, TCP, LOOPBACK, 1), routed):
            self.assertIsInstance(await probe(target), Unmade)


class RouteTests(ContainerCase):
    """A container behind a route must be reached by that too."""

    async def routed(self, check: Health, port: int, status: bytes = b"200 OK") -> str | None:
        """A check of a container that answers, behind a route to a port of this host."""
        well = self.listen(Place(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\n\r\n"))
        return await self.probe(Target(self.container, check, LOOPBACK, well, routes=((LOOPBACK, port),)))

    async def test_reached(self) -> None:
        """A container that is well and can be reached is well."""
        for check in (TCP, HTTP, GOOD):
            self.assertIsNone(await self.routed(check, self.listen(Place())))

    async def test_not_reached(self) -> None:
        """One that is well in itself but cannot be reached by its route is not, whatever the type of its check."""
        for check in (TCP, HTTP, GOOD, Health("none"), Health("docker")):
            reason = await self.routed(check, 1)
            assert isinstance(reason, Unreached)
            self.assertEqual(reason, "nginx cannot reach it at 127.0.0.1:1 (Connection refused)")

    async def test_given_up(self) -> None:
        """A check that is given up while nobody answers on its route says that, and not that the container is ill."""
        silent = Target(self.container, Health("none", timeout=60.0), routes=(("192.0.2.1", 1),))
        probe = RealProbe(reactor=SilentReactor(), pool=OnePool(run_at_once), engine=self.engine)
        looking = Deferred.fromCoroutine(probe(silent))
        looking.cancel()
        reason = await looking
        assert isinstance(reason, Unreached)
        self.assertEqual(reason, "nginx cannot reach it at 192.0.2.1:1 (there is no answer in time)")

    async def test_one_of_two_not_reached(self) -> None:
        """Behind two routes it must be reached by both."""
        well = [self.listen(Place()) for _ in range(3)]
        for ports, reason in [(well[:2], None), ((well[2], 1), "nginx cannot reach it at 127.0.0.1:1 (")]:
            routes = tuple((LOOPBACK, port) for port in ports)
            found = await self.probe(Target(self.container, Health("none"), routes=routes))
            self.assertEqual(found is None, reason is None)
            self.assertIn(reason or "", found or "")

    async def test_not_well(self) -> None:
        """A failed check of the container itself is the complaint, though its route fails as well."""
        self.assertEqual(await self.routed(HTTP, 1, b"503 No"), "status 503")
