"""The headers of requests and answers in a real nginx: how large they may be, and which names they have."""

from __future__ import annotations

from typing import ClassVar

from attrs import evolve
from twisted.internet.protocol import Factory, Protocol

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.proxy.clients import HttpClients
from daprdockr.proxy.configuration import HttpListener
from daprdockr.proxy.routes import Upstream
from tests.build.ports import free_port
from tests.rig.nginx_here import WEB, NginxTestCase, route

NAME = "web.example.com"
POSTS = ServiceName(group="shop", service="posts")
KIB = 1024


class Parrot(Protocol):
    """Answers with the bytes that it got; with headers of N bytes to a request for ``/N``; with nonsense to others."""

    received = b""
    asked: ClassVar[list[bytes]] = []

    def dataReceived(self, data: bytes) -> None:
        assert self.transport is not None
        self.received += data
        if not self.received.endswith(b"\r\n\r\n"):
            return
        head, self.received = self.received, b""
        path = head.split()[1].removeprefix(b"/")
        if path == b"nonsense":
            self.asked.append(path)
            self.transport.write(b"HTTP/1.1 200 OK\r\nno header\r\n\r\n")
            return
        large = b"X-Large: %s\r\n" % (b"x" * int(path)) if path.isdigit() else b""
        self.transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n%s\r\n%s" % (len(head), large, head))


class HeaderCase(NginxTestCase):
    async def parrots(self) -> None:
        places = [self.listen(Factory.forProtocol(Parrot)) for _ in range(2)]
        upstreams = [Upstream(InstanceName(WEB, i), "127.0.0.1", port) for i, port in enumerate(places, 1)]
        await self.started(route(NAME, *upstreams))

    async def said(self, *lines: bytes, path: bytes = b"/") -> bytes:
        """The answer to a request with these headers, head and body."""
        head = b"\r\n".join([b"GET %s HTTP/1.1" % path, b"Host: " + NAME.encode(), b"Connection: close", *lines])
        return await self.converse(head + b"\r\n\r\n", b"\r\n\r\n")


class SizeTests(HeaderCase):
    """How large headers may be."""

    async def test_request(self) -> None:
        """Headers of a request pass up to 64 KiB, as one cookie, as a URL, and as many lines."""
        await self.parrots()
        cookie = b"Cookie: " + b"c" * 60 * KIB
        self.assertIn(cookie, await self.said(cookie))
        self.assertIn(b"c" * 30 * KIB, await self.said(b"Cookie: " + b"c" * 30 * KIB, path=b"/?" + b"u" * 30 * KIB))
        url = b"/?" + b"u" * 60 * KIB
        self.assertIn(b"GET " + url, await self.said(path=url))
        lines = [b"X-Line-%d: %s" % (number, b"v" * 50) for number in range(900)]
        answer = await self.said(*lines)
        self.assertEqual([line for line in lines if line not in answer], [])

    async def test_request_too_large(self) -> None:
        """A header line or a URL above 64 KiB is refused, with the limit."""
        await self.parrots()
        answer = await self.said(b"Cookie: " + b"c" * 80 * KIB)
        self.assertTrue(answer.startswith(b"HTTP/1.1 431 "), answer[:100])
        self.assertTrue(answer.endswith(b"the headers of the request are larger than 64 KiB\n"), answer)
        answer = await self.said(path=b"/?" + b"u" * 80 * KIB)
        self.assertTrue(answer.startswith(b"HTTP/1.1 414 "), answer[:100])
        self.assertTrue(answer.endswith(b"the URL is longer than 64 KiB\n"), answer)
        answer = await self.said(*[b"X-Line-%d: %s" % (number, b"v" * KIB) for number in range(150)])
        self.assertTrue(answer.startswith(b"HTTP/1.1 431 "), answer[:100])

    async def test_of_a_route(self) -> None:
        """A route may take less: its own limit counts the first line and all headers, but no byte of a body."""
        place = Upstream(InstanceName(WEB, 1), "127.0.0.1", self.listen(Factory.forProtocol(Parrot)))
        limited = evolve(route(NAME, place), max_header=2 * KIB)
        posts = evolve(route("posts.example.com", self.upstream()), service=POSTS, max_header=2 * KIB)
        await self.started(limited, route("other.example.com", place), posts)
        self.assertIn(b"c" * KIB, await self.said(b"Cookie: " + b"c" * KIB))
        posted = await self.get("posts.example.com", method="POST", data=b"b" * 4 * KIB)
        self.assertEqual((posted.code, posted.seen["body"]), (200, 4 * KIB))
        lines = [b"X-Line-%d: %s" % (number, b"v" * 50) for number in range(40)]
        for refused in (await self.said(*lines), await self.said(path=b"/?" + b"u" * 2 * KIB)):
            self.assertTrue(refused.startswith(b"HTTP/1.1 431 "), refused[:100])
            self.assertTrue(refused.endswith(b"headers of the request are larger than this service takes\n"), refused)
        other = b"GET / HTTP/1.1\r\nHost: other.example.com\r\nConnection: close\r\n" + b"\r\n".join(lines)
        self.assertIn(lines[-1], await self.converse(other + b"\r\n\r\n", b"\r\n\r\n"))

    async def test_answer(self) -> None:
        """Headers of an answer pass up to 64 KiB; larger ones are 502, with the reason."""
        await self.parrots()
        for size in (20 * KIB, 60 * KIB):
            self.assertIn(b"x" * size, await self.said(path=b"/%d" % size))
        answer = await self.get(NAME, f"/{80 * KIB}")
        self.assertEqual((answer.code, answer.text), (502, "the headers of the answer are larger than 64 KiB\n"))

    async def test_no_answer_at_all(self) -> None:
        """An answer that is not HTTP becomes 502, with the reason, and no other instance is asked."""
        await self.parrots()
        Parrot.asked.clear()
        answer = await self.get(NAME, "/nonsense")
        self.assertEqual((answer.code, len(Parrot.asked)), (502, 1))
        self.assertIn("other than HTTP", answer.text)


class NameTests(HeaderCase):
    """Which names headers may have."""

    async def test_passed_on(self) -> None:
        """Names with ``_``, ``.`` and the other characters of a token are passed on."""
        await self.parrots()
        lines = [b"my_header: a", b"my.header: b", b"X_Api_Key: c", b"!#$%&'*+-.^_`|~9z: d", b"_: e"]
        answer = await self.said(*lines)
        self.assertEqual([line for line in lines if line not in answer], [])

    async def test_other_spellings_of_ours(self) -> None:
        """A header that an application takes for one that the front door sets does not reach it."""
        await self.parrots()
        spellings = [b"X_Forwarded_For", b"x-forwarded_for", b"X_FORWARDED-PROTO", b"X_Real_IP", b"Content_Length"]
        answer = await self.said(*[name + b": 6.6.6.6" for name in spellings])
        self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer)
        self.assertNotIn(b"6.6.6.6", answer)
        for name in [b"X.Forwarded-For", b"x.real.ip", b"Transfer-Encoding".replace(b"-", b".")]:
            answer = await self.said(name + b": 6.6.6.6")
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
            self.assertIn(b"written with a dot", answer)

    async def test_no_names(self) -> None:
        """A name that HTTP does not allow is refused, also far behind in large headers."""
        await self.parrots()
        for line in [b"a(b): 1", b"a\xa0: 1", b"\x85Host: x", b'"a": 1', b"a\xc3\xbc: 1", b": 1", b"a/b: 1"]:
            answer = await self.said(b"Cookie: " + b"c" * 30 * KIB, line, b"X-After: 1")
            self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), (line, answer[:200]))

    async def test_many_names(self) -> None:
        """A name is passed on or refused as before after a thousand others, however long they are."""
        await self.parrots()
        for number in range(0, 1200, 100):
            answer = await self.said(*[b"x-%d-%s: 1" % (n, b"n" * (n % 90)) for n in range(number, number + 100)])
            self.assertTrue(answer.startswith(b"HTTP/1.1 200 "), answer[:200])
        long = b"l" * 80
        for _ in range(2):
            for name in [b"a(b)", long + b"(b)", b"X.Forwarded-For"]:
                answer = await self.said(name + b": 1")
                self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), (name, answer[:200]))
            for name in [b"x-7-" + b"n" * 7, long, b"my.header"]:
                self.assertIn(name + b": 1", await self.said(name + b": 1"))

    async def test_no_colon_needed_in_a_value(self) -> None:
        """Values may hold what names may not."""
        await self.parrots()
        line = b'Cookie: a=(1); b=\xc3\xbc; c="x:y"'
        self.assertIn(line, await self.said(line))


class TrustTests(HeaderCase):
    """Headers about the client are believed from trusted proxies only."""

    CLAIMS: ClassVar[dict[str, str]] = {
        "X-Forwarded-For": "6.6.6.6, 192.0.2.7",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "shop.example.com",
        "X-Forwarded-Port": "8443",
        "X-Forwarded-Ssl": "on",
        "Forwarded": "for=192.0.2.7",
    }

    async def headers(self, trusted: tuple[str, ...], **given: str) -> dict[str, str]:
        await self.started(route(NAME, self.upstream()), clients=HttpClients(trusted=trusted))
        seen: dict[str, list[str]] = (await self.get(NAME, headers=given)).seen["headers"]
        return {name: values[0] for name, values in seen.items() if len(values) == 1}

    async def test_trusted(self) -> None:
        """Headers of a trusted proxy are kept; the client is the last address that is not trusted itself."""
        headers = await self.headers(
            ("127.0.0.0/8", "10.0.0.0/8"), **{**self.CLAIMS, "X-Forwarded-For": "192.0.2.7, 10.0.0.9"}
        )
        self.assertEqual(headers["x-real-ip"], "192.0.2.7")
        self.assertEqual(headers["x-forwarded-for"], "192.0.2.7, 10.0.0.9, 127.0.0.1")
        self.assertEqual(headers["x-forwarded-proto"], "https")
        self.assertEqual(headers["x-forwarded-host"], "shop.example.com")
        self.assertEqual(headers["x-forwarded-port"], "8443")
        self.assertEqual(headers["x-forwarded-ssl"], "on")
        self.assertEqual(headers["forwarded"], "for=192.0.2.7")

    async def test_untrusted_part_of_the_chain(self) -> None:
        """An address that a client put in front of the chain is not taken for its own."""
        headers = await self.headers(("127.0.0.1/32",), **self.CLAIMS)
        self.assertEqual(headers["x-real-ip"], "192.0.2.7")

    async def test_trusted_but_silent(self) -> None:
        """
        A header that a trusted proxy omits is set as without it; a protocol without a port has its usual one.

        Of the values of several proxies the first one counts.
        """
        headers = await self.headers(("127.0.0.1/32",))
        self.assertEqual((headers["x-forwarded-for"], headers["x-forwarded-proto"]), ("127.0.0.1", "http"))
        self.assertEqual((headers["x-forwarded-host"], headers["x-forwarded-port"]), (NAME, str(self.port)))
        headers = (await self.get(NAME, headers={"X-Forwarded-Proto": "https"})).seen["headers"]
        self.assertEqual((headers["x-forwarded-proto"], headers["x-forwarded-port"]), (["https"], ["443"]))
        for said, port in (("8443, 80", "8443"), ("none", "443")):
            chained = {"X-Forwarded-Proto": "https, http", "X-Forwarded-Port": said}
            headers = (await self.get(NAME, headers=chained)).seen["headers"]
            self.assertEqual((headers["x-forwarded-proto"], headers["x-forwarded-port"]), (["https"], [port]))

    async def test_others(self) -> None:
        """Headers of any other client are replaced or removed, though some addresses are trusted."""
        headers = await self.headers(("10.0.0.0/8",), **self.CLAIMS)
        self.assertEqual((headers["x-real-ip"], headers["x-forwarded-for"]), ("127.0.0.1", "127.0.0.1"))
        self.assertEqual((headers["x-forwarded-proto"], headers["x-forwarded-host"]), ("http", NAME))
        self.assertEqual(headers["x-forwarded-port"], str(self.port))
        self.assertEqual({"forwarded", "x-forwarded-ssl"} & headers.keys(), set())


class ProxyProtocolTests(HeaderCase):
    """A listener for proxies that pass on connections."""

    async def through(self, line: bytes, *trusted: str) -> bytes:
        port = free_port()
        listener = HttpListener("127.0.0.1", port, proxy_protocol=True)
        place = Upstream(InstanceName(WEB, 1), "127.0.0.1", self.listen(Factory.forProtocol(Parrot)))
        await self.started(route(NAME, place), clients=HttpClients(trusted=trusted), listeners=[listener])
        request = f"GET / HTTP/1.1\r\nHost: {NAME}\r\nX-Forwarded-For: 6.6.6.6\r\nConnection: close\r\n\r\n"
        return await self.converse(line + request.encode(), b"\r\n\r\n", port=port)

    async def test_trusted(self) -> None:
        """The client is the one that the proxy names; what it says itself is replaced."""
        answer = await self.through(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 443\r\n", "127.0.0.0/8")
        for line in [b"X-Real-IP: 192.0.2.7", b"X-Forwarded-For: 192.0.2.7", b"X-Forwarded-Port: 443"]:
            self.assertIn(line + b"\r\n", answer)
        self.assertIn(b"X-Forwarded-Proto: https\r\n", answer)

    async def test_others(self) -> None:
        """Nobody else is served there; the other listener takes no such line."""
        answer = await self.through(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n", "10.0.0.0/8")
        self.assertTrue(answer.startswith(b"HTTP/1.1 403 "), answer)
        answer = await self.converse(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 80\r\n\r\n", b"\r\n\r\n")
        self.assertTrue(answer.startswith(b"HTTP/1.1 400 "), answer)
