"""The relay as a service of the agent, with a reactor, a kernel and a relay in memory."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import execute
from twisted.internet.error import ConnectError, ConnectionDone
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs, formatEvent
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.troubles.ports import PortsNotServed, RelayDown
from daprdockr.proxy.ports import PortRouting
from daprdockr.proxy.relay import POLL_PORTS, Relay, RelaySocket, relay_process
from daprdockr.proxy.relay_files import RelayFiles
from daprdockr.relay.message import MOST_TROUBLES, PortKey, PortRoute, RelayState, decode_state, encode_state
from tests.fakes.process import ProcessReactor

DB = PortRoute("tcp", 5432, "db.app")
LOG = PortRoute("udp", 514, "log.app")


class RelayReactor(ProcessReactor):
    """A reactor on a machine where a relay answers as soon as it runs, as ``daprdockr.relay.control`` has it."""

    def __init__(self) -> None:
        super().__init__()
        self.version = 0
        self.state = RelayState()
        self.troubles: dict[PortKey, str] = {}
        self.deaf = False

    def connectUNIX(self, path: str, factory: Any, timeout: float, checkPID: Any = 0) -> None:  # noqa: N802,N803
        if not self.living or self.deaf:
            factory.clientConnectionFailed(None, Failure(ConnectError()))
            return
        protocol = factory.buildProtocol(UNIXAddress(path))
        transport = StringTransport()
        protocol.makeConnection(transport)
        protocol.dataReceived(b"HTTP/1.0 200 -\r\n\r\n" + self._answer(transport.value()).encode())
        protocol.connectionLost(Failure(ConnectionDone()))

    def _answer(self, request: bytes) -> str:
        head, _, body = request.partition(b"\r\n\r\n")
        if head.startswith(b"GET /troubles"):
            return json.dumps([[*key, reason] for key, reason in sorted(self.troubles.items())[:MOST_TROUBLES]])
        if head.startswith(b"POST"):
            self.version, self.state = decode_state(body)
        return str(self.version)


class RelayTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor = RelayReactor()
        self.files = RelayFiles(Path(self.mktemp()).absolute())
        self.told: list[tuple[str, str]] = []
        self.sure = True

    def relay(self, start: bool = True) -> Relay:
        process = relay_process(self.files, self.reactor, {"PATH": "/usr/bin:/bin"}, leave_running=True)
        process.table = self.reactor.table
        relay = Relay(
            process=process,
            files=self.files,
            socket=RelaySocket(path="relay.sock", reactor=self.reactor),
            reactor=self.reactor,
            run=execute,
            is_sure=lambda: self.sure,
            record_event=lambda subject, text: self.told.append((subject, text)),
        )
        relay.move(["10.0.0.1"])
        if start:
            relay.startService()
            self.addCleanup(relay.stopService)
        return relay

    def publish(self, relay: Relay, *routes: PortRoute) -> None:
        relay.publish(PortRouting(routes))
        self.pass_time(0.5)

    def pass_time(self, seconds: float) -> None:
        self.reactor.pump([0.05] * round(seconds * 20))

    def test_only_where_there_are_routes(self) -> None:
        """An agent without TCP and UDP routes has no relay; the first route starts one."""
        relay = self.relay()
        self.publish(relay)
        self.assertEqual((self.reactor.processes, relay.condition), ([], None))
        self.publish(relay, DB)
        self.assertEqual(self.reactor.state, RelayState(("10.0.0.1", "127.0.0.1", "::1"), (DB,)))
        self.assertEqual((len(self.reactor.processes), relay.condition), (1, None))

    def test_stopped(self) -> None:
        """Routes that are published while the agent ends start no relay that nobody would end."""
        relay = self.relay()
        self.publish(relay)
        relay.stopService()
        self.publish(relay, DB)
        relay.move(["10.0.0.2"])
        self.assertEqual(self.reactor.processes, [])

    def test_changes(self) -> None:
        """Later routes, and other addresses of this node, reach the same relay and are kept on the disk."""
        relay = self.relay()
        with capturedLogs() as logged:
            self.publish(relay, DB)
        self.assertIn("version 1 of the TCP and UDP routes is in force", [formatEvent(event) for event in logged])
        self.publish(relay, DB, LOG)
        relay.move(["10.0.0.2"])
        self.pass_time(2.0)
        expected = RelayState(("10.0.0.2", "127.0.0.1", "::1"), (DB, LOG))
        self.assertEqual(self.reactor.state, expected)
        self.assertEqual(decode_state(self.files.routes.read_bytes())[1], expected)
        self.publish(relay)
        self.assertEqual(self.reactor.state.routes, ())
        self.assertEqual(len(self.reactor.processes), 1)

    def test_many_addresses(self) -> None:
        """A machine may have hundreds of addresses, such as those of its networks of containers."""
        relay, addresses = self.relay(), [f"10.0.{n // 256}.{n % 256}" for n in range(1000)]
        relay.move(addresses)
        self.publish(relay, DB)
        self.assertEqual(self.reactor.state.addresses, (*addresses, "127.0.0.1", "::1"))

    def test_starts_again(self) -> None:
        """A relay that ends is started again and given all routes; meanwhile that is what is wrong."""
        relay = self.relay()
        self.publish(relay, DB)
        self.reactor.living[0].end(by=9)
        self.assertEqual(relay.condition, RelayDown("killed by SIGKILL"))
        self.reactor.version, self.reactor.state = 0, RelayState()
        self.pass_time(3.0)
        self.assertEqual((self.reactor.state.routes, relay.condition), ((DB,), None))

    def test_last_known_routes(self) -> None:
        """An agent that finds routes of an earlier one starts the relay before it knows any itself."""
        self.files.directory.mkdir()
        self.files.keep_state(encode_state(RelayState(("10.0.0.1",), (DB,)), 0))
        self.relay()
        self.assertEqual(len(self.reactor.processes), 1)

    def test_last_known_routes_stay(self) -> None:
        """Until the agent knows routes it sends none, sure or not: the relay would close the ports that it serves."""
        self.files.directory.mkdir()
        self.files.keep_state(encode_state(RelayState(("10.0.0.1",), (DB,)), 0))
        for self.sure in (False, True):
            self.reactor.version, self.reactor.state = 0, RelayState(("10.0.0.1",), (DB,))
            relay = self.relay()
            self.pass_time(2.0)
            relay.move(["10.0.0.2"])
            self.pass_time(2.0)
            self.assertEqual(self.reactor.state, RelayState(("10.0.0.1",), (DB,)))
            relay.stopService()
        self.publish(self.relay(), LOG)
        self.assertEqual(self.reactor.state.routes, (LOG,))

    def test_not_sure(self) -> None:
        """Routes that are not sure do not replace those that an earlier agent's relay serves, until they are."""
        first = self.relay()
        self.publish(first, DB)
        first.stopService()
        self.sure = False
        later = self.relay()
        self.publish(later, LOG)
        self.assertEqual(self.reactor.state.routes, (DB,))
        self.sure = True
        later.confirm()
        self.pass_time(0.5)
        self.assertEqual((self.reactor.state.routes, len(self.reactor.processes)), ((LOG,), 1))

    def test_ports_that_are_taken(self) -> None:
        """
        A port that could not be bound is an event of its service, once, which names the address, as others may serve;
        and so is that it could at last.
        """
        relay = self.relay()
        self.reactor.troubles = {("tcp", 5432): "10.0.0.1:5432: another program holds it"}
        self.publish(relay, DB, LOG)
        self.pass_time(3 * POLL_PORTS)
        taken = "port 5432/tcp is not served on this node at 10.0.0.1:5432: another program holds it"
        self.assertEqual((self.told, relay.condition), ([("db.app", taken)], None))
        self.reactor.troubles = {}
        self.pass_time(POLL_PORTS)
        self.assertEqual(self.told[1:], [("db.app", "port 5432/tcp is served on this node now")])

    def test_more_troubles_than_an_answer_holds(self) -> None:
        """Of a port for which an answer of the relay has no room nobody says that it is served."""
        routes = [PortRoute("tcp", port, "db.app") for port in range(1, MOST_TROUBLES + 3)]
        relay = self.relay()
        self.reactor.troubles = {("tcp", route.port): "::1: taken" for route in routes[1:]}
        self.publish(relay, *routes)
        self.pass_time(POLL_PORTS)
        last = ("db.app", f"port {routes[-1].port}/tcp is not served on this node at ::1: taken")
        self.assertNotIn(last, self.told)
        self.reactor.troubles[("tcp", 1)] = "::1: taken"
        self.pass_time(2 * POLL_PORTS)
        self.assertEqual([text for _, text in self.told if "is served" in text], [])
        self.reactor.troubles = {("tcp", routes[-1].port): "::1: taken"}
        self.pass_time(POLL_PORTS)
        self.assertIn(last, self.told)
        self.assertEqual(len([text for _, text in self.told if "is served" in text]), len(routes) - 1)
        self.assertEqual(len(self.told), len(set(self.told)))

    def test_no_answer(self) -> None:
        """A relay that does not take routes is what is wrong, until it does."""
        relay = self.relay()
        self.publish(relay, DB)
        self.reactor.deaf = True
        self.publish(relay, LOG)
        self.assertEqual(relay.condition, PortsNotServed("the relay did not take the routes: no answer"))
        self.reactor.deaf = False
        self.pass_time(3.0)
        self.assertEqual((relay.condition, self.reactor.state.routes), (None, (LOG,)))

    def test_leaves_it_running(self) -> None:
        """The end of the agent is not the end of the relay."""
        relay = self.relay()
        self.publish(relay, DB)
        relay.stopService()
        self.assertEqual(self.reactor.living[0].signals, [])
