"""``ps``: instances, as a table and as JSON."""

from __future__ import annotations

from attrs import evolve

from daprdockr.model.names import ServiceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Delete
from tests.build.command_line import RUNNING, WEB, ShowCase
from tests.build.values import KEYS
from tests.fakes.command_line import command_line


class PsTests(ShowCase):
    """Instances."""

    def setUp(self) -> None:
        super().setUp()
        self.store.put(KEYS.service(WEB.name), WEB.encode())

    def test_table(self) -> None:
        """A running, a failing, an unclaimed and an unwanted instance are all there, in order."""
        self.claim(1, RUNNING)
        self.claim(2, ClaimRecord(node="n2", state=State.BACKING_OFF, reason="exit code 1"))
        self.claim(10, evolve(RUNNING, definition="older"))
        self.assertEqual(
            self.cells("ps"),
            [
                ["INSTANCE", "NODE", "STATE", "HEALTHY", "PORTS", "STARTED", "REASON"],
                ["1.web.myapp", "n1", "running", "yes", "32768->8080/tcp", "2023-11-14 22:13:20Z", "-"],
                ["2.web.myapp", "n2", "backing-off", "no", "-", "-", "exit code 1"],
                ["3.web.myapp", "-", "waiting", "no", "-", "-", "no node takes instances now"],
                [
                    "10.web.myapp",
                    "n1",
                    "withdrawn",
                    "no",
                    "32768->8080/tcp",
                    "2023-11-14 22:13:20Z",
                    "web.myapp is scaled down",
                ],
            ],
        )

    def test_older(self) -> None:
        """A wanted instance whose container was made from another definition says so."""
        self.claim(1, evolve(RUNNING, definition="older"))
        self.assertEqual(self.cells("ps")[1][-1], "runs an older definition")

    def test_older_stops_first(self) -> None:
        """One that has to stop before its successor starts says why: nobody has asked for that."""
        self.store.put(KEYS.service(WEB.name), evolve(WEB, on_partition="stop").encode())
        self.claim(1, evolve(RUNNING, definition="older"))
        why = "with OnPartition: stop two copies never run"
        older = f"runs an older definition, which stops before the new one starts: {why}"
        self.assertEqual(self.cells("ps")[1][-1], older)

    def test_not_wanted(self) -> None:
        """An instance of a deleted service says so, and one whose definition cannot be read says that instead."""
        self.claim(1, RUNNING)
        self.store.commit([], [Delete(KEYS.service(WEB.name))])
        self.assertEqual(self.cells("ps", "web.myapp")[1][-1], "web.myapp is deleted")
        self.store.put(KEYS.service(WEB.name), b"garbage")
        self.assertEqual(
            self.cells("ps", "web.myapp")[1][-1], "the definition of web.myapp is not usable: status says why"
        )

    def test_json(self) -> None:
        """Programs get all that is known, under the names of the records."""
        self.claim(1, RUNNING)
        first = command_line(self.store, "ps", "-o", "json").json[0]
        self.assertEqual(first["Ports"], [{"Container": 8080, "Protocol": "tcp", "Host": 32768}])
        self.assertEqual((first["Instance"], first["Current"], first["ContainerId"]), ("1.web.myapp", True, "c1"))

    def test_one_service(self) -> None:
        """One service can be asked for; one that does not exist is exit status 3."""
        self.claim(1, RUNNING, ServiceName("other", "db"))
        self.assertEqual(len(self.cells("ps", "web.myapp")), 4)
        self.assertEqual(self.cells("ps", "db.other")[1][0], "1.db.other")
        self.assertEqual(command_line(self.store, "ps", "no.such").status, 3)

    def test_broken_service(self) -> None:
        """A definition that cannot be read is not said to be absent."""
        self.store.put(KEYS.service(ServiceName("myapp", "bad")), b"garbage")
        done = command_line(self.store, "ps", "bad.myapp")
        self.assertEqual(done.status, 1)
        self.assertIn("not usable", done.stderr)

    def test_hostile_reason(self) -> None:
        """A registry's message cannot move the cursor or add lines."""
        self.claim(1, ClaimRecord(node="n1", reason="a\nb\x1b[2J\x9b"))
        self.assertIn(r"a\nb\x1b[2J\x9b", self.cells("ps")[1])
