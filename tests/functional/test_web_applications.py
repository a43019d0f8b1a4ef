"""
Applications of well-known kind behind the door of a real agent: gunicorn (WSGI) and uvicorn (ASGI) in containers.

Python and the packages come from the host, mounted read-only: see ``tests.rig.python_container``.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

from docker import APIClient
from twisted.trial.unittest import TestCase

from tests.rig.applications import ASGI, WSGI, applications
from tests.rig.docker_engine import until
from tests.rig.etcd_members import missing
from tests.rig.strict_client import StrictClient, Target, Wanted
from tests.rig.suspension import resume, suspend
from tests.rig.wsgi_app import LARGE

BOTH = (WSGI, ASGI)
PART = b"0123456789abcdef" * 1000
LENGTH = 50_000_000


def parts() -> Iterator[bytes]:
    yield from [PART] * 20


class ApplicationTests(TestCase):
    """All tests use one agent with two instances of the one and three of the other application."""

    timeout = 300
    skip = missing()

    def setUp(self) -> None:
        self.rig = applications()

    def test_body(self) -> None:
        """A request with a body, by its length and in chunks, reaches the application whole, and its answer comes."""
        digest = hashlib.sha256(PART * 20).hexdigest()
        for host in BOTH:
            for body in (PART * 20, parts()):
                reply = self.rig.ask(host, "/upload?x=%2F", "POST", body)
                self.assertEqual((200, "POST", digest), (reply.status, reply.seen["method"], reply.seen["digest"]))

    def test_events_at_once(self) -> None:
        """Server-sent events arrive while the application still waits to send the last one."""
        for host in BOTH:
            with closing(self.rig.speak(f"GET /events HTTP/1.1\r\nHost: {host}")) as stream:
                received = b""
                while b"data: 4" not in received and (part := stream.recv(65536)):
                    received += part
            self.assertIn(b"data: 0", received)
            self.assertIn(b"data: 4", received)
            self.assertNotIn(b"data: last", received)

    def test_early_answer(self) -> None:
        """
        An upload that is refused before it is read gets that answer, and the next requests are served. These servers
        close the connection at once: a client that goes on sending as fast as it can may get 502, with that reason.
        """
        for host in BOTH:
            for _ in range(4):
                self.assertIn(b" 413 ", self._upload(host, len(PART)))
                answer = self._upload(host, LENGTH)
                self.assertTrue(b" 413 " in answer or b"before it had taken the whole body" in answer, answer)
            self.assertEqual([200] * 6, [self.rig.ask(host).status for _ in range(6)])

    def _upload(self, host: str, sent: int) -> bytes:
        """The answer to a large upload of which so many bytes are sent before it is read; it is refused."""
        head = f"POST /early HTTP/1.1\r\nHost: {host}\r\nContent-Length: {LENGTH}"
        with closing(self.rig.speak(head)) as stream:
            received = b""
            with contextlib.suppress(ConnectionError):
                for _ in range(sent // len(PART)):
                    stream.sendall(PART)
            while not received.endswith((b"too large\n", b"body\n")) and (part := stream.recv(65536)):
                received += part
        return received

    def test_large_headers(self) -> None:
        """A cookie of 40 kB reaches the application, and a header as long as that the client."""
        cookie = "x" * LARGE
        for host in BOTH:
            self.assertEqual(LARGE, self.rig.ask(host, headers={"Cookie": cookie}).seen["cookie"])
            self.assertEqual((200, LARGE), ((reply := self.rig.ask(host, "/large")).status, reply.large))

    def test_kept_connections(self) -> None:
        """Requests that come one by one, each on a new connection, reach the application over few connections."""
        for host in BOTH:
            seen = [self.rig.ask(host).seen["peer"] for _ in range(40)]
            self.assertLess(len(set(seen)), 20)

    def test_websockets(self) -> None:
        """Websockets to instances that stay, and all requests, survive changes of their service and of others."""
        port = self.rig.agent.http_port
        wanted = Wanted((Target(port, WSGI), Target(port, ASGI)), 50, 3, (Target(port, ASGI),))
        self.addCleanup(self.rig.scale, self.rig.wsgi, 2)
        with StrictClient(wanted) as client:
            for instances in (3, 1):
                self.rig.scale(self.rig.wsgi, instances)
            self.rig.scale(self.rig.asgi, 4)
            taken = client.take()
        self.assertEqual(({}, {}, 3), (taken.lost, taken.cut, taken.open))
        self.rig.scale(self.rig.asgi, 3)

    def test_poison(self) -> None:
        """A request that ends its process ends two of three and gets 502; another service loses nothing by it."""
        before = self._starts()
        with StrictClient(Wanted((Target(self.rig.agent.http_port, WSGI),), 50)) as client:
            self.assertEqual(502, self.rig.ask(ASGI, "/die").status)
            until(lambda: len(self._starts() - before) == 2 and self._healthy() == 3)
            self.assertEqual([200] * 10, [self.rig.ask(ASGI).status for _ in range(10)])
            self.assertEqual({}, client.take().lost)
        self.assertEqual(2, len(self._starts() - before))

    def test_poison_in_a_worker(self) -> None:
        """Where the process that ends is a worker of a server that stays, its only instance serves on."""
        self.addCleanup(self.rig.scale, self.rig.wsgi, 2)
        self.rig.scale(self.rig.wsgi, 1, hold=1)
        self.assertIn(self.rig.ask(WSGI, "/die").status, (502, 503))
        self.assertEqual([200] * 10, [self.rig.ask(WSGI).status for _ in range(10)])

    def test_hung(self) -> None:
        """An instance that hangs is out by its failed checks; what it was asked is answered when it goes on."""
        pid = self.rig.agent.pid_of(self.rig.agent.ids(self.rig.asgi)[0])
        with ThreadPoolExecutor(9) as threads:
            suspend(pid)
            try:
                asked = [threads.submit(self.rig.ask, ASGI) for _ in range(9)]
                until(lambda: self._healthy() == 2)
                served = {self.rig.ask(ASGI).seen["name"] for _ in range(20)}
            finally:
                resume(pid)
            self.assertEqual([200] * 9, [one.result().status for one in asked])
        self.assertEqual(2, len(served))
        until(lambda: self._healthy() == 3)

    def _healthy(self) -> int:
        return sum(one["Healthy"] for one in self.rig.agent.instances(self.rig.asgi))

    def _starts(self) -> set[tuple[str, str]]:
        """The containers of the ASGI application that run, and when each was started."""
        with closing(APIClient(base_url=self.rig.agent.engine, version="auto")) as client:
            ids = self.rig.agent.ids(self.rig.asgi)
            return {(container, client.inspect_container(container)["State"]["StartedAt"]) for container in ids}
