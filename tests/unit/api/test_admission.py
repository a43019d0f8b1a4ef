"""The rules of the HTTP listener: on loopback, beyond it, with a token and without."""

from __future__ import annotations

import base64
from pathlib import Path

from twisted.internet.address import IPv4Address
from twisted.trial.unittest import SynchronousTestCase
from twisted.web.resource import Resource, getChildForRequest
from twisted.web.static import Data
from twisted.web.test.requesthelper import DummyRequest

from daprdockr.api.admission import GuardedRoot, is_local_name, is_loopback, read_token
from daprdockr.model.errors import BadInput

TOKEN = "0123456789abcdef"


class Arrived(DummyRequest):
    """A request that came to an address of ours, without a ``Host``."""

    def __init__(self, at: str, path: str) -> None:
        super().__init__([path.encode()])
        self._at = at

    def getHost(self) -> IPv4Address:  # noqa: N802  Twisted's name
        return IPv4Address("TCP", self._at, 5080)


class GuardedRootTests(SynchronousTestCase):
    """``GET /secret`` and ``GET /healthz``."""

    def setUp(self) -> None:
        self.token: str | None = TOKEN
        self.root: Resource = GuardedRoot(lambda: self.token)
        for path in (b"healthz", b"secret"):
            self.root.putChild(path, Data(b"content", "text/plain"))

    def ask(self, at: str, path: str = "secret", **headers: str) -> int:
        """The status of the answer; 200 comes with the content, another one with one line that says what to do."""
        request = Arrived(at, path)
        for name, value in headers.items():
            request.requestHeaders.setRawHeaders(name.encode(), [value.encode()])
        body = getChildForRequest(self.root, request).render(request)
        status = request.responseCode or 200
        self.assertTrue(body == b"content" if status == 200 else body.count(b"\n") == 1)
        return status

    def test_loopback(self) -> None:
        """On loopback everything is open to who names this host by an address, as localhost, or not at all."""
        for host in ("localhost", "LOCALHOST:5080", "127.0.0.1:5080", "[::1]:5080", "[::1]", "10.0.0.1"):
            self.assertEqual(self.ask("127.0.0.1", host=host), 200)
        self.assertEqual(self.ask("127.0.0.1"), 200)

    def test_rebinding(self) -> None:
        """A name that somebody's DNS leads here is not answered: a page in a browser cannot read anything."""
        for host in ("evil.example", "evil.example:5080", "127.0.0.1.evil.example", "localhost.evil.example:80"):
            self.assertEqual(self.ask("127.0.0.1", host=host), 421)

    def test_beyond_loopback(self) -> None:
        """Elsewhere the token opens it, by whatever name; a wrong one, or none, does not."""
        self.assertEqual(self.ask("10.0.0.1", authorization=f"Bearer {TOKEN}", host="node1.example"), 200)
        self.assertEqual(self.ask("10.0.0.1", authorization=f"bearer  {TOKEN}"), 200)
        for wrong in (f"Bearer {TOKEN}0", "Bearer ", "Bearer", f"Basic {TOKEN}", TOKEN, "Bearer \u00e9"):
            self.assertEqual(self.ask("10.0.0.1", authorization=wrong), 401)
        self.assertEqual(self.ask("10.0.0.1"), 401)

    def test_browser(self) -> None:
        """A browser is asked for a user and a password: the token is the password, and the user may be any."""
        for user in ("", "anna", "é"):
            given = base64.b64encode(f"{user}:{TOKEN}".encode()).decode()
            self.assertEqual(self.ask("10.0.0.1", authorization=f"Basic {given}"), 200)
        for wrong in (f"{TOKEN}:", TOKEN, f"anna:{TOKEN}0", "anna:", ""):
            given = base64.b64encode(wrong.encode()).decode()
            self.assertEqual(self.ask("10.0.0.1", authorization=f"Basic {given}"), 401)
        self.assertEqual(self.ask("10.0.0.1", authorization="Basic %%%"), 401)
        request = Arrived("10.0.0.1", "secret")
        getChildForRequest(self.root, request).render(request)
        schemes = [one.partition(b" ")[0] for one in request.responseHeaders.getRawHeaders(b"www-authenticate") or []]
        self.assertEqual(schemes, [b"Bearer", b"Basic"])

    def test_no_token(self) -> None:
        """Without a file, or while it cannot be read, nothing opens it."""
        for self.token in (None, ""):
            self.assertEqual(self.ask("10.0.0.1", authorization="Bearer "), 403)
            self.assertEqual(self.ask("127.0.0.1"), 200)

    def test_health(self) -> None:
        """/healthz is open to all: load balancers have no token."""
        self.assertEqual(self.ask("10.0.0.1", "healthz", host="evil.example"), 200)

    def test_addresses(self) -> None:
        """Loopback is all of it, in each form; a name is none of it."""
        self.assertTrue(all(map(is_loopback, ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"))))
        self.assertFalse(any(map(is_loopback, ("10.0.0.1", "::", "::ffff:10.0.0.1", "fe80::1%eth0", "localhost", ""))))
        self.assertFalse(is_local_name("[::1"[:1] + "evil"))


class TokenTests(SynchronousTestCase):
    """``--api-token-file``"""

    def read(self, content: bytes) -> str:
        path = Path(self.mktemp())
        path.write_bytes(content)
        return read_token(path)

    def test_first_line(self) -> None:
        """The token is the first line, without the white space around it."""
        self.assertEqual(self.read(f" {TOKEN}\r\nmore\n".encode()), TOKEN)

    def test_refused(self) -> None:
        """A line that is short, empty, or could not stand in a header is no token, and the refusal says what is."""
        for content in (b"", b"\n", b"short\n", b"\n" + TOKEN.encode(), b"0123456789\x00abcdef", "é".encode() * 20):
            self.assertIn("openssl rand", str(self.assertRaises(BadInput, self.read, content)))
