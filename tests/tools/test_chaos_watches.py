"""The lines that the fault suite writes of the events of etcd and an Engine."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos import container_watch, etcd_watch
from tests.chaos.history import History, Line, read
from tests.rig.docker_engine import until

PREFIX = "/daprdockr/"


def packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def put(key: str, value: str, revision: int) -> dict[str, Any]:
    """An event as the gateway sends it."""
    told = {"create_revision": str(revision), "mod_revision": str(revision), "version": "1", "lease": "77"}
    return {"kv": {"key": packed(PREFIX + key), "value": packed(value), **told}}


def deleted(key: str, revision: int) -> dict[str, Any]:
    return {"type": "DELETE", "kv": {"key": packed(PREFIX + key), "mod_revision": str(revision)}}


def answer(*events: dict[str, Any], cluster: str = "1") -> dict[str, Any]:
    return {"result": {"header": {"cluster_id": cluster}, "events": list(events)}}


class EtcdFactTests(SynchronousTestCase):
    """From an event of etcd's gateway to a line."""

    def test_put(self) -> None:
        """A put has its value parsed, and numbers as numbers."""
        self.assertEqual(
            {
                "epoch": 1,
                "revision": 9,
                "type": "put",
                "key": "cordons/host1",
                "create_revision": 9,
                "version": 1,
                "lease": 77,
                "value": {"Drain": True},
            },
            etcd_watch.fact(put("cordons/host1", '{"Drain": true}', 9), PREFIX, 1),
        )

    def test_delete(self) -> None:
        """A delete has a revision and a key, and nothing else."""
        found = etcd_watch.fact(deleted("nodes/host1", 9), PREFIX, 2)
        self.assertEqual(
            ("delete", 2, 9, 0, None), tuple(found[k] for k in ("type", "epoch", "revision", "lease", "value"))
        )

    def test_no_json(self) -> None:
        """A value that is no JSON is written as null."""
        self.assertIsNone(etcd_watch.fact(put("identity", "3f", 2), PREFIX, 1)["value"])


class EtcdWatchTests(SynchronousTestCase):
    """Members with scripted answers by HTTP, and a watch in threads of its own."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.history = History(self.path)
        self.addCleanup(self.history.close)

    def lines(self) -> list[Line]:
        return list(read(self.path))

    def watch(self, *members: Member) -> None:
        watch = etcd_watch.EtcdWatch([member.address for member in members], PREFIX, self.history)
        self.addCleanup(watch.stop)
        watch.start()

    def revisions(self) -> list[tuple[int, int]]:
        return [(line.data["epoch"], line.data["revision"]) for line in self.lines()]

    def test_two_members(self) -> None:
        """The first event of a revision is written, and the same event from another member is not."""
        one = self.enterContext(member(answer(), answer(put("a", "1", 2), put("b", "1", 2)), answer(put("c", "1", 3))))
        other = self.enterContext(member(answer(), answer(put("a", "1", 2), put("b", "1", 2), put("c", "1", 3))))
        self.watch(one, other)
        until(lambda: len(one.asked) > 3 and len(other.asked) > 3)
        self.assertEqual([(1, 2), (1, 2), (1, 3)], self.revisions())

    def test_resumed(self) -> None:
        """When a stream has ended the next one begins with the next revision."""
        one = self.enterContext(member(answer(), answer(put("a", "1", 2))))
        self.watch(one)
        until(lambda: len(one.asked) > 1)
        self.assertEqual([1, 3], [asked["create_request"]["start_revision"] for asked in one.asked[:2]])
        self.assertEqual([(1, 2)], self.revisions())

    def test_wiped(self) -> None:
        """Another etcd begins another epoch, and is watched from its first revision on."""
        one = self.enterContext(member(answer(), answer(put("a", "1", 5))))
        self.watch(one)
        until(lambda: len(self.lines()) > 0)
        one.answers = [answer(cluster="2"), answer(put("a", "1", 2), cluster="2")]
        until(lambda: len(self.lines()) > 1)
        self.assertEqual([(1, 5), (2, 2)], self.revisions())


class ContainerFactTests(SynchronousTestCase):
    """From an event of the Engine to a line."""

    def event(self, action: str, **more: str) -> dict[str, Any]:
        labels = {"io.daprdockr.instance": "1.web.chaos", "io.daprdockr.definition": "0123456789ab"}
        return {"Action": action, "Actor": {"ID": "4f5b", "Attributes": {**labels, **more}}}

    def assert_fact(self, event: dict[str, Any], **more: Any) -> None:
        who = {"id": "4f5b", "instance": "1.web.chaos", "definition": "0123456789ab"}
        self.assertEqual({"action": event["Action"], **who, **more}, container_watch.fact(event))

    def test_start(self) -> None:
        """A start says which container it is, of which instance and definition."""
        self.assert_fact(self.event("start"))

    def test_kill(self) -> None:
        """A kill has its signal."""
        self.assert_fact(self.event("kill", signal="15"), signal=15)

    def test_die(self) -> None:
        """A death has its exit status."""
        self.assert_fact(self.event("die", exitCode="137"), exit_code=137)


class Member:
    """A member of etcd as far as its gateway goes: each question is answered with ``answers``, and the stream ends."""

    def __init__(self, answers: list[dict[str, Any]]) -> None:
        self.answers = answers
        self.asked: list[dict[str, Any]] = []
        self.address = ""


@contextlib.contextmanager
def member(*answers: dict[str, Any]) -> Iterator[Member]:
    told = Member(list(answers))

    class Gateway(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            told.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):  # who has seen enough hangs up
                for each in told.answers:
                    self.wfile.write(json.dumps(each).encode() + b"\n")

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        told.address = f"127.0.0.1:{server.server_port}"
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield told
        finally:
            server.shutdown()
            thread.join()
