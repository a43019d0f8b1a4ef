"""Reading from the agent of this machine: its answer is shown, and etcd is asked where it has none."""

from __future__ import annotations

import json
import socket
import tempfile
import threading
from pathlib import Path
from shutil import rmtree
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.arguments.local_reads import SOCKET, STATE
from daprdockr.cli.local_agent import MOST
from tests.fakes.command_line import LentStore, Outcome, command_line

SEEN = {"Node": "a", "InTouch": True, "Revision": 7}
PS = {**SEEN, "Header": ["INSTANCE", "NODE"], "Cells": [["1.web.myapp", "a"]], "Rows": [{"Instance": "1.web.myapp"}]}
DOCUMENT = {"Nodes": 1, "Services": [], "Broken": [], "Dark": {}, "Certificates": {}, "Refused": "", "Doubts": {}}
STATUS = {**SEEN, "Document": DOCUMENT, "Mute": [], "Header": ["SERVICE"], "Cells": [["web.myapp"]]}


class LocalCase(SynchronousTestCase):
    """An agent's socket that gives one answer to each question."""

    def setUp(self) -> None:
        # not below the temporary directory of the tests: the path of a unix socket is short
        self.directory = Path(tempfile.mkdtemp(prefix="dapr-local-"))
        self.addCleanup(rmtree, self.directory, True)
        self.store = LentStore()
        self.targets: list[str] = []

    def answers(self, content: bytes, status: bytes = b"200") -> None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.directory / SOCKET))
        listener.listen()
        serving = threading.Thread(target=self.serve, args=(listener, status, content), daemon=True)
        serving.start()
        self.addCleanup(listener.close)
        self.addCleanup(serving.join, 20)
        self.addCleanup(listener.shutdown, socket.SHUT_RDWR)

    def serve(self, listener: socket.socket, status: bytes, content: bytes) -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:  # the test has ended
                return
            with connection:
                self.targets.append(connection.recv(65536).split()[1].decode())
                connection.sendall(b"HTTP/1.0 %b -\r\n\r\n%b" % (status, content))

    def run_line(self, *words: str) -> Outcome:
        return command_line(self.store, *words, environment={STATE: str(self.directory)})

    def given(self, document: Any) -> None:
        self.answers(json.dumps(document).encode())


class ShownTests(LocalCase):
    def test_ps(self) -> None:
        """The agent's table is printed, or its rows as JSON, and etcd is not asked."""
        self.given(PS)
        self.assertEqual(self.run_line("ps").stdout, "INSTANCE      NODE\n1.web.myapp   a\n")
        self.assertEqual(self.run_line("ps", "web.myapp", "-o", "json").json, PS["Rows"])
        self.assertEqual(self.store.calls, [])
        self.assertTrue(self.targets[1].startswith("/tables/ps?prefix="), self.targets)

    def test_nodes(self) -> None:
        """Nodes that doubt etcd stand below the table, and not in the JSON."""
        self.given({**PS, "Doubts": {"b": "it is another one"}})
        self.assertIn("b is frozen, it doubts this etcd: it is another one", self.run_line("nodes").stdout)
        self.assertEqual(self.run_line("nodes", "-o", "json").json, PS["Rows"])

    def test_status(self) -> None:
        """The services, the number of nodes, and what is wrong are there as from etcd."""
        dark = {**DOCUMENT, "Dark": {"b": "no Engine"}, "Broken": [{"Key": "k", "Reason": "r"}] * 101}
        dark["Certificates"] = {"www.example.com": "has ended"}
        self.given({**STATUS, "Document": dark})
        lines = self.run_line("status").stdout.splitlines()
        self.assertEqual(lines[:4], ["nodes: 1", "SERVICE", "web.myapp", "nothing starts on b: no Engine"])
        self.assertEqual(lines[4], "certificate www.example.com has ended")
        self.assertEqual(lines[-1], "not usable: 1 more: see -o json")
        done = self.run_line("status", "-o", "json")
        self.assertEqual((done.status, done.json), (0, dark))

    def test_taken(self) -> None:
        """A port that belongs to another service is the trouble of the one that lacks it, as from etcd."""
        rows = [{"Service": "web.myapp", "Taken": ["port 1/tcp belongs to db.myapp"]}, {"Service": "of-an-older-agent"}]
        self.given({**STATUS, "Document": {**DOCUMENT, "Services": rows}})
        done = self.run_line("status")
        self.assertEqual((done.status, done.stderr), (1, "daprdockrcmd: web.myapp: port 1/tcp belongs to db.myapp\n"))
        self.assertEqual(self.store.calls, [])

    def test_etcd(self) -> None:
        """The last line says what the agent has seen of etcd."""
        self.given({**STATUS, "Etcd": "etcd: 3 of 3 members answer"})
        self.assertTrue(self.run_line("status").stdout.endswith("\netcd: 3 of 3 members answer\n"))
        self.assertEqual(self.run_line("status", "-o", "json").json, DOCUMENT)

    def test_lines(self) -> None:
        """The lines of ``why``, and of containers in ``events``, are printed as they are; the JSON has none."""
        self.given({**SEEN, **PS, "Document": {"Well": True}, "Lines": ["all is", "well"]})
        self.assertEqual(self.run_line("why", "2.web.myapp").stdout, "all is\nwell\n")
        self.assertEqual(self.run_line("why", "web.myapp", "-o", "json").json, {"Well": True})
        self.assertEqual(self.run_line("events").stdout, "INSTANCE      NODE\n1.web.myapp   a\nall is\nwell\n")
        self.assertEqual(self.run_line("events", "-o", "json").json, PS["Rows"])
        self.assertEqual(self.run_line("history", "web.myapp").stdout, "INSTANCE      NODE\n1.web.myapp   a\n")
        self.assertIn("&number=%32&", self.targets[0])
        self.assertEqual(self.store.calls, [])

    def test_names(self) -> None:
        """Names are those that the agent knows, of the kinds that are asked for."""
        self.given({**SEEN, "services": ["web.myapp"], "instances": ["1.web.myapp"], "nodes": ["a"]})
        self.assertEqual(self.run_line("names", "nodes", "services").stdout, "a\nweb.myapp\n")
        self.assertEqual(self.store.calls, [])

    def test_names_of_an_older_agent(self) -> None:
        """Etcd is asked for names that an older agent does not know."""
        self.given({**SEEN, "services": ["web.myapp"]})
        self.assertEqual(self.run_line("names", "services", "jobs"), Outcome(0, "", ""))
        self.assertIn("list", self.store.calls)

    def test_events_of_one(self) -> None:
        """The agent's events are sifted here, and only the stream of those that come is from etcd."""
        rows = [{"Time": 1.0, "Node": "a", "Subject": name, "Text": "y"} for name in ("web.myapp", "db.myapp")]
        self.given({**SEEN, "Rows": rows})
        self.assertEqual(self.run_line("events", "db.myapp", "-o", "json").json, rows[1:])
        self.assertEqual(self.run_line("events", "b").stdout, "TIME   WHO   SUBJECT   EVENT\n")
        self.assertEqual(self.store.calls, [])

    def test_mute(self) -> None:
        """Nodes that can claim nothing are exit status 1, after all else."""
        self.given({**STATUS, "Mute": ["node b is frozen"]})
        done = self.run_line("status")
        self.assertEqual((done.status, done.stderr), (1, "daprdockrcmd: node b is frozen\n"))
        self.assertIn("web.myapp", done.stdout)

    def test_away(self) -> None:
        """The last known state is named as that, and the status of the cluster is then a failure."""
        self.given({**STATUS, **PS, "InTouch": False})
        done = self.run_line("ps")
        self.assertEqual((done.status, done.stdout.count("\n")), (0, 2))
        self.assertIn("etcd is away: this is the last state that the agent of a knows, of revision 7", done.stderr)
        done = self.run_line("status")  # of an older agent, which does not say why
        self.assertEqual((done.status, "node a is out of touch with etcd\n" in done.stderr), (1, True))

    def test_why_away(self) -> None:
        """``status`` says why the agent is out of touch, which is what a person has to know first."""
        self.given({**STATUS, "InTouch": False, "Trouble": "no quorum"})
        done = self.run_line("status")
        self.assertEqual((done.status, "node a is out of touch with etcd: no quorum\n" in done.stderr), (1, True))


class FallbackTests(LocalCase):
    def asks_etcd(self) -> None:
        for words in (("ps",), ("nodes",), ("status",)):
            before = len(self.store.calls)
            done = self.run_line(*words)
            self.assertEqual((done.status, done.stderr), (0, ""))
            self.assertGreater(len(self.store.calls), before)

    def test_no_socket(self) -> None:
        """Where there is no agent, or none that listens, etcd is asked."""
        self.asks_etcd()
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self.directory / SOCKET))
        listener.close()
        self.asks_etcd()

    def test_no_answer(self) -> None:
        """An agent without an answer is no error."""
        self.answers(b"", b"404")
        self.asks_etcd()

    def test_not_usable(self) -> None:
        """So is an agent whose answer cannot be used, because it is another version's or endless."""
        self.answers(b"[1]")
        self.asks_etcd()

    def test_endless(self) -> None:
        """The answer is bounded."""
        self.answers(b" " * (MOST + 1))
        self.asks_etcd()
