"""How a real nginx takes up what is published, and what happens when it does not."""

from __future__ import annotations

import shutil
import socket
import threading
from collections import Counter
from contextlib import closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.internet import reactor
from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.endpoints import TCP4ClientEndpoint, connectProtocol
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.task import deferLater
from twisted.internet.threads import deferToThread

from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.proxy.configuration import LUA
from daprdockr.proxy.door import DoorSocket
from daprdockr.proxy.message import door_state, whole
from daprdockr.proxy.nginx import Nginx
from daprdockr.proxy.routes import Route, Upstream
from daprdockr.proxy.routing import MOST_ROUTES
from daprdockr.proxy.surroundings import digest_of
from tests.build.ports import free_port
from tests.rig.nginx_here import WEB, NginxTestCase, group_of, route, until
from tests.rig.upgrading import Upgrading


class Shouting(Protocol):
    """A websocket's client: what it received, and its end."""

    def __init__(self) -> None:
        self.received = b""
        self.ended: Deferred[None] = Deferred()

    def connectionMade(self) -> None:
        assert self.transport is not None
        self.transport.write(
            b"GET / HTTP/1.1\r\nHost: ws.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
        )

    def dataReceived(self, data: bytes) -> None:
        self.received += data

    def connectionLost(self, reason: Any = None) -> None:
        self.ended.callback(None)


def many(count: int) -> list[Route]:
    """Routes of as many services, with three instances each."""
    routes = []
    for number in range(count):
        service = ServiceName(group="many", service=f"s{number}")
        places = [Upstream(InstanceName(service, i), f"127.0.0.{i}", 9, local=i == 1) for i in (1, 2, 3)]
        routes.append(route(f"s{number}.example.com", *places, service=service))
    return routes


def ask_all_the_time(port: int, method: str, over: threading.Event) -> Counter[int | str]:
    """One request after another on one connection, until it is over: the answers' codes, or what went wrong."""
    counted: Counter[int | str] = Counter()
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        while not over.is_set():
            try:
                connection.request(method, "/", b"x" if method == "POST" else None, {"Host": "web.example.com"})
                answer = connection.getresponse()
                answer.read()
                counted[answer.status] += 1
            except (HTTPException, OSError) as error:
                counted[type(error).__name__] += 1
                connection.close()
    return counted


class TakingUpTests(NginxTestCase):
    """A publication is done when nginx itself says so."""

    async def test_generation(self) -> None:
        """The generation that nginx answers on its socket is that of its configuration, whatever the routes are."""
        nginx = await self.started(route("web.example.com", self.upstream()))
        asked = DoorSocket(path=str(self.directory / "generation.sock"), reactor=reactor)
        first = nginx.status.generation
        self.assertEqual(await asked.generation(), first)
        version = await asked.version()
        await self.published(nginx, route("other.example.com", self.upstream()))
        self.assertEqual((await asked.generation(), await asked.version()), (first, version + 1))
        self.assertEqual([await self.serves("web.example.com"), await self.serves("other.example.com")], [False, True])

    async def test_workers_stay(self) -> None:
        """A hundred changes of the routes leave master and workers as they are."""
        nginx = await self.started(route("web.example.com", self.upstream()))
        assert nginx.pid is not None
        before = group_of(nginx.pid)
        place = self.upstream()
        for number in range(100):
            await self.published(nginx, route(f"w{number}.example.com", place))
        self.assertEqual(group_of(nginx.pid), before)
        self.assertEqual([await self.serves("w98.example.com"), await self.serves("w99.example.com")], [False, True])

    async def test_many(self) -> None:
        """A whole state of several MB is taken over, though workers can write no file in nginx's directory."""
        place = self.upstream()
        names = [f"{'x' * 50}{number}.{'y' * 50}.example.com" for number in range(12_000)]
        await self.started(*[route(name, place) for name in names])
        self.assertTrue(await self.serves(names[-1]))

    async def test_no_request_lost(self) -> None:
        """Changes cost no request, also of clients that keep their connection and never repeat a request."""
        places = [self.upstream(number) for number in (1, 2, 3)]
        nginx = await self.started(route("web.example.com", *places))
        over = threading.Event()
        clients = [deferToThread(ask_all_the_time, self.port, method, over) for method in ("GET", "POST") * 4]
        for number in range(60):
            await self.published(nginx, route("web.example.com", *places[number % 3 :], places[number % 2]))
            await deferLater(reactor, 0.02)
        over.set()
        answers = await gatherResults(clients)
        self.assertEqual([set(counted) for counted in answers], [{200}] * 8)
        self.assertGreater(sum(counted[200] for counted in answers), 500)

    async def test_unchanged(self) -> None:
        """An agent that takes over from an earlier one leaves master and workers as they are."""
        places = self.upstream()
        first = await self.started(route("web.example.com", places), leave_running=True)
        assert first.pid is not None
        master, *workers = group_of(first.pid)
        await first.stopService()
        second = await self.started(route("web.example.com", places))
        self.assertEqual(second.pid, master)
        self.assertEqual(group_of(master), [master, *workers])

    async def test_other_lua(self) -> None:
        """An nginx that was left running with other Lua takes up that of this agent, and keeps its routes."""
        lua = self.directory / "lua"
        shutil.copytree(LUA, lua)
        request = lua / "door" / "request.lua"
        present = request.read_text()
        admit = "function M.admit(is_elsewhere)"
        self.assertIn(admit, present)
        request.write_text(present.replace(admit, f"{admit} ngx.header.Older = 1", 1))
        place = self.upstream()
        first = await self.with_lua(lua, place, leave_running=True)
        master, older = first.pid, await self.get("web.example.com")
        await first.stopService()
        request.write_text(present)
        second = await self.with_lua(lua, place)
        await until(self.newer)
        self.assertEqual((second.pid, older.code, "older" in older.headers), (master, 200, True))

    async def test_other_memory(self) -> None:
        """
        An nginx whose memory for routes gets another size, as by an upgrade, has all routes again soon: at first the
        new workers have those on the disk, which may be older.
        """
        place = self.upstream()
        nginx = await self.started(route("web.example.com", place))
        await until((self.directory / "routes.json").exists)
        older = (self.directory / "routes.json").read_bytes()
        await self.published(nginx, route("web.example.com", place), route("other.example.com", place))
        await until(lambda: (self.directory / "routes.json").read_bytes() != older)
        (self.directory / "routes.json").write_bytes(older)
        generation = nginx.status.generation
        nginx._configuring.want(evolve(nginx._settings, memory=16))
        await until(lambda: nginx.status.generation != generation)
        await until(lambda: self.serves("other.example.com"), 5)

    async def newer(self) -> bool:
        """
        Return whether the front door serves, by the newer Lua.

        nginx's master has the old workers accept for 0.1 s after it has started the new ones: they may answer first.
        """
        answer = await self.get("web.example.com")
        self.assertEqual(answer.code, 200)
        return "older" not in answer.headers

    async def with_lua(self, lua: Path, place: Upstream, **changes: Any) -> Nginx:
        """An nginx that reads its Lua in this directory."""
        nginx = self.nginx(**changes)
        nginx._settings = evolve(nginx._settings, lua=str(lua), code=digest_of(lua))
        nginx.startService()
        await self.published(nginx, route("web.example.com", place))
        return nginx

    async def test_written_by_another(self) -> None:
        """Routes that another program gave nginx meanwhile are replaced, not mixed with those of the agent."""
        place = self.upstream()
        nginx = await self.started(route("web.example.com", place))
        asked = DoorSocket(path=str(self.directory / "generation.sock"), reactor=reactor)
        strange = door_state([route("strange.example.com", place)])
        await asked.send(whole(strange, await asked.version() + 5))
        self.assertTrue(await self.serves("strange.example.com"))
        await self.published(nginx, route("web.example.com", place), route("other.example.com", place))
        names = ("web.example.com", "strange.example.com", "other.example.com")
        self.assertEqual([await self.serves(name) for name in names], [True, False, True])

    async def test_a_thousand_routes(self) -> None:
        """A thousand host names are served, and nginx has nothing to complain about."""
        nginx = await self.started(*many(1000), route("web.example.com", self.upstream()))
        self.assertTrue(await self.serves("web.example.com"))
        self.assertEqual(nginx.status.failures, 0)
        self.assertEqual((self.directory / "error.log").read_text(), "")

    async def test_a_thousand_instances(self) -> None:
        """A service of a thousand instances fits the memory its zone is given."""
        places = [Upstream(InstanceName(WEB, n + 1), f"127.1.{n // 250}.{n % 250 + 1}", 9) for n in range(1000)]
        await self.started(route("web.example.com", *places))

    async def test_long_names(self) -> None:
        """The longest host names that exist are served."""
        label = "x" * 61
        names = [f"{letter}{label}.{label}.{label}.{label}.ex" for letter in "ab"]
        place = self.upstream()
        await self.started(*(route(name, place) for name in [*names, f"*.{names[0][4:]}"]))
        self.assertTrue(await self.serves(names[1]))

    async def test_others_in_their_place(self) -> None:
        """As many routes as nginx is given at most, all of them the longest, make room for as many others."""
        place, tail, path = self.upstream(), ".".join(["x" * 60] * 3), "/p" * 127  # cjson writes each slash as \\/
        longest = evolve(
            route("", place, service=ServiceName("g" * 63, "s" * 63)),
            path=path,
            strip_path=True,
            max_header=65535,
            max_body=10**12,
            timeout=3599.5,
            sticky="s" * 64,
            buffer=True,
            hsts=63072000,
            hold=59.5,
        )
        nginx = self.nginx()
        nginx.startService()
        for letter in "ab":
            names = [f"{letter * 50}{number}.{tail}" for number in range(MOST_ROUTES)]
            await self.published(nginx, *(evolve(longest, host_name=name) for name in names))
            self.assertEqual((await self.get(names[-1], path)).code, 200)


class FailingTests(NginxTestCase):
    """A configuration that nginx refuses changes nothing."""

    async def test_refused_by_the_test(self) -> None:
        """A configuration that nginx refuses is not installed, the old one is served on, and it is tried again."""
        old = await self.started(route("old.example.com", self.upstream()), leave_running=True)
        await old.stopService()
        installed = (self.directory / "nginx.conf").read_text()
        program, refusing = self.directory / "nginx.sh", self.directory / "refusing"
        program.write_text(
            f'#!/bin/sh\nif [ "$1" = -t ] && [ -e {refusing} ]; then echo "nginx: [emerg] not now" >&2; exit 1; fi\n'
            'exec nginx "$@"\n'
        )
        program.chmod(0o755)
        refusing.touch()

        port = free_port()
        nginx = self.nginx(port=port, path=str(program))
        nginx.startService()
        await until(lambda: nginx.status.failures)
        self.assertEqual(nginx.status.reason, "nginx refused the configuration: not now")
        self.assertEqual((self.directory / "nginx.conf").read_text(), installed)
        self.assertTrue(await self.serves("old.example.com"))

        refusing.unlink()
        await until(lambda: self.serves("old.example.com", port=port))
        await until(lambda: nginx.status.reason == "")

    async def test_refused_by_the_reload(self) -> None:
        """Where only the reload fails, as when a port is taken, that is noticed, and the old one is served on."""
        place = self.upstream()
        first = await self.started(route("web.example.com", place), leave_running=True)
        await first.stopService()
        installed = (self.directory / "nginx.conf").read_text()
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        port = taken.getsockname()[1]

        nginx = self.nginx(port=port)
        nginx.startService()
        nginx.door.publish([route("web.example.com", place)])
        await until(lambda: nginx.status.failures)
        self.assertIn(f"bind() to 127.0.0.1:{port} failed (98: Address already in use)", nginx.status.reason)
        self.assertEqual((self.directory / "nginx.conf").read_text(), installed)
        self.assertTrue(await self.serves("web.example.com"))

        taken.close()
        await until(lambda: self.serves("web.example.com", port=port))

    async def test_port_taken_at_start(self) -> None:
        """While another program holds the port, the reason is reported; once it is free, nginx serves."""
        taken = socket.create_server(("127.0.0.1", self.port))
        self.addCleanup(taken.close)
        nginx = self.nginx()
        nginx.startService()
        nginx.door.publish([route("web.example.com", self.upstream())])
        await until(lambda: nginx.status.failures)
        self.assertIn("Address already in use", nginx.status.reason)
        taken.close()
        await until(lambda: self.serves("web.example.com"))

    async def test_lost_socket(self) -> None:
        """When somebody removes the socket, nginx is started anew and the next attempt succeeds."""
        nginx = await self.started(route("old.example.com", self.upstream()))
        (self.directory / "generation.sock").unlink()
        nginx.door.publish([route("new.example.com", self.upstream())])
        await until(lambda: self.serves("new.example.com"))
        await until(lambda: nginx.status.changes == 2)


class LongConnectionTests(NginxTestCase):
    """A websocket when the routes change."""

    async def open(self, shutdown_timeout: int) -> tuple[Nginx, Shouting]:
        port = self.listen(Factory.forProtocol(Upgrading))
        nginx = self.nginx()
        nginx._settings = evolve(nginx._settings, shutdown_timeout=shutdown_timeout)
        nginx.startService()
        place = Upstream(InstanceName(WEB, 1), "127.0.0.1", port)
        await self.published(nginx, route("ws.example.com", place))
        client = await connectProtocol(TCP4ClientEndpoint(reactor, "127.0.0.1", self.port), Shouting())
        await until(lambda: b"101 Switching" in client.received)
        return nginx, client

    async def test_survives_changes(self) -> None:
        """A websocket goes on after the routes changed, its own too, for longer than a reload would let it."""
        nginx, client = await self.open(shutdown_timeout=1)
        for number in range(3):
            await self.published(nginx, route(f"w{number}.example.com", self.upstream()))
            await deferLater(reactor, 0.5)
        assert client.transport is not None
        client.transport.write(b"still here")
        await until(lambda: b"STILL HERE" in client.received)
        client.transport.loseConnection()
        await client.ended


class AddressTests(NginxTestCase):
    """Where nginx listens."""

    async def test_moved(self) -> None:
        """An agent that comes back with another port has the nginx it adopts listen there, and nowhere else."""
        place = self.upstream()
        first = await self.started(route("web.example.com", place), leave_running=True)
        await first.stopService()
        port = free_port()
        second = await self.started(route("web.example.com", place), port=port)
        self.assertTrue(await self.serves("web.example.com", port=port))
        await until(lambda: _refused(self.port))
        self.assertIsNotNone(second.pid)


def _refused(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0
