"""Tables made of a mirror that no command line has read: an agent has one too."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.doubts import DoubtRecord
from daprdockr.model.stored.entries import Entry, Listing
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.run import RunRecord, RunState
from daprdockr.model.wanted.definition import Definition
from daprdockr.picture.cells import moment
from daprdockr.picture.doubts import Outcome, doubt_row, outcome, read_doubts
from daprdockr.picture.events import event_table
from daprdockr.picture.instances import instance_table, unmet
from daprdockr.picture.overview import overview
from daprdockr.picture.services import service_table
from daprdockr.picture.table import Table
from daprdockr.planning.keeping.delivered import delivery_digest, renewable
from tests.build.history import claimed, defined, present
from tests.build.values import HTTP, KEYS, definition, instance

WEB = definition()
RUNNING = ClaimRecord(node="n1", state=State.RUNNING, healthy=True, definition=WEB.digest)
IDENTITY = Entry(KEYS.identity, b"a", 1, 1)


def cluster(*entries: Entry) -> Cluster:
    found = Cluster(KEYS)
    found.replace(Listing(1, 10, entries))
    return found


class TableTests(SynchronousTestCase):
    """Tables: rows for programs, and cells for people."""

    def test_cells(self) -> None:
        """Rows stay as they are, and each column makes a cell of each row; nothing is shown as a dash."""
        table = Table([{"A": 1, "B": ""}], (("A", lambda row: str(row["A"])), ("B", lambda row: row["B"])))
        self.assertEqual((table.header, table.cells), (["A", "B"], [["1", "-"]]))

    def test_moment(self) -> None:
        """A time is shown in UTC; one that was never, or that no calendar has, is not shown."""
        self.assertEqual([moment(s) for s in (1.5, 0.0, 1e30)], ["1970-01-01 00:00:01Z", "", ""])


class InstanceTests(SynchronousTestCase):
    """Instances."""

    def test_unclaimed(self) -> None:
        """A wanted instance that nobody claimed has a row that says why."""
        rows = instance_table(cluster(defined(WEB, 5)), None).rows
        self.assertEqual([(row["State"], row["Reason"]) for row in rows], [("waiting", "no node takes instances now")])
        self.assertEqual(
            unmet(cluster(defined(WEB, 5)), WEB.name),
            [(InstanceName(WEB.name, 1), "waiting for a node (no node takes instances now)")],
        )

    def test_why_still_older(self) -> None:
        """An instance that runs on by an older definition says why the new one does not start."""
        for reason, said in (("", ""), ("there is no image web:2", " (there is no image web:2)")):
            older = evolve(RUNNING, definition="older", reason=reason)
            found = unmet(cluster(defined(WEB, 5), claimed(instance(1), older, 6)), WEB.name)
            self.assertEqual(found, [(InstanceName(WEB.name, 1), f"of an older definition on n1{said}")])

    def test_not_signalled(self) -> None:
        """An instance whose container has not got the signal for a changed content is not as wanted, and says so."""
        web = definition(Files=[{"Content": "new", "Target": "/c", "OnChange": "HUP"}])
        running = evolve(RUNNING, definition=web.digest)
        for delivered, said in (
            ("", ["without the signal for a changed content on n1"]),
            (delivery_digest(renewable(web)), []),
            (None, []),
        ):
            found = unmet(
                cluster(defined(web, 5), claimed(instance(1), evolve(running, delivered=delivered), 6)), web.name
            )
            self.assertEqual([lack for _, lack in found], said)

    def test_not_judged(self) -> None:
        """An instance that a former check found healthy is not as wanted, which is reported; not with older agents."""
        web = definition(Health={"Type": "tcp", "Port": "81"})
        running = evolve(RUNNING, definition=web.digest)
        for judged, said in (
            (definition().check.digest, ["not judged by the changed health check yet on n1"]),
            (web.check.digest, []),
            (None, []),
        ):
            found = unmet(cluster(defined(web, 5), claimed(instance(1), evolve(running, judged=judged), 6)), web.name)
            self.assertEqual([lack for _, lack in found], said)

    def test_surplus(self) -> None:
        """A claim of a service that is not defined has a row, which says that nothing leads to it any more."""
        (row,) = instance_table(cluster(claimed(instance(1), RUNNING, 6)), None).rows
        self.assertEqual((row["Node"], row["Current"]), ("n1", False))
        self.assertEqual((row["State"], row["Healthy"], row["Reason"]), ("withdrawn", False, "web.myapp is deleted"))

    def test_unreadable(self) -> None:
        """Nothing is concluded about the instances of a definition that cannot be read."""
        broken = Entry(KEYS.service(WEB.name), b"{}", 5, 5)
        (row,) = instance_table(cluster(broken, claimed(instance(1), RUNNING, 6)), None).rows
        self.assertEqual((row["State"], row["Healthy"]), ("running", True))


class ServiceTests(SynchronousTestCase):
    """The services."""

    def test_paths(self) -> None:
        """A service shows its host names, each with the path below it that leads to the service."""
        http = [{"HostName": "a.test,*.b.test", "ContainerPort": 80}, {**HTTP, "Path": "/api"}]
        table = service_table(cluster(defined(definition(Http=http), 5)))
        self.assertEqual([row["HostNames"] for row in table.rows], [["a.test", "*.b.test", "example.com/api"]])
        self.assertIn("a.test,*.b.test,example.com/api", table.cells[0])

    def test_many_host_names(self) -> None:
        """Of many host names people are shown some, and programs all."""
        names = [f"{letter}.test" for letter in "abcdef"]
        http = {**HTTP, "HostName": ",".join(names)}
        table = service_table(cluster(defined(definition(Http=http), 5)))
        self.assertEqual(table.rows[0]["HostNames"], names)
        self.assertIn("a.test,b.test,c.test,d.test,and 2 more", table.cells[0])

    def test_waiting(self) -> None:
        """Instances that no node has claimed are counted, with the reason if no node may take them."""
        nobody = cluster(defined(definition(instances=2), 5), claimed(instance(1), RUNNING, 6))
        self.assertEqual(
            [row["Reason"] for row in service_table(nobody).rows],
            ["1 of 2 waits for a node: no node takes instances now"],
        )
        anybody = cluster(defined(definition(instances=2), 5), present("n1", NodeRecord()))
        self.assertEqual([row["Reason"] for row in service_table(anybody).rows], ["2 of 2 wait for a node"])
        whole = cluster(defined(definition(instances=1), 5), claimed(instance(1), RUNNING, 6))
        self.assertEqual([row["Reason"] for row in service_table(whole).rows], [""])

    def test_last_run(self) -> None:
        """A job has the state of its last run, and why it failed; records by which its time began anew are none."""
        given = {"Name": "web", "Group": "myapp", "Container": {"Image": "a"}, "Schedule": {"Cron": "0 3 * * *"}}
        job = Definition.read(given)
        for state, shown in ((RunState.WAITING, "waiting"), (RunState.SET, None)):
            run = Entry(KEYS.run(job.name, 1), RunRecord(state).encode(), 6, 6)
            (row,) = service_table(cluster(defined(job, 5), run)).rows
            self.assertEqual(row["LastRun"], shown)
        failed = Entry(KEYS.run(job.name, 1), RunRecord(RunState.FAILED, reason="exited").encode(), 6, 6)
        begun_anew = Entry(KEYS.run(job.name, 2), RunRecord(RunState.SET).encode(), 7, 7)
        (row,) = service_table(cluster(defined(job, 5), failed, begun_anew)).rows
        self.assertEqual((row["LastRun"], row["Reason"]), ("failed", "run 1 failed: exited"))
        self.assertIsNone(service_table(cluster(defined(WEB, 5))).rows[0]["LastRun"])

    def test_surplus(self) -> None:
        """Instances beyond the wanted number stop: they count as none of the wanted ones, and hide none that lack."""
        beyond = [claimed(instance(number), RUNNING, 6) for number in (2, 3)]
        for entries, counted, reason in (
            ([defined(WEB, 5), claimed(instance(1), RUNNING, 6), *beyond], (1, 1, 1), "2 more are still stopping"),
            (
                [defined(WEB, 5), beyond[0]],
                (0, 0, 0),
                "1 of 1 waits for a node: no node takes instances now; 1 more is still stopping",
            ),
        ):
            (row,) = service_table(cluster(*entries)).rows
            self.assertEqual((row["Running"], row["Healthy"], row["Current"]), counted)
            self.assertEqual(row["Reason"], reason)


class OverviewTests(SynchronousTestCase):
    """The whole on one page."""

    def test_mute(self) -> None:
        """Nodes that cannot write and nodes that doubt are named, each in one line."""
        found = cluster(present("n1", NodeRecord(refused="cannot write x")), present("n2", NodeRecord()))
        whole = overview(found, doubted={"n2": "it went back"})
        self.assertEqual(whole.mute, ["node n1 cannot write x", "node n2 is frozen"])
        self.assertEqual(whole.write()["Doubts"], {"n2": "it went back"})

    def test_write(self) -> None:
        """Programs get services, nodes and what is wrong in one object."""
        broken = Entry(KEYS.service(ServiceName("myapp", "bad")), b"{}", 5, 5)
        whole = overview(
            cluster(
                defined(WEB, 5), claimed(instance(1), RUNNING, 6), broken, present("n1", NodeRecord(trouble="no space"))
            ),
            "full",
        )
        written = whole.write()
        self.assertEqual((written["Nodes"], written["Dark"], written["Refused"]), (1, {"n1": "no space"}, "full"))
        self.assertEqual([row["Healthy"] for row in written["Services"]], [1])
        self.assertEqual(written["Broken"], [{"Key": broken.key, "Reason": "Name is missing"}])


class EventTests(SynchronousTestCase):
    """Events."""

    def test_order(self) -> None:
        """The oldest comes first; values that are no event, or would stay permanently, are left out."""
        entries = [
            Entry(KEYS.events + "a", Event(2.0, "n1", "s", "later").encode(), 1, 1, 1),
            Entry(KEYS.events + "b", Event(1.0, "n1", "s", "sooner").encode(), 1, 1, 1),
            Entry(KEYS.events + "c", Event(3.0, "n1", "s", "without a lease").encode(), 1, 1),
            Entry(KEYS.events + "d", b"garbage", 1, 1, 1),
        ]
        self.assertEqual([row["Text"] for row in event_table(KEYS, entries, 0.0).rows], ["sooner", "later"])


class DoubtTests(SynchronousTestCase):
    """Nodes that doubt."""

    def test_read(self) -> None:
        """Doubts that an agent wrote are there by node; anything else is left out."""
        record = DoubtRecord(7, "it went back")
        entries = [Entry("/d/n1", record.encode(), 1, 1), Entry("/d/n2", b"garbage", 1, 1)]
        self.assertEqual(read_doubts(entries, "/d/"), {"n1": record})

    def test_outcome(self) -> None:
        """An instance goes, is replaced or stays, as the stored definitions say."""
        name = str(InstanceName(WEB.name, 1))
        mine = DoubtRecord(7, "r", 10, 9, {name: WEB.digest, f"2.{WEB.name}": WEB.digest, "1.db.other": "d"})
        found = outcome(cluster(IDENTITY, defined(WEB, 5)), "n1", mine)
        self.assertEqual(dict(found.removed), {f"2.{WEB.name}": f"{WEB.name} has 1 instance", **GONE})
        self.assertEqual(found.kept, (name,))
        self.assertEqual(doubt_row("n1", mine, found)["Removed"], dict(found.removed))

    def test_other_etcd(self) -> None:
        """Instances of another etcd are left alone."""
        record = DoubtRecord(7, "r", 11, 9, {"1.db.other": "d"})
        self.assertEqual(outcome(cluster(IDENTITY), "n1", record), Outcome(left_alone=("1.db.other",)))


GONE = {"1.db.other": "db.other is not defined"}
