"""The adapter's manners on the wire, seen by a scripted Engine behind a real Unix socket."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import os
import re
import socket
import tempfile
import threading
from collections.abc import Mapping
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socketserver import ThreadingMixIn, UnixStreamServer
from typing import Any

from attrs import frozen
from requests import Response, Timeout
from twisted.internet.testing import EventLoggingObserver
from twisted.logger import globalLogPublisher
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.clients import MOST_IDLE, EngineClients
from daprdockr.engine.docker_engine import DockerEngine
from daprdockr.engine.documents import MAX_ANSWER, MAX_LINE, documents, read_whole
from daprdockr.model.errors import ContainerAbsent, EngineRefused, EngineUnavailable, PullFailed
from tests.marked import marked

PATIENCE = 20.0


@frozen
class Asked:
    """A request: the path with version and query, and without, and the headers."""

    address: str
    path: str
    headers: Mapping[str, str]


class ScriptedEngine(ThreadingMixIn, UnixStreamServer):
    """Answers a path (without version and query) with a status and either bytes or a JSON document."""

    daemon_threads = True

    def __init__(self, path: str) -> None:
        super().__init__(path, _Exchange)
        self.answers: dict[str, tuple[int, object]] = {"/version": (200, {"ApiVersion": "1.41"})}
        self.asked: list[Asked] = []
        self.silent: set[str] = set()
        self.released = threading.Event()
        self._connections: list[socket.socket] = []

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.append(request)
        super().process_request(request, client_address)

    def hang_up(self) -> None:
        """End all connections, as an Engine that dies does."""
        for connection in self._connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: object, client_address: object) -> None:
        """Silence: clients hang up in the middle of answers."""

    def paths(self) -> list[str]:
        return [asked.path for asked in self.asked]


class _Exchange(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ScriptedEngine

    def address_string(self) -> str:
        return "unix"

    def log_message(self, *args: Any) -> None:
        """Silence."""

    def _answer(self) -> None:
        path = re.sub(r"^/v1\.\d+", "", self.path.partition("?")[0])
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        if path in self.server.silent:
            self.server.released.wait(PATIENCE)
        self.server.asked.append(Asked(address=self.path, path=path, headers=dict(self.headers)))
        status, document = self.server.answers.get(path, (404, {"message": f"No such container: {path}"}))
        body = document if isinstance(document, bytes) else json.dumps(document).encode()
        self.send_response(status)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        self.wfile.write(b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body) if body else b"0\r\n\r\n")

    do_GET = do_POST = do_DELETE = _answer  # noqa: N815 (names of http.server)


def summary(container: str, status: str = "Up 1 second") -> dict[str, Any]:
    networks = {"bridge": {"EndpointID": f"endpoint of {container}"}}
    labels = {"io.daprdockr.node": "n1"}
    return {
        "Id": container,
        "State": "running",
        "Status": status,
        "Labels": labels,
        "NetworkSettings": {"Networks": networks},
    }


def inspected(container: str, instance: str = "1.web.myapp") -> dict[str, Any]:
    return {
        "Id": container,
        "Name": f"/{container}",
        "State": {"Status": "running", "Running": True},
        "Config": {"Labels": marked(container, "n1", instance)},
        "HostConfig": {},
        "NetworkSettings": {},
    }


class AdapterCase(SynchronousTestCase):
    """A scripted Engine and an adapter that talks to it."""

    def setUp(self) -> None:
        # Not below trial's own directory, whose path is too long for a Unix socket.
        temporary = tempfile.TemporaryDirectory(prefix="engine-")
        self.addCleanup(temporary.cleanup)
        self.directory = Path(temporary.name)
        self.set_environment("DOCKER_CONFIG", temporary.name)
        self.server = self.serve()
        self.now = 0.0
        self.pace = 0.0
        self.engine = DockerEngine(f"unix://{self.directory}/s", "n1", timeout=20, pull_timeout=60, clock=self.clock)
        self.addCleanup(self.engine.close)

    def clock(self) -> float:
        self.now += self.pace
        return self.now

    def serve(self) -> ScriptedEngine:
        server = ScriptedEngine(f"{self.directory}/s")
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.addCleanup(thread.join)
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        self.addCleanup(server.released.set)
        return server

    def set_environment(self, name: str, value: str) -> None:
        before = os.environ.get(name)
        os.environ[name] = value
        if before is None:
            self.addCleanup(os.environ.pop, name)
        else:
            self.addCleanup(os.environ.update, {name: before})

    def hold(self, *containers: str) -> None:
        """Let the Engine have these containers."""
        self.server.answers["/containers/json"] = (200, [summary(container) for container in containers])
        for container in containers:
            self.server.answers[f"/containers/{container}/json"] = (200, inspected(container))

    def listing(self) -> list[str]:
        """List, and tell which requests that took."""
        self.server.asked.clear()
        self.engine.containers()
        return self.server.paths()


class ListTests(AdapterCase):
    """``containers``: see Note [What a list need not ask again]."""

    def test_inspects_what_changed(self) -> None:
        """A second list is one request, and one more for each container that changed."""
        self.hold("a", "b")
        first = ["/version", "/containers/json", "/containers/a/json", "/containers/b/json"]
        self.assertEqual(self.listing(), first)
        self.assertEqual(self.listing(), ["/containers/json"])
        changed = [summary("a"), summary("b", "Up 2 seconds (healthy)")]
        self.server.answers["/containers/json"] = (200, changed)
        self.assertEqual(self.listing(), ["/containers/json", "/containers/b/json"])

    def test_told_by_an_event(self) -> None:
        """A container of which the event stream told is inspected again, though the list shows no difference."""
        self.hold("a", "b")
        self.server.answers["/events"] = (200, {"Action": "start", "id": "b"})
        stream = self.engine.events()
        self.engine.containers()
        self.assertEqual(list(stream), [("start", "b")])
        self.assertEqual(self.listing()[-1:], ["/containers/b/json"])

    def test_new_stream(self) -> None:
        """A new event stream makes the next list inspect everything, for nobody told what happened before."""
        self.hold("a")
        self.engine.containers()
        self.server.answers["/events"] = (200, {"Action": "start", "id": "other"})
        self.engine.events().close()
        self.assertIn("/containers/a/json", self.listing())

    def test_vanished_meanwhile(self) -> None:
        """A container that vanishes between the list and its inspection is left out."""
        self.hold("a", "b")
        del self.server.answers["/containers/a/json"]
        self.assertEqual([state.id for state in self.engine.containers()], ["b"])

    def test_unreadable_told_once(self) -> None:
        """A container with an unreadable label is logged the first time only, also when it is inspected."""
        observer = EventLoggingObserver()
        globalLogPublisher.addObserver(observer)
        self.addCleanup(globalLogPublisher.removeObserver, observer)
        self.hold("a")
        self.server.answers["/containers/a/json"] = (200, inspected("a", instance="nonsense"))
        for _ in range(3):
            self.assertEqual(list(self.engine.containers()), [])
            self.assertIsNone(self.engine.inspect("a"))
        self.assertEqual([event["container"] for event in observer], ["a"])


class LossTests(AdapterCase):
    """See Note [A client is borrowed]."""

    def test_borrowed(self) -> None:
        """No connection is made before the first call, and calls after one another share one, whatever their thread."""
        self.hold()
        self.assertEqual(self.server.paths(), [])
        self.engine.containers()
        thread = threading.Thread(target=self.engine.containers)
        thread.start()
        thread.join()
        self.engine.containers()
        self.assertEqual(self.server.paths().count("/version"), 1)

    def test_few_wait(self) -> None:
        """Calls at the same time have clients of their own; few of these are kept for later ones."""
        clients = self.engine._clients
        with ExitStack() as calls:
            borrowed = {id(calls.enter_context(clients.borrowed())) for _ in range(3 * MOST_IDLE)}
        self.assertEqual((len(borrowed), len(clients._idle)), (3 * MOST_IDLE, MOST_IDLE))
        self.engine.close()
        self.assertEqual(clients._idle, [])

    def test_other_version_after_loss(self) -> None:
        """An Engine that comes back as another version is asked for it."""
        self.hold()
        self.engine.containers()
        self.server.shutdown()
        self.server.server_close()
        self.server.hang_up()
        Path(f"{self.directory}/s").unlink()
        with self.assertRaises(EngineUnavailable):
            self.engine.image("web:1")
        self.server = self.serve()
        self.hold()
        self.server.answers["/version"] = (200, {"ApiVersion": "1.44"})
        self.engine.containers()
        self.assertTrue(self.server.asked[-1].address.startswith("/v1.44/containers/json?"))

    def test_closed(self) -> None:
        """After closing, every thread's calls say that the agent is stopping."""
        self.hold()
        self.engine.containers()
        self.engine.close()
        with self.assertRaises(EngineUnavailable):
            self.engine.containers()

    def test_garbage(self) -> None:
        """An answer that is no JSON, and events that are none, count as no answer."""
        self.server.answers["/containers/json"] = (200, b"<html>")
        self.server.answers["/events"] = (200, b'{"Action": "sta')
        with self.assertRaises(EngineUnavailable):
            self.engine.containers()
        with self.assertRaises(EngineUnavailable):
            list(self.engine.events())


class SizeTests(AdapterCase):
    """Answers that are larger than an Engine's ever are, or slower."""

    def test_long_answer(self) -> None:
        """An answer that is too long counts as none, and so does a refusal, of a stream too."""
        self.server.answers["/containers/json"] = (200, b"[" + b" " * MAX_ANSWER + b"]")
        self.server.answers["/events"] = (500, b"[" + b" " * MAX_ANSWER + b"]")
        for call in (self.engine.containers, self.engine.events):
            error = self.assertRaises(EngineUnavailable, call)
            self.assertIn(f"its answer has more than {MAX_ANSWER} bytes", str(error))

    def test_slow_answer(self) -> None:
        """An answer that comes bit by bit ends when its time is up."""
        response = Response()
        response.raw = io.BytesIO(b"[" + b" " * 100_000 + b"]")
        times = iter(range(10))
        self.assertRaises(Timeout, read_whole, response, 5.0, lambda: float(next(times)))
        self.assertEqual(next(times), 7)

    def test_long_event(self) -> None:
        """An event that is too long ends the stream, whether or not it ends itself; those before it were told."""
        for end in (b'"}\n', b""):
            line = b'{"Action": "start", "id": "%s' % (b"x" * MAX_LINE)
            self.server.answers["/events"] = (200, b'{"Action": "die", "id": "a"}\n' + line + end)
            events = iter(self.engine.events())
            self.assertEqual(next(events), ("die", "a"))
            self.assertIn("a line has more", str(self.assertRaises(EngineUnavailable, next, events)))

    def test_strange_event(self) -> None:
        """What is JSON and no event ends the stream, too."""
        for line in (b"[]\n", b"{}\n", b"7\n"):
            self.server.answers["/events"] = (200, line)
            self.assertRaises(EngineUnavailable, list, self.engine.events())

    def test_long_progress(self) -> None:
        """A pull whose progress is told in a line that is too long fails."""
        self.server.answers["/images/create"] = (200, b'{"status": "%s"}\n' % (b"x" * MAX_LINE))
        self.assertRaises(EngineUnavailable, self.engine.pull, "web:1")

    def test_pieces(self) -> None:
        """A document may come in any pieces, and several in one."""
        text = b'{"a": 1}\r\n\n{"b": 2}\n{"c": 3}'
        for size in range(1, len(text) + 1):
            pieces = (text[at : at + size] for at in range(0, len(text), size))
            self.assertEqual(list(documents(pieces)), [{"a": 1}, {"b": 2}, {"c": 3}])


class PullTests(AdapterCase):
    """``pull``."""

    def credentials(self, user: str) -> None:
        auth = base64.b64encode(f"{user}:secret".encode()).decode()
        configuration = {"auths": {"registry.invalid": {"auth": auth}}}
        (self.directory / "config.json").write_text(json.dumps(configuration))

    def test_credentials(self) -> None:
        """A pull shows the registry's credentials from Docker's configuration file, as the file is by then."""
        self.server.answers["/images/create"] = (200, {"status": "done"})
        for user in ("ann", "bob"):
            self.credentials(user)
            self.engine.pull("registry.invalid/team/web:1")
            shown = json.loads(base64.urlsafe_b64decode(self.server.asked[-1].headers["X-Registry-Auth"]))
            self.assertEqual((shown["username"], shown["password"]), (user, "secret"))

    def test_other_registry(self) -> None:
        """Another registry does not get them."""
        self.credentials("ann")
        self.server.answers["/images/create"] = (200, {"status": "done"})
        self.engine.pull("other.invalid/web:1")
        self.assertNotIn("X-Registry-Auth", self.server.asked[-1].headers)

    def test_latest(self) -> None:
        """An image without a tag is pulled as ``latest``, not as all its tags."""
        self.server.answers["/images/create"] = (200, {"status": "done"})
        self.engine.pull("web")
        self.assertIn("tag=latest", self.server.asked[-1].address)

    def test_error_in_stream(self) -> None:
        """An error among the progress lines fails the pull in the registry's words."""
        lines = b'{"status": "Pulling"}\r\n{"error": "toomanyrequests: slow down"}\r\n'
        self.server.answers["/images/create"] = (200, lines)
        with self.assertRaises(PullFailed) as caught:
            self.engine.pull("web:1")
        self.assertIn("toomanyrequests: slow down", str(caught.exception))

    def test_silence(self) -> None:
        """A stream for which docker-py sets no time limit ends when it says nothing for longer than ours."""
        self.server.silent.add("/images/create")
        clients = EngineClients(f"unix://{self.directory}/s", timeout=20)
        self.addCleanup(clients.close)
        with self.assertRaises(Timeout):
            clients.fresh(silence=0.05).pull("web:1", stream=True)

    def test_too_long(self) -> None:
        """A pull that goes on past its time fails."""
        self.server.answers["/images/create"] = (200, b'{"status": "Downloading"}\r\n' * 3)
        self.pace = 31.0
        with self.assertRaises(PullFailed) as caught:
            self.engine.pull("web:1")
        self.assertIn("within 60 s", str(caught.exception))


class EndingTests(AdapterCase):
    """``stop`` and ``remove``."""

    def test_stop_that_succeeded_otherwise(self) -> None:
        """A stop that fails on a container which does not run any more has done its work."""
        self.server.answers["/containers/a/stop"] = (500, {"message": "cannot stop container: a"})
        stopped = {**inspected("a"), "State": {"Status": "exited", "Running": False}}
        self.server.answers["/containers/a/json"] = (200, stopped)
        self.engine.stop("a", 1)

    def test_stop_that_failed(self) -> None:
        """A stop that fails on a container which still runs has failed."""
        self.server.answers["/containers/a/stop"] = (500, {"message": "cannot stop container: a"})
        self.server.answers["/containers/a/json"] = (200, inspected("a"))
        with self.assertRaises(EngineRefused):
            self.engine.stop("a", 1)

    def test_removed_by_another(self) -> None:
        """A container that somebody else is removing counts as removed; any other conflict does not."""
        self.server.answers["/containers/a"] = (409, {"message": "removal of container a is already in progress"})
        self.engine.remove("a")
        self.server.answers["/containers/a"] = (409, {"message": "driver is busy"})
        with self.assertRaises(EngineRefused):
            self.engine.remove("a")

    def test_gone_while_started(self) -> None:
        """A container that vanishes right after its start is told as gone."""
        self.server.answers["/containers/a/start"] = (204, b"")
        with self.assertRaises(ContainerAbsent):
            self.engine.start("a")

    def test_shares_network_of_the_absent(self) -> None:
        """A body that names a container which is gone is refused; it is not the new container that is gone."""
        self.server.answers["/containers/create"] = (404, {"message": "No such container: gone"})
        with self.assertRaises(EngineRefused):
            self.engine.create("a", {"Image": "web:1", "HostConfig": {"NetworkMode": "container:gone"}})
