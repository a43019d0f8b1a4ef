"""``nodes``: the nodes of the cluster, as a table and as JSON, and how any table is drawn."""

from __future__ import annotations

from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import snapshot
from daprdockr.model.stored.node import NodeRecord
from daprdockr.picture.nodes import node_table
from daprdockr.planning.candidates import UNKNOWN
from tests.build.command_line import RUNNING, ShowCase
from tests.build.values import KEYS
from tests.fakes.command_line import Outcome, command_line
from tests.fakes.etcd_members import member

LOST_ROWS = [("a", True, "votes"), ("b", True, "votes"), ("c", False, "lost")]


class NodesTests(ShowCase):
    """Nodes."""

    def test_table(self) -> None:
        """A node shows its addresses, its labels, its claims, if it may be given instances, if it is cordoned."""
        record = NodeRecord(
            ("192.0.2.1", "2001:db8::1"), {"zone": "a", "disk": "ssd"}, "1.0", allow=("binds", "runtime"), etcd="votes"
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
                [
                    "NODE",
                    "READY",
                    "ADDRESSES",
                    "INSTANCES",
                    "CORDONED",
                    "ETCD",
                    "LABELS",
                    "ALLOWS",
                    "VERSION",
                    "REASON",
                ],
                [
                    "n1",
                    "yes",
                    "192.0.2.1,2001:db8::1",
                    "1",
                    "no",
                    "votes",
                    "disk=ssd,zone=a",
                    "binds,runtime",
                    "1.0",
                    "-",
                ],
                ["n2", "no", "-", "0", "yes", "-", "-", "all", "-", f"not ready: {UNKNOWN}; web.myapp cannot start"],
                ["n3", "yes", "-", "0", "no", "-", "-", "-", "-", "nothing starts: no space"],
            ],
        )

    def test_many_failing(self) -> None:
        """Of many services that fail on a node some are named, apart from each other, and the others are counted."""
        fails = tuple(f"web{number}.myapp" for number in range(1, 8))
        for node, some in (("n1", fails[:5]), ("n2", fails)):
            self.store.put(KEYS.node(node), NodeRecord(fails=some).encode(), self.store.lease)
        reasons = [line[-1] for line in self.cells("nodes")[1:]]
        first = "web1.myapp, web2.myapp, web3.myapp, web4.myapp, web5.myapp"
        self.assertEqual(reasons, [f"{first} cannot start", f"{first} and 2 more cannot start"])

    def test_not_ready(self) -> None:
        """A node that is not ready says why, in its own words if it has any."""
        for name, record in {
            "n1": NodeRecord(ready=False, unready="its Docker Engine hangs"),
            "n2": NodeRecord(ready=False),
            "n3": NodeRecord(ready=False, refused="cannot write x", unready="its Docker Engine hangs"),
        }.items():
            self.store.put(KEYS.node(name), record.encode(), self.store.lease)
        reasons = [line[-1] for line in self.cells("nodes")[1:]]
        self.assertEqual(reasons, ["not ready: its Docker Engine hangs", f"not ready: {UNKNOWN}", "cannot write x"])

    def test_lost_member(self) -> None:
        """A node with a member of etcd that does not report is shown with what to do; so is one that is awaited."""
        for name in ("a", "b"):
            self.store.put(KEYS.node(name), NodeRecord(etcd="votes").encode(), self.store.lease)
        cluster = snapshot(Request("nodes"), self.store)
        members = member(1, "a"), member(2, "b"), member(3, "c"), member(4)
        rows = node_table(cluster, "no write is taken", members=members).rows
        shown = [(row["Node"], row["Ready"], row["Etcd"]) for row in rows]
        self.assertEqual(shown, [("10.0.0.4", False, "awaited"), *LOST_ROWS])
        self.assertIn("run join on this host again", node_table(cluster, members=members).cells[0][-1])
        cells = node_table(cluster, members=members).cells[-1]
        self.assertEqual((cells[2], "daprdockrcmd invite" in cells[-1]), ("10.0.0.3", True))

    def test_members_of_others(self) -> None:
        """The members of an etcd that is not ours need not be nodes, and are not asked for."""
        self.store.put(KEYS.node("a"), NodeRecord().encode(), self.store.lease)
        rows = node_table(snapshot(Request("nodes"), self.store), members=(member(3, "c"),)).rows
        self.assertEqual([row["Node"] for row in rows], ["a"])

    def test_json(self) -> None:
        """Programs get the labels as an object."""
        self.store.put(KEYS.node("n1"), NodeRecord(labels={"zone": "a"}).encode(), self.store.lease)
        self.assertEqual(command_line(self.store, "nodes", "-o=json").json[0]["Labels"], {"zone": "a"})


class TableTests(ShowCase):
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
            Outcome(
                0, "NODE   READY   ADDRESSES   INSTANCES   CORDONED   ETCD   LABELS   ALLOWS   VERSION   REASON\n", ""
            ),
        )
