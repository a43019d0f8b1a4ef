"""``volume``: the volumes of instances, and an instance that is started elsewhere by hand; what ``why`` shows."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from daprdockr.model.frames import MAX_CONTENT, FrameKind
from daprdockr.model.names import InstanceName
from daprdockr.model.node_volumes import MOST_VOLUMES, NodeVolume, write_volumes
from daprdockr.model.session import VolumesAsked
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.model.stored.volume import VolumeRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.placement import Constraint
from tests.build.command_line import WELL, DrainCase
from tests.build.values import KEYS, named
from tests.fakes.command_line import Outcome, command_line
from tests.fakes.peer_node import PeerConnection, PeerNode

DB = named("db", 2, Container={"Volumes": ["data:/data"]}, Placement={"WaitForVolume": 60})
FIRST, SECOND = InstanceName(DB.name, 1), InstanceName(DB.name, 2)
GONE = VolumeRecord("gone", ("data",))


class VolumeCase(DrainCase):
    """``1.db.myapp`` waits for a node that is away, ``2.db.myapp`` runs on ``n1``."""

    def setUp(self) -> None:
        super().setUp()
        self.store.put(KEYS.service(DB.name), DB.encode())
        self.put(FIRST, GONE)
        self.put(SECOND, VolumeRecord("n1", ("data",)))
        self.store.put(KEYS.claim(SECOND), evolve(WELL, definition=DB.digest).encode(), self.store.lease)

    def put(self, instance: InstanceName, record: VolumeRecord) -> None:
        self.store.put(KEYS.volumes(instance), record.encode())

    def spoil(self) -> None:
        """The record of the instance that waits cannot be read any more."""
        self.store.put(KEYS.volumes(FIRST), b"{")

    def node_of(self, instance: InstanceName) -> str:
        entry = self.store.get(KEYS.volumes(instance))
        assert entry is not None
        return VolumeRecord.decode(entry.value).node

    def define(self, *definitions: Definition, node: str = "") -> None:
        for one in definitions:
            self.store.put(KEYS.service(one.name), one.encode())


class ListTests(VolumeCase):
    def states(self) -> dict[str, str]:
        return {row["Instance"]: row["State"] for row in self.run_line("volume ls -o json").json}

    def test_rows(self) -> None:
        """Each volume of an instance is a line, by node."""
        shown = [line.split() for line in self.run_line("volume ls").stdout.splitlines()]
        rows = [["gone", "data", "1.db.myapp", "waiting"], ["n1", "data", "2.db.myapp", "running"]]
        self.assertEqual(shown, [["NODE", "VOLUME", "INSTANCE", "STATE"], *rows])

    def test_states(self) -> None:
        """It says so when a node is overdue, the instance is not wanted, or runs without that data."""
        self.put(FIRST, evolve(GONE, overdue=True))
        self.assertEqual(self.states()["1.db.myapp"], "overdue")
        self.store.put(KEYS.claim(FIRST), ClaimRecord("n2").encode(), self.store.lease)
        self.assertEqual(self.states()["1.db.myapp"], "left behind, it is on n2")
        self.put(InstanceName(DB.name, 3), GONE)
        self.assertEqual(self.states()["3.db.myapp"], "not wanted")

    def test_of_nodes(self) -> None:
        """Other named volumes of nodes are lines, too; a node that does not answer, or not well, is one on stderr."""
        answer = write_volumes([NodeVolume("data", ("2.db.myapp",)), NodeVolume("old"), NodeVolume("tool", ("x", "y"))])

        def play(peer: PeerConnection) -> None:
            self.assertEqual(peer.accept((FrameKind.OUTPUT, answer), (FrameKind.STATUS, b"0")).asked, VolumesAsked())

        def odd(peer: PeerConnection) -> None:
            peer.accept((FrameKind.OUTPUT, b"[1]"), (FrameKind.STATUS, b"0"))

        self.store.put(KEYS.node("n1"), PeerNode(self, play).record().encode(), self.store.lease)
        self.store.put(KEYS.node("n3"), PeerNode(self, odd).record().encode(), self.store.lease)
        done = self.run_line("volume ls -o json")
        rows = [tuple(row.values()) for row in done.json if row["Node"] == "n1"]
        others = [("n1", "old", "", "unused"), ("n1", "tool", "x,y", "in use")]
        self.assertEqual(rows, [("n1", "data", "2.db.myapp", "running"), *others])
        lines = done.stderr.splitlines()
        self.assertEqual(
            [line.partition(" are not known")[0] for line in lines],
            ["daprdockrcmd: volumes of node n2", "daprdockrcmd: volumes of node n3"],
        )

    def test_very_many(self) -> None:
        """Of a node with more volumes than an agent lists, that is said."""
        answer = write_volumes([NodeVolume(f"v{number}") for number in range(MOST_VOLUMES + 1)])
        parts = [(FrameKind.OUTPUT, answer[at : at + MAX_CONTENT]) for at in range(0, len(answer), MAX_CONTENT)]

        def play(peer: PeerConnection) -> None:
            peer.accept(*parts, (FrameKind.STATUS, b"0"))

        self.store.put(KEYS.node("n1"), PeerNode(self, play).record().encode(), self.store.lease)
        done = self.run_line("volume ls -o json")
        self.assertIn(f"only the first {MOST_VOLUMES} volumes of node n1, by name, are listed", done.stderr)


class MoveTests(VolumeCase):
    def test_moved(self) -> None:
        """With -yes the record names the other node, and an event says who did it."""
        done = self.run_line("volume move 1.db.myapp n2 -yes")
        self.assertEqual(done, Outcome(0, "1.db.myapp starts on n2; its data on gone stays there\n", ""))
        self.assertEqual(self.node_of(FIRST), "n2")
        self.assertIn("its data on gone stays behind", self.run_line("events").stdout)

    def test_json(self) -> None:
        """With ``-o json`` an object says so."""
        done = self.run_line("volume move 1.db.myapp n2 -yes -o json")
        self.assertEqual(done.json, {"Instance": "1.db.myapp", "Node": "n2", "Before": "gone"})

    def test_asks(self) -> None:
        """Without -yes and without a terminal nothing is changed, and the line says what stays behind."""
        done = self.run_line("volume move 1.db.myapp n2")
        self.assertEqual((done.status, self.node_of(FIRST)), (1, "gone"))
        self.assertIn("the data on gone stays behind", done.stderr)
        self.assertIn("volume move 1.db.myapp n2 -yes", done.stderr)

    def test_on_a_node(self) -> None:
        """An instance that has a node is not moved: the line says how it is."""
        done = self.run_line("volume move 2.db.myapp n2 -yes")
        self.assertEqual((done.status, self.node_of(SECOND)), (1, "n1"))
        self.assertIn("daprdockrcmd scale db.myapp=1", done.stderr)

    def test_still_stopping(self) -> None:
        """One that is not wanted any more, and still has its node, is to be waited for."""
        self.define(evolve(DB, instances=1))
        done = self.run_line("volume move 2.db.myapp n2 -yes")
        line = "2.db.myapp is still stopping on n1: daprdockrcmd wait db.myapp"
        self.assertEqual((done.status, done.stderr), (1, f"daprdockrcmd: {line}\n"))

    def test_claimed_meanwhile(self) -> None:
        """If its node comes back at this moment, nothing is changed."""
        commit = self.store.commit

        def late(*given: object) -> object:
            self.store.put(KEYS.claim(FIRST), ClaimRecord("gone").encode(), self.store.lease)
            return commit(*given)  # type: ignore[arg-type]

        self.store.commit = late  # type: ignore[method-assign,assignment]
        done = self.run_line("volume move 1.db.myapp n2 -yes")
        self.assertEqual((done.status, self.node_of(FIRST)), (1, "gone"))
        self.assertIn("got a node at this moment", done.stderr)

    def test_nothing_to_move(self) -> None:
        """A node or an instance that does not exist, and one without data, are answered with exit status 3."""
        self.define(named("web"))
        for line, part in (
            ("1.db.myapp n9", "node n9 does not exist"),
            ("3.db.myapp n2", "3.db.myapp has no named volume on any node"),
            ("1.web.myapp n2", "1.web.myapp has no named volume on any node"),
            ("1.api.myapp n2", "api.myapp does not exist"),
        ):
            done = self.run_line(f"volume move {line} -yes")
            self.assertEqual((done.status, part in done.stderr), (3, True), line)
        self.put(FIRST, VolumeRecord("n2", ("data",)))
        done = self.run_line("volume move 1.db.myapp n2 -yes")
        self.assertEqual((done.status, "is on n2 already" in done.stderr), (1, True))

    def test_unreadable(self) -> None:
        """A record that cannot be read is overwritten; the instance is not known to have data on any node."""
        self.spoil()
        asked = self.run_line("volume move 1.db.myapp n2")
        self.assertEqual((asked.status, "volume data has there, and the data elsewhere" in asked.stderr), (1, True))
        done = self.run_line("volume move 1.db.myapp n2 -yes -o json")
        self.assertEqual(done.json, {"Instance": "1.db.myapp", "Node": "n2", "Before": ""})
        entry = self.store.get(KEYS.volumes(FIRST))
        self.assertEqual(entry and VolumeRecord.decode(entry.value), VolumeRecord("n2", ("data",)))

    def test_usage(self) -> None:
        """Wrong words are named."""
        for line, part in (
            ("", "needs to know what to do"),
            ("move 1.db.myapp", "needs an instance, and the node"),
            ("move db n2", "db"),
            ("move 1.db.myapp N/2", "N/2"),
            ("ls -yes", "-yes has no use with volume ls"),
        ):
            done = command_line(self.store, "volume", *line.split())
            self.assertEqual((done.status, part in done.stderr), (2, True), (line, done.stderr))


class ShownTests(VolumeCase):
    """An instance that waits for the node with its data, in the commands that show instances."""

    WAITS = "waiting for gone, which has its volume data"

    def test_why(self) -> None:
        """``why`` names the node, says so of each other one, and what a person can do."""
        shown = self.run_line("why db.myapp").stdout
        self.assertIn(f"1.db.myapp is {self.WAITS}", shown)
        self.assertIn("the data is elsewhere: of 1.db.myapp on gone", shown)
        self.assertIn("daprdockrcmd volume move 1.db.myapp NODE", " ".join(shown.split()))
        self.assertEqual({one["Bar"] for one in self.run_line("why db.myapp -o json").json["Nodes"]}, {"volume"})

    def test_overdue(self) -> None:
        """When the node is overdue the time of the definition is said."""
        self.put(FIRST, evolve(GONE, overdue=True))
        late = "waiting for more than 60 s for gone, which has its volume data"
        self.assertIn(late, " ".join(self.run_line("why 1.db.myapp").stdout.split()))
        self.assertIn(late, self.run_line("ps db.myapp").stdout)
        self.assertIn(f"1.db.myapp is {late}", self.run_line("status").stdout)

    def test_unreadable(self) -> None:
        """A record that cannot be read is named with its key wherever the instance is, and in the list of volumes."""
        self.spoil()
        shown = " ".join(self.run_line("why 1.db.myapp").stdout.split())
        self.assertIn(f"the record of which node has its volume, {KEYS.volumes(FIRST)}, is not usable (", shown)
        self.assertIn("the data is elsewhere: of 1.db.myapp on an unknown node", shown)
        self.assertIn("say which node has its data, or is to start it without: daprdockrcmd volume move", shown)
        for line in ("ps db.myapp", "status"):
            self.assertIn(KEYS.volumes(FIRST), self.run_line(line).stdout)
        rows = [row for row in self.run_line("volume ls -o json").json if row["Instance"] == "1.db.myapp"]
        state = "on an unknown node: its record is not usable"
        self.assertEqual(rows, [{"Node": "", "Volume": "data", "Instance": "1.db.myapp", "State": state}])

    def test_helps(self) -> None:
        """The advice depends on why the node with the data does not take the instance."""
        for node, prepare, part in (
            ("gone", None, "bring gone back"),
            ("n2", KEYS.cordon("n2"), "let n2 take instances again (daprdockrcmd uncordon n2)"),
            ("n1", None, "wait until n1 takes it"),
        ):
            self.put(FIRST, VolumeRecord(node, ("data",)))
            if prepare is not None:
                self.store.put(prepare, b"")
            helps = self.run_line("why 1.db.myapp -o json").json["Instances"][0]["Advice"]
            self.assertEqual(helps, f"{part}, or start it without that data: daprdockrcmd volume move 1.db.myapp NODE")
        self.define(evolve(DB, placement=evolve(DB.placement, constraints=(Constraint("node", True, "n3"),))))
        helps = self.run_line("why 1.db.myapp -o json").json["Instances"][0]["Advice"]
        self.assertIn("let n1 have what it lacks, or start it", helps)

    def test_no_more_away(self) -> None:
        """``why`` and ``ps`` say of an older copy that it stays until the one that waits has a node."""
        changed: dict[str, Any] = {"Container": {"Volumes": ["data:/data"], "Cmd": ["changed"]}}
        self.define(named("db", 2, **changed))
        part = "which stays until 1.db.myapp has a node: no more may be away"
        for line in ("why db.myapp", "ps db.myapp"):
            self.assertIn(part, " ".join(self.run_line(line).stdout.split()))
        self.define(named("db", 2, **changed, Update={"Parallelism": 2}))
        self.assertIn("stops before the new one starts", " ".join(self.run_line("why db.myapp").stdout.split()))

    def test_several(self) -> None:
        """``status`` counts the others."""
        self.define(named("db", 3, Container={"Volumes": ["data:/data"]}))
        self.put(InstanceName(DB.name, 3), GONE)
        self.assertIn(f"1.db.myapp is {self.WAITS}, and 1 more wait for their data", self.run_line("status").stdout)

    def test_some_free(self) -> None:
        """Where another instance waits for any node, that is what is said of the nodes."""
        self.define(named("db", 3, Container={"Volumes": ["data:/data"]}))
        shown = self.run_line("why db.myapp").stdout
        self.assertNotIn("the data is elsewhere", shown)
        self.assertIn("2 of 3 wait for a node", self.run_line("status").stdout)

    def test_many(self) -> None:
        """Of many that wait three are named."""
        self.define(named("db", 6, Container={"Volumes": ["data:/data"]}))
        for number in (3, 4, 5, 6):
            self.put(InstanceName(DB.name, number), GONE)
        shown = " ".join(self.run_line("why db.myapp").stdout.split())
        self.assertIn("3.db.myapp on gone, 4.db.myapp on gone and 2 more", shown)
