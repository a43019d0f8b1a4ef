"""An agent asks what answers at an address before an ACME server asks the same."""

from __future__ import annotations

import contextlib
import socket
from contextlib import closing
from threading import Event, Thread

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.acme.reached import MOST_BYTES, ask_address
from tests.build.ports import free_port
from tests.fakes.acme_http import Scripted, ScriptedAcme

ANSWER = b"HTTP/1.0 200 OK\r\n\r\nff.print"


def dripping(listening: socket.socket) -> None:
    """Send a good answer to the first client, in a second and a half."""
    opened, _ = listening.accept()
    with opened, contextlib.suppress(OSError):  # the client waits no more
        for octet in ANSWER:
            opened.sendall(bytes((octet,)))
            Event().wait(0.05)


PATH = "/.well-known/acme-challenge/ff"


class AskedAddressTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.web = ScriptedAcme()
        self.addCleanup(self.web.close)
        self.port = int(self.web.base.rpartition(":")[2])

    def ask(self, answer: Scripted, address: str = "127.0.0.1") -> str:
        self.web.script[PATH] = [answer]
        return ask_address(address, "a.test", PATH, self.port)

    def test_answer(self) -> None:
        """The text at the path is returned, as much of it as a challenge may have."""
        self.assertEqual(self.ask(Scripted(b"ff.print")), "ff.print")
        self.assertEqual(len(self.ask(Scripted(b"x" * 5000))), MOST_BYTES)
        self.assertEqual(self.ask(Scripted(b"\xff.")), "\N{REPLACEMENT CHARACTER}.")

    def test_elsewhere(self) -> None:
        """An error and a redirection are no answer, and nobody follows where it leads."""
        self.assertEqual(self.ask(Scripted(b"ff.print", 404)), "")
        self.assertNotEqual(self.ask(Scripted(b"", 302, {"Location": "{base}/newNonce"})), "ff.print")
        self.assertEqual(self.web.of("/newNonce"), [])

    def test_slow(self) -> None:
        """A stranger who sends one octet after the other holds nobody up: what is late is no answer."""
        with closing(socket.create_server(("127.0.0.1", 0))) as slow:
            thread = Thread(target=dripping, args=(slow,), daemon=True)
            thread.start()
            self.addCleanup(thread.join)
            self.assertEqual(ask_address("127.0.0.1", "a.test", PATH, slow.getsockname()[1], within=0.2), "")

    def test_nonsense(self) -> None:
        """Bytes that are no answer of a web server count as none."""
        self.assertEqual(self.ask(Scripted(b"", 200, {"Content-Length": "many"})), "")
        self.assertEqual(self.ask(Scripted(b"x", 200, {"Transfer-Encoding": "chunked"})), "")

    def test_nobody(self) -> None:
        """Where nobody listens there is no answer, over IPv6 too."""
        for address in ("127.0.0.1", "::1"):
            self.assertEqual(ask_address(address, "a.test", PATH, free_port()), "")
