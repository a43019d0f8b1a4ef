"""``names``: services, instances and nodes by name, for the completion of command lines."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.files import FileRecord
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.run import RunState
from daprdockr.model.stored.volume import VolumeRecord
from tests.build.jobs import REPORT, job, record
from tests.build.values import KEYS, named
from tests.fakes.command_line import LentStore, command_line


class NamesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = LentStore()
        for number in (2, 1):
            self.store.put(KEYS.node(f"n{number}"), NodeRecord().encode(), self.store.lease)
        for wanted in (web := named("web", 2), named("db")):
            self.store.put(KEYS.service(wanted.name), wanted.encode())
        self.store.put(KEYS.claim(InstanceName(web.name, 10)), ClaimRecord("n1").encode(), self.store.lease)

    def test_each_kind(self) -> None:
        """They come in order, one on a line, those of one kind behind those of the other."""
        self.assertEqual(command_line(self.store, "names", "nodes").stdout, "n1\nn2\n")
        found = command_line(self.store, "names", "instances", "services").stdout.split()
        instances = ["1.db.myapp", "1.web.myapp", "2.web.myapp", "10.web.myapp"]
        self.assertEqual(found, [*instances, "db.myapp", "web.myapp"])

    def test_values(self) -> None:
        """Jobs, secrets, files and certificates have names too; what a service uses has one before it is set."""
        self.store.put(KEYS.service(job().name), job().encode())
        files = [{"Name": "conf", "Target": "/conf"}, {"Content": "x", "Target": "/x"}]
        uses = named("app", Secrets=[{"Name": "token", "Env": "T"}], Files=files)
        self.store.put(KEYS.service(uses.name), uses.encode())
        self.store.put(KEYS.file("app.ini"), FileRecord(1, "s", 5).encode())
        self.assertEqual(
            command_line(self.store, "names", "jobs", "secrets", "files", "certificates", "-o", "json").json,
            {"jobs": ["report.myapp"], "secrets": ["token"], "files": ["app.ini", "conf"], "certificates": []},
        )

    def test_owned(self) -> None:
        """An instance has volumes, a job runs and a service revisions, whose names are asked for with a colon."""
        db = named("db", Container={"Volumes": ["data:/data", "/srv:/srv"]})
        self.store.put(KEYS.service(db.name), db.encode())
        self.store.put(KEYS.volumes(InstanceName(db.name, 1)), VolumeRecord("n1", ("data", "old")).encode())
        for number, state in ((8, RunState.SET), (9, RunState.DONE), (10, RunState.RUNNING)):
            self.store.put(KEYS.run(REPORT, number), record(state, node="n1").encode())
        self.assertEqual(command_line(self.store, "names", "volumes:1.db.myapp").stdout, "data\nold\n")
        self.assertEqual(command_line(self.store, "names", "runs:report.myapp").stdout, "9\n10\n")
        self.assertEqual(command_line(self.store, "scale", "web.myapp=3").status, 0)
        found = command_line(self.store, "names", "revisions:web.myapp", "nodes", "-o", "json").json
        self.assertEqual(found, {"revisions:web.myapp": ["1", "2"], "nodes": ["n1", "n2"]})
        self.assertEqual(command_line(self.store, "names", "volumes:7.x.y", "runs:x.y").stdout, "")

    def test_commands(self) -> None:
        """A line has no name that bash would carry out when it completes; JSON, which no shell reads, has all."""
        names = ["$(reboot)", "`reboot`", "a;b", "data", "x\ny"]
        db = named("db", Container={"Volumes": [f"{name}:/data/{number}" for number, name in enumerate(names)]})
        self.store.put(KEYS.service(db.name), db.encode())
        self.assertEqual(command_line(self.store, "names", "volumes:1.db.myapp").stdout, "data\n")
        found = command_line(self.store, "names", "volumes:1.db.myapp", "-o", "json").json
        self.assertEqual(found, {"volumes:1.db.myapp": sorted(names)})

    def test_json(self) -> None:
        """In JSON there is a list for each kind."""
        found = command_line(self.store, "names", "nodes", "services", "-o", "json").json
        self.assertEqual(found, {"nodes": ["n1", "n2"], "services": ["db.myapp", "web.myapp"]})
        self.assertEqual(command_line(self.store, "names", "groups").stdout, "myapp\n")

    def test_bad_input(self) -> None:
        """No kind, or an unknown one, is one line that says which there are."""
        for words in ((), ("pods",), ("nodes", "pods"), ("pods:web.myapp",), ("volumes",)):
            done = command_line(self.store, "names", *words)
            self.assertEqual((done.status, done.stdout), (2, ""))
            self.assertIn("services, instances, nodes", done.stderr)
        for word in ("runs:", "volumes:web.myapp", "revisions:nobody"):
            self.assertEqual(command_line(self.store, "names", word).status, 2)
