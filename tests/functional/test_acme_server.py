"""The adapter against a real ACME server."""

from __future__ import annotations

import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography import x509
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.acme.keys import SigningKey, renewal_id
from daprdockr.acme.orders import DNS, HTTP, Clocking, Enrolment
from daprdockr.acme.server import AcmeServer
from daprdockr.model.errors import AcmeRefused, AcmeUnavailable, OrderLost
from tests.build.ports import free_port
from tests.rig.pebble import Pebble

WITHIN = 30.0
KEY = SigningKey.generate()
CLOCKING = Clocking(time.monotonic, time.sleep)


def answering(content: bytes) -> type[BaseHTTPRequestHandler]:
    """A web server's behaviour: it gives each request this answer, in which ``{token}`` is the end of its path."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(content.replace(b"{token}", self.path.rpartition("/")[2].encode()))

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    return Answering


class AcmeServerTestCase(SynchronousTestCase):
    def web(self, content: bytes) -> int:
        """A web server; its port."""
        server = ThreadingHTTPServer(("127.0.0.1", free_port()), answering(content))
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return int(server.server_address[1])

    def pebble(self, answer: str = KEY.thumbprint, modes: dict[str, str] | None = None, **settings: Any) -> Pebble:
        """Pebble, and a web server that answers its challenges in this way."""
        pebble = Pebble(self.web(b"{token}." + answer.encode()), modes or {}, **settings)
        self.addCleanup(pebble.close)
        return pebble.__enter__()

    def server(self, pebble: Pebble, enrolment: Enrolment = Enrolment("anna@example.com")) -> AcmeServer:  # noqa: B008
        return AcmeServer(pebble.directory, ca=pebble.ca, key=KEY, enrolment=enrolment, clocking=CLOCKING)


class PebbleTests(AcmeServerTestCase):
    def test_certificate(self) -> None:
        """Half of all nonces are bad, and an order leads to a certificate; any process with its URL can go on."""
        pebble = self.pebble(modes={"PEBBLE_WFE_NONCEREJECT": "50"})
        server, key = self.server(pebble), SigningKey.generate()
        order = server.order("a.example.com")
        (challenge,) = server.look(order).challenges
        self.assertEqual((challenge.kind, challenge.host_name), (HTTP, "a.example.com"))
        server.answer(order, [challenge], WITHIN)
        another = self.server(pebble)
        self.assertEqual(another.look(order).status, "ready")
        chain = another.finish(order, key.request("a.example.com"), WITHIN)
        self.assertEqual(len(x509.load_pem_x509_certificates(chain)), 2)
        self.assertEqual(self.server(pebble).finish(order, b"", WITHIN), chain)
        self.assertIn("There are now 1 accounts", pebble.log)
        self.assertNotIn("There are now 2 accounts", pebble.log)
        self._renewed(server, renewal_id(chain))

    def _renewed(self, server: AcmeServer, former: str) -> None:
        window = server.renewal(former)
        if window is not None:  # an old Pebble says nothing of renewals
            self.assertTrue(time.time() < window.begins <= window.ends)
        self.assertNotEqual(server.order("a.example.com", former), server.order("a.example.com", former))

    def test_looking(self) -> None:
        """An order whose challenge the server is looking at goes on, though nothing of it may be sent twice."""
        pebble = self.pebble(modes={"PEBBLE_VA_NOSLEEP": "0", "PEBBLE_VA_SLEEPTIME": "3"})
        server = self.server(pebble)
        order = server.order("a.example.com")
        with contextlib.suppress(AcmeUnavailable):
            server.answer(order, server.look(order).challenges, 0.0)
        another = self.server(pebble)
        another.answer(order, another.look(order).challenges, WITHIN)
        self.assertEqual(another.look(order).status, "ready")

    def test_wildcard(self) -> None:
        """A wildcard is proved by a text record, and a name that fails says why."""
        server = self.server(self.pebble())
        order = server.order("*.example.com")
        (challenge,) = server.look(order).challenges
        self.assertEqual((challenge.kind, challenge.host_name, len(challenge.value)), (DNS, "example.com", 43))
        with self.assertRaisesRegex(OrderLost, r"refused \(unauthorized\)"):
            server.answer(order, [challenge], WITHIN)
        with self.assertRaises(OrderLost):
            server.look(order)

    def test_forgotten(self) -> None:
        """A server that forgot everything has no such order, and is asked for the account again."""
        pebble = self.pebble(answer="another account")
        server = self.server(pebble)
        order = server.order("a.example.com")
        pebble.end()
        pebble.start()
        with self.assertRaises(AcmeRefused):
            server.look(order)
        with self.assertRaises(OrderLost):
            server.look(order)
        with self.assertRaisesRegex(OrderLost, "refused"):
            server.answer(fresh := server.order("a.example.com"), server.look(fresh).challenges, WITHIN)

    def test_refused(self) -> None:
        """A name that the server never serves is refused, with its own words."""
        server = self.server(self.pebble(domainBlocklist=["blocked.example"]))
        with self.assertRaisesRegex(AcmeRefused, "rejectedIdentifier.*blocked.example"):
            server.order("a.blocked.example")

    def test_binding(self) -> None:
        """A server that asks for an account elsewhere gets it."""
        known = {"kid-1": "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"}
        pebble = self.pebble(externalAccountBindingRequired=True, externalAccountMACKeys=known)
        with self.assertRaisesRegex(AcmeRefused, "externalAccountRequired"):
            self.server(pebble).order("a.example.com")
        bound = self.server(pebble, Enrolment(binding=("kid-1", known["kid-1"])))
        self.assertTrue(bound.look(bound.order("a.example.com")).challenges)


class WrongServerTests(AcmeServerTestCase):
    def test_not_trusted(self) -> None:
        """A server that is not trusted is one line."""
        server = AcmeServer(self.pebble().directory, ca=None, key=KEY, enrolment=Enrolment(), clocking=CLOCKING)
        error = self.assertRaises(AcmeUnavailable, server.order, "a.example.com")
        self.assertIn("not trusted", str(error))
