"""What the cluster looks like on a command line, as tables and as JSON."""

from __future__ import annotations

import json

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.host import Port
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.doubts import DoubtRecord, encode_trust
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.records import ClaimRecord, NodeRecord, State
from daprdockr.model.wanted.definition import Definition
from tests.fakes.command_line import LentStore, Outcome, command_line

KEYS = Keys()
WEB = Definition.read(
    {
        "Name": "web",
        "Group": "myapp",
        "Instances": 3,
        "Container": {"Image": "web:1"},
        "Http": {"HostName": "demo.test", "ContainerPort": 8080},
    }
)
RUNNING = ClaimRecord(
    node="n1",
    state=State.RUNNING,
    healthy=True,
    addresses=("192.0.2.1",),
    ports=(Port(8080, "tcp", 32768),),
    container="c1",
    definition=WEB.digest,
    started=1_700_000_000.5,
)


class ShowTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = LentStore()

    def claim(self, number: int, record: ClaimRecord, service: ServiceName = WEB.name) -> None:
        self.store.put(KEYS.claim(InstanceName(service, number)), record.encode(), self.store.lease)

    def lines(self, *words: str) -> list[list[str]]:
        """The table, each line as its cells."""
        done = command_line(self.store, *words)
        self.assertEqual((done.status, done.stderr, self.store.lent), (0, "", 0))
        return [line.split("   ") for line in done.stdout.splitlines()]

    def cells(self, *words: str) -> list[list[str]]:
        return [[cell.strip() for cell in line if cell.strip()] for line in self.lines(*words)]


class PsTests(ShowTestCase):
    """Instances."""

    def setUp(self) -> None:
        super().setUp()
        self.store.put(KEYS.service(WEB.name), WEB.encode())

    def test_table(self) -> None:
        """A running, a failing, an unclaimed and a surplus instance are all there, in order."""
        self.claim(1, RUNNING)
        self.claim(2, ClaimRecord(node="n2", state=State.BACKING_OFF, reason="exit code 1"))
        self.claim(10, evolve(RUNNING, definition="older"))
        self.assertEqual(
            self.cells("ps"),
            [
                ["INSTANCE", "NODE", "STATE", "HEALTHY", "PORTS", "STARTED", "REASON"],
                ["1.web.myapp", "n1", "running", "yes", "32768->8080/tcp", "2023-11-14 22:13:20Z", "-"],
                ["2.web.myapp", "n2", "backing-off", "no", "-", "-", "exit code 1"],
                ["3.web.myapp", "-", "waiting", "no", "-", "-", "no node is ready"],
                [
                    "10.web.myapp",
                    "n1",
                    "running",
                    "yes",
                    "32768->8080/tcp",
                    "2023-11-14 22:13:20Z",
                    "runs an older definition",
                ],
            ],
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
        """What a registry said cannot move the cursor or add lines."""
        self.claim(1, ClaimRecord(node="n1", reason="a\nb\x1b[2J\x9b"))
        self.assertIn(r"a\nb\x1b[2J\x9b", self.cells("ps")[1])


class NodesTests(ShowTestCase):
    """Nodes."""

    def test_table(self) -> None:
        """A node shows its addresses, its labels, its claims, if it may be given instances, if it is cordoned."""
        record = NodeRecord(
            ("192.0.2.1", "2001:db8::1"), {"zone": "a", "disk": "ssd"}, "1.0", allow=("binds", "runtime")
        )
        self.store.put(KEYS.node("n1"), record.encode(), self.store.lease)
        self.store.put(KEYS.node("n2"), NodeRecord(ready=False, fails=("web.myapp",)).encode(), self.store.lease)
        self.store.put(
            KEYS.node("n3"), NodeRecord(allow=(), fails=("web.myapp",), trouble="no space").encode(), self.store.lease
        )
        self.store.put(KEYS.cordon("n2"), b"{}")
        self.claim(1, RUNNING)
        self.assertEqual(
            self.cells("nodes"),
            [
                ["NODE", "READY", "ADDRESSES", "INSTANCES", "CORDONED", "LABELS", "ALLOWS", "VERSION", "REASON"],
                ["n1", "yes", "192.0.2.1,2001:db8::1", "1", "no", "disk=ssd,zone=a", "binds,runtime", "1.0", "-"],
                ["n2", "no", "-", "0", "yes", "-", "all", "-", "web.myapp cannot start"],
                ["n3", "yes", "-", "0", "no", "-", "-", "-", "nothing starts: no space"],
            ],
        )

    def test_json(self) -> None:
        """Programs get the labels as an object."""
        self.store.put(KEYS.node("n1"), NodeRecord(labels={"zone": "a"}).encode(), self.store.lease)
        self.assertEqual(command_line(self.store, "nodes", "-o=json").json[0]["Labels"], {"zone": "a"})


class StatusTests(ShowTestCase):
    """The whole on one page."""

    def setUp(self) -> None:
        super().setUp()
        self.store.put(KEYS.service(WEB.name), WEB.encode())
        self.store.put(KEYS.node("n1"), NodeRecord().encode(), self.store.lease)
        self.claim(1, RUNNING)
        self.claim(2, evolve(RUNNING, state=State.UNHEALTHY, healthy=False, definition="older"))

    def test_dark(self) -> None:
        """A node on which nothing starts is named with the reason."""
        self.store.put(KEYS.node("n2"), NodeRecord(trouble="no space").encode(), self.store.lease)
        self.assertIn("nothing starts on n2: no space\n", command_line(self.store, "status").stdout)
        self.assertEqual(command_line(self.store, "status", "-o", "json").json["Dark"], {"n2": "no space"})

    def test_table(self) -> None:
        """Services with what is wanted and what is there, and the number of nodes."""
        self.assertEqual(
            self.cells("status"),
            [
                ["nodes: 1"],
                ["SERVICE", "WANTED", "RUNNING", "HEALTHY", "CURRENT", "HTTP", "REASON"],
                ["web.myapp", "3", "2", "1", "1", "demo.test", "-"],
            ],
        )

    def test_reason(self) -> None:
        """Why a service is not all there is said in the words of its first instance that has any."""
        for number in (3, 2):
            self.claim(number, evolve(RUNNING, state=State.BACKING_OFF, healthy=False, reason=f"no driver {number}"))
        self.assertEqual(self.cells("status")[-1], ["web.myapp", "3", "1", "1", "1", "demo.test", "no driver 2"])

    def test_broken(self) -> None:
        """What cannot be read is listed with the reason."""
        self.store.put(KEYS.service(ServiceName("myapp", "bad")), b"{}")
        self.assertIn("not usable: /daprdockr/services/myapp/bad: Name is missing", self.cells("status")[-1][0])
        told = command_line(self.store, "status", "-o", "json").json
        self.assertEqual(told["Broken"], [{"Key": "/daprdockr/services/myapp/bad", "Reason": "Name is missing"}])
        self.assertEqual((told["Nodes"], told["Services"][0]["Healthy"]), (1, 1))

    def test_nothing(self) -> None:
        """An empty cluster is no error."""
        self.assertEqual(command_line(LentStore(), "status").status, 0)


class NoWritesTests(ShowTestCase):
    """Nodes that run, and can claim and report nothing."""

    def setUp(self) -> None:
        super().setUp()
        self.store.put(KEYS.node("n1"), NodeRecord().encode(), self.store.lease)
        self.store.put(
            KEYS.node("n2"), NodeRecord(ready=False, refused="cannot write /daprdockr/x").encode(), self.store.lease
        )

    def test_full(self) -> None:
        """An etcd that takes no writes is the trouble of every node, and the exit status says so."""
        self.store.full = True
        done = command_line(self.store, "status")
        self.assertEqual(done.status, 1)
        self.assertIn("nodes: 2\n", done.stdout)
        self.assertIn("NOSPACE", done.stderr)
        self.assertEqual(done.stderr.count("\n"), 1)
        asked = command_line(self.store, "status", "-o", "json")
        self.assertEqual(asked.status, 1)
        self.assertIn("NOSPACE", asked.json["Refused"])
        rows = command_line(self.store, "nodes", "-o", "json").json
        self.assertIn("NOSPACE", rows[0]["Refused"])

    def test_one_node(self) -> None:
        """What a node says of itself stands beside it, and ends ``status`` with a line that names it."""
        self.assertEqual(self.cells("nodes")[2][-1], "cannot write /daprdockr/x")
        done = command_line(self.store, "status")
        self.assertEqual((done.status, done.stderr), (1, "daprdockrcmd: node n2 cannot write /daprdockr/x\n"))

    def test_doubts(self) -> None:
        """A node that doubts this etcd is not ready and says why; ``status`` names the way on, and fails."""
        record = DoubtRecord(number=7, reason="this etcd went back from revision 9 to 5")
        self.store.put(KEYS.doubts + "n1", record.encode())
        self.store.commit([], [Delete(KEYS.node("n2"))])
        (row,) = command_line(self.store, "nodes", "-o", "json").json
        self.assertEqual((row["Ready"], row["Doubts"]), (False, record.reason))
        table = command_line(self.store, "nodes").stdout
        self.assertIn(f"frozen: {record.reason}", table)
        done = command_line(self.store, "status")
        self.assertEqual((done.status, done.stderr), (1, "daprdockrcmd: node n1 is frozen\n"))
        self.assertIn(f"n1 is frozen, it doubts this etcd: {record.reason} (daprdockrcmd trust-etcd", done.stdout)
        self.assertEqual(command_line(self.store, "status", "-o", "json").json["Doubts"], {"n1": record.reason})

    def test_trusted(self) -> None:
        """``trust-etcd`` shows what goes; only with ``-yes`` it writes the key, with the numbers of the doubts."""
        instances = {"1.gone.myapp": "0" * 12}
        record = DoubtRecord(number=7, reason="it went back", instances=instances)
        self.store.put(KEYS.doubts + "n1", record.encode())
        done = command_line(self.store, "trust-etcd")
        self.assertEqual(done.status, 1)
        self.assertIn("n1 would remove 1.gone.myapp: gone.myapp is not defined", done.stdout)
        self.assertIn("-yes", done.stderr)
        self.assertIsNone(self.store.get(KEYS.trust))
        self.assertEqual(command_line(self.store, "trust-etcd", "-yes").status, 0)
        entry = self.store.get(KEYS.trust)
        assert entry is not None
        self.assertEqual(entry.value, encode_trust([7]))

    def test_a_reader(self) -> None:
        """Who may only read learns nothing of the nodes from that, and gets the usual answer."""
        self.store.commit([], [Delete(KEYS.node("n2"))])
        self.store.forbidden = ("/",)
        revision = self.store.revision
        done = command_line(self.store, "status")
        self.assertEqual((done.status, done.stderr, self.store.revision), (0, "", revision))


class EventsTests(ShowTestCase):
    """Events."""

    def test_table(self) -> None:
        """Events are listed by time, whatever node they are from; one that cannot be read is left out."""
        late = Event(1_700_000_060, "n1", "1.web.myapp", "exit code 1")
        early = Event(1_700_000_000, "n2", "web.myapp", "image ä is missing")
        for number, (node, value) in enumerate([("n1", late.encode()), ("n2", early.encode()), ("n3", b"x")]):
            self.store.put(KEYS.event(node, number), value, self.store.lease)
        self.assertEqual(
            self.cells("events"),
            [
                ["TIME", "NODE", "SUBJECT", "EVENT"],
                ["2023-11-14 22:13:20Z", "n2", "web.myapp", "image ä is missing"],
                ["2023-11-14 22:14:20Z", "n1", "1.web.myapp", "exit code 1"],
            ],
        )
        self.assertEqual([item["Node"] for item in command_line(self.store, "events", "-o", "json").json], ["n2", "n1"])

    def test_absurd_time(self) -> None:
        """A time beyond the calendar is not shown."""
        self.store.put(KEYS.event("n1", 1), Event(1e12, "n1", "x", "y").encode(), self.store.lease)
        self.assertEqual(self.cells("events")[1], ["-", "n1", "x", "y"])


class EventTests(SynchronousTestCase):
    """Events as values."""

    def test_round_trip(self) -> None:
        """An event is read back as it was written; members that only a newer agent knows are ignored."""
        event = Event(1.5, "n1", "web.myapp", "text")
        self.assertEqual(Event.decode(event.encode()), event)
        self.assertEqual(Event.decode(json.dumps(event.write() | {"Newer": 1}).encode()), event)

    def test_refused(self) -> None:
        """What is no event is refused."""
        whole = Event(1, "n1", "s", "t").write()
        values = [[], {}, whole | {"Time": "now"}, whole | {"Time": -1}, whole | {"Text": None}, whole | {"Node": 1}]
        for value in values:
            self.assertRaises(BadInput, Event.decode, json.dumps(value).encode())


class TableTests(ShowTestCase):
    """How tables are drawn."""

    def test_columns(self) -> None:
        """Columns are aligned, and no line ends in spaces."""
        self.store.put(KEYS.node("n1"), NodeRecord().encode(), self.store.lease)
        self.store.put(KEYS.node("a-long-name"), NodeRecord(("192.0.2.1",)).encode(), self.store.lease)
        lines = command_line(self.store, "nodes").stdout.splitlines()
        self.assertEqual({line.index(word) for line, word in zip(lines, ("ADDR", "192.", "-  "), strict=True)}, {22})
        self.assertEqual([line for line in lines if line != line.rstrip()], [])

    def test_nothing(self) -> None:
        """A table of nothing is its header."""
        self.assertEqual(
            command_line(self.store, "nodes"),
            Outcome(0, "NODE   READY   ADDRESSES   INSTANCES   CORDONED   LABELS   ALLOWS   VERSION   REASON\n", ""),
        )
