"""HTTPS of a real nginx: which certificate a client gets, protocols, tickets, and what routes want of TLS."""

from __future__ import annotations

import os
import re

from attrs import evolve
from cryptography.hazmat.primitives.asymmetric import rsa

from daprdockr.model.stored.certificate import FILE, CertificatePair
from daprdockr.model.wanted.http import OFF, REQUIRE
from daprdockr.proxy.certificates import Certificate, certificate_state
from daprdockr.proxy.clients import HttpClients
from daprdockr.proxy.configuration import HttpListener
from daprdockr.proxy.tls_files import TlsFiles
from daprdockr.sealing.certificates import facts_of, ticket_key
from tests.build.pairs import self_signed as pair_for
from tests.build.ports import free_port
from tests.rig.nginx_here import group_of, route, until
from tests.rig.tls_here import NAME, SECRET, TlsTestCase, fingerprint, state_of

OTHER = "a.example.org"


class CertificateTests(TlsTestCase):
    async def test_by_name(self) -> None:
        """A client gets the certificate of its name, that of the wildcard, or the default; RSA as well as ECDSA."""
        exact = pair_for((NAME,))
        wild = pair_for(("*.example.com", "example.com"), rsa.generate_private_key(65537, 2048))
        await self.served(state_of(exact, wild, unknown=self.default))
        for name, pair in (
            (NAME, exact),
            ("WEB.Example.COM", exact),
            ("api.example.com", wild),
            ("example.com", wild),
            ("a.web.example.com", self.default),
            ("example.org", self.default),
            (None, self.default),
        ):
            self.assertEqual(await self.shown(name), fingerprint(pair), name)

    async def test_refused(self) -> None:
        """Where unknown names are refused their handshakes fail, and those of known ones do not."""
        pair = pair_for((NAME,))
        await self.served(state_of(pair))
        self.assertEqual([await self.shown(name) for name in (NAME, OTHER, None)], [fingerprint(pair), None, None])

    async def test_replaced(self) -> None:
        """A replaced certificate is in force with the next handshake, in the same workers; a removed one is gone."""
        first, second, other = pair_for((NAME,)), pair_for((NAME,)), pair_for((OTHER,))
        nginx = await self.served(state_of(first, other))
        assert nginx.pid is not None
        workers = group_of(nginx.pid)
        self.assertEqual([await self.shown(name) for name in (NAME, OTHER)], [fingerprint(first), fingerprint(other)])
        await self.certified(nginx, state_of(second))
        shown = {await self.shown(NAME) for _ in range(20)}
        self.assertEqual((shown, await self.shown(OTHER)), ({fingerprint(second)}, None))
        self.assertEqual(group_of(nginx.pid), workers)

    async def test_full(self) -> None:
        """
        nginx has room for as much as it is given at most, be it in pairs or in names, also for the one in the place of
        the other.
        """
        pair = pair_for((NAME,))
        nginx = await self.served(state_of(pair))
        facts = facts_of(pair)
        many_pairs = {
            f"{n}.b": Certificate(f"{n}.b", FILE, CertificatePair("c" * 5000, f"{n}"), facts) for n in range(3000)
        }
        many_names = {f"{n}.b": Certificate("b", FILE, CertificatePair("c", "k"), facts) for n in range(90_000)}
        for given in (many_pairs, many_names):
            state = certificate_state(given, pair, ticket_key(SECRET, 1))
            self.assertTrue(state.left_out)
            await self.certified(nginx, state)
            self.assertEqual(await self.shown(NAME), fingerprint(pair))
        self.assertEqual((nginx.status.failures, nginx.status.reason), (0, ""))

    async def test_alone(self) -> None:
        """An nginx that is started anew has the certificates before any agent speaks; no key is in its directory."""
        pair, memory = pair_for((NAME,)), self.memory()
        nginx = await self.served(state_of(pair), memory=memory, leave_running=True)
        await until(lambda: (memory / "certificates.json").exists())
        pid = nginx.pid
        assert pid is not None
        await nginx.stopService()
        os.killpg(pid, 9)
        await until(lambda: not group_of(pid))
        again = self.nginx(
            listeners=[HttpListener("127.0.0.1", self.tls_port, tls=True)], tls=TlsFiles(memory, self.default)
        )
        again.startService()
        await until(lambda: again.status.generation)
        self.assertEqual(await self.shown(NAME), fingerprint(pair))
        secret = pair.key.splitlines()[1].encode()
        kept = [path.read_bytes() for path in self.directory.rglob("*") if path.is_file()]
        self.assertTrue(kept)
        self.assertFalse([content for content in kept if secret in content])
        self.assertEqual([path.stat().st_mode & 0o777 for path in memory.iterdir()], [0o600] * 3)

    async def test_no_more(self) -> None:
        """An agent without TLS listeners removes the keys of the former one, and not before nginx does without them."""
        memory = self.memory()
        nginx = await self.served(state_of(pair_for((NAME,))), memory=memory, leave_running=True)
        await until(lambda: (memory / "certificates.json").exists())
        await nginx.stopService()
        after = self.nginx()
        self.assertTrue(memory.exists())
        after.startService()
        await until(lambda: after.status.generation)
        self.assertFalse(memory.exists())


class ProtocolTests(TlsTestCase):
    async def test_protocols(self) -> None:
        """TLS 1.2 and 1.3 are spoken and nothing older, with ciphers that have forward secrecy and AEAD alone."""
        pairs = pair_for((NAME,)), pair_for((OTHER,), rsa.generate_private_key(65537, 2048))
        await self.served(state_of(*pairs))
        for option, expected in (("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")):
            said = await self.openssl(option, "-servername", NAME)
            self.assertIn(f"New, {expected}, Cipher is", said)
        weak = "ALL:COMPLEMENTOFALL:!ECDHE+AESGCM:!ECDHE+CHACHA20:@SECLEVEL=0"
        for name in (NAME, OTHER):
            for option in ("-tls1", "-tls1_1"):
                said = await self.openssl(option, "-servername", name, "-cipher", "ALL:@SECLEVEL=0")
                self.assertIn("Cipher is (NONE)", said, option)
            said = await self.openssl("-tls1_2", "-servername", name, "-cipher", weak)
            self.assertIn("Cipher is (NONE)", said)
            good = await self.openssl("-tls1_2", "-servername", name, "-cipher", "ALL:@SECLEVEL=0")
            self.assertRegex(good, r"Cipher is ECDHE-(ECDSA|RSA)-(AES|CHACHA20)")

    async def test_http2(self) -> None:
        """Clients that can, speak HTTP/2; an instance learns that the request came by TLS."""
        place = self.upstream()
        await self.served(state_of(pair_for((NAME,))), route(NAME, place))
        said = await self.curl("--http2", "-d", "x" * 100_000, "-w", "\n%{http_version} %{http_code}")
        self.assertIn("\n2 200", said)
        self.assertIn('"x-forwarded-proto": ["https"]', said)
        self.assertIn('"body": 100000', said)
        self.assertIn(f'"x-forwarded-port": ["{self.tls_port}"]', said)
        self.assertIn("\n1.1 200", await self.curl("--http1.1", "-w", "\n%{http_version} %{http_code}"))

    async def test_no_tls(self) -> None:
        """A request without TLS on a port for TLS is refused by a page that says so, and reaches no instance."""
        await self.served(state_of(pair_for((NAME,))), route(NAME, self.upstream()))
        answer = await self.get(NAME, port=self.tls_port)
        self.assertEqual(
            (answer.code, answer.text), (400, "this port speaks TLS: the URL has to begin with https://\n")
        )
        answer = await self.get(NAME, port=self.tls_port, headers={"Accept": "text/html"})
        self.assertIn("<p>This port speaks TLS: the URL has to begin with https://.</p>", answer.text)
        self.assertNotIn("nginx", answer.text)
        again = b"GET / HTTP/1.1\r\nHost: web.example.com\r\n\r\n"
        self.assertEqual((await self.converse(again * 2, b"https://", port=self.tls_port)).count(b"HTTP/1.1 400"), 1)

    async def test_tickets(self) -> None:
        """A session is resumed by another node, but with the key of another day there is a full handshake."""
        pair = pair_for((NAME,))
        await self.served(state_of(pair))
        other_port, first = free_port(), self.directory
        self.directory, self.port = self.memory(), free_port()
        other = await self.served(state_of(pair), tls_port=other_port)
        for option in ("-tls1_2", "-tls1_3"):
            session = str(first / f"session{option}")
            arguments = (option, "-servername", NAME)
            said = await self.openssl(*arguments, "-sess_out", session, request=b"GET / HTTP/1.0\r\n\r\n")
            self.assertIn("New, ", said)
            for port in (self.tls_port, other_port):
                for _ in range(3):
                    said = await self.openssl(*arguments, "-sess_in", session, port=port)
                    self.assertIn("Reused, ", said)
            await self.certified(other, state_of(pair, day=2))
            self.assertIn("New, ", await self.openssl(*arguments, "-sess_in", session, port=other_port))
            await self.certified(other, state_of(pair))


class WishTests(TlsTestCase):
    async def test_wishes(self) -> None:
        """
        ``require`` sends plain requests to TLS with method and target, but those of a CA; ``off`` is not there by TLS;
        only by TLS browsers are asked to stay with it.
        """
        place = self.upstream()
        plain = evolve(route("off.example.com", place), tls=OFF)
        strict = evolve(route(NAME, place), tls=REQUIRE, hsts=31536000)
        await self.served(state_of(pair_for(("*.example.com",))), strict, plain)
        answer = await self.get(NAME, "/a%20b?c=d", allow_redirects=False, method="POST", data=b"x")
        location = f"https://{NAME}:{self.tls_port}/a%20b?c=d"
        self.assertEqual((answer.code, answer.headers["location"]), (308, location))
        self.assertNotIn("strict-transport-security", answer.headers)
        self.assertEqual((await self.get(NAME, "/.well-known/acme-challenge/x")).code, 200)
        self.assertEqual((await self.get("off.example.com")).code, 200)
        self.assertRegex(await self.curl("-i"), r"(?s)200.*strict-transport-security: max-age=31536000")
        said = await self.curl("-i", name="off.example.com")
        self.assertTrue(re.match(r"HTTP/2 404", said), said)
        self.assertNotIn("strict-transport", said)

    async def test_protocol_at_proxy(self) -> None:
        """A request that came to a trusted proxy by TLS is not sent there again, whatever the proxy calls that."""
        strict = evolve(route(NAME, self.upstream()), tls=REQUIRE, hsts=1, sticky="there")
        await self.started(strict, clients=HttpClients(trusted=("127.0.0.0/8",)))
        for said, status in (("https", 200), ("HTTPS", 200), ("wss", 200), ("http", 308), ("ws", 308)):
            answer = await self.get(NAME, allow_redirects=False, headers={"X-Forwarded-Proto": said})
            self.assertEqual(answer.code, status, said)
            self.assertEqual("Secure" in answer.headers.get("set-cookie", ""), status == 200, said)
