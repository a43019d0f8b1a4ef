"""``status``: the whole on one page, and what is not usable or cannot be written."""

from __future__ import annotations

import time
from typing import Any

from attrs import evolve

from daprdockr.cli.commands.status import MOST_SHOWN
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.certificate import CertificateFacts, CertificateRecord
from daprdockr.model.stored.claim import State
from daprdockr.model.stored.doubts import DoubtRecord, encode_trust
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.renewal import RenewalRecord
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.planning.candidates import UNKNOWN
from tests.build.command_line import RUNNING, WEB, ShowCase
from tests.build.pairs import DAY
from tests.build.values import HTTP, KEYS, named
from tests.fakes.command_line import LentStore, command_line


class StatusTests(ShowCase):
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

    def test_ailing(self) -> None:
        """Parts that are in trouble are named, of each node; not those of one that cannot report their end."""
        troubles = {"http": "nginx does not run: no module", "dns": "DNS is not served at 10.0.0.2:53"}
        self.store.put(KEYS.node("n2"), NodeRecord(ailing=troubles).encode(), self.store.lease)
        mute = NodeRecord(refused="cannot write", ready=False, ailing=troubles)
        self.store.put(KEYS.node("n3"), mute.encode(), self.store.lease)
        shown = command_line(self.store, "status").stdout
        self.assertIn("node n2: nginx does not run: no module\nnode n2: DNS is not served at 10.0.0.2:53\n", shown)
        self.assertEqual(command_line(self.store, "status", "-o", "json").json["Ailing"], {"n2": troubles})

    def test_not_ready(self) -> None:
        """So is one that is not ready, as on the page; one that cannot write is named once, as that."""
        away = NodeRecord(ready=False, unready="its Docker Engine does not answer")
        unwritable = NodeRecord(ready=False, refused="cannot write")
        for name, record in (("n2", away), ("n3", unwritable), ("n4", NodeRecord(ready=False))):
            self.store.put(KEYS.node(name), record.encode(), self.store.lease)
        done = command_line(self.store, "status", "-o", "json")
        self.assertEqual(done.json["Dark"], {"n2": away.unready, "n4": UNKNOWN})

    def test_certificates(self) -> None:
        """Certificates that end soon, have ended, or cannot be used or had are named; the status does not change."""
        now = time.time()
        for name, days in (("ended.test", -1.5), ("long.test", 14.5), ("soon.test", 1.5)):
            record = CertificateRecord("s", "k", CertificateFacts((name,), 0, now + days * DAY))
            self.store.put(KEYS.certificate(name), record.encode())
        ends = {"soon.test": now + 13.5 * DAY, "well.test": now + 90 * DAY}
        for node in ("n1", "n2"):
            told = NodeRecord(certificates=ends, uncertified={"bad.test": "it is no PEM"})
            self.store.put(KEYS.node(node), told.encode(), self.store.lease)
        shop = named("shop", Http={**HTTP, "HostName": "long.test,new.test"})
        self.store.put(KEYS.service(shop.name), shop.encode())
        for name in ("long.test", "new.test"):
            self.store.put(KEYS.renewal(name), RenewalRecord(error="no address").encode())
        expected = {
            "bad.test on n1,n2": "is of no use: it is no PEM",
            "ended.test": "has ended",
            "long.test": "is not renewed: no address",
            "new.test": "cannot be had: no address",
            "soon.test on n1,n2": "ends in 13 days",
            "soon.test": "ends in 1 day",
        }
        done = command_line(self.store, "status", "-o", "json")
        self.assertEqual((done.status, done.json["Certificates"]), (0, expected))
        lines = command_line(self.store, "status").stdout.splitlines()
        self.assertEqual(lines[-6:], [f"certificate {name} {phrase}" for name, phrase in expected.items()])

    def test_many_certificates(self) -> None:
        """How many more certificates end soon than are shown is said."""
        now = time.time()
        for number in range(MOST_SHOWN + 2):
            name = f"n{number}.test"
            record = CertificateRecord("s", "k", CertificateFacts((name,), 0, now + 1.5 * DAY))
            self.store.put(KEYS.certificate(name), record.encode())
        lines = command_line(self.store, "status").stdout.splitlines()
        self.assertEqual(lines[-1], "certificates: 2 more: see -o json")
        self.assertEqual(sum(line.startswith("certificate ") for line in lines), MOST_SHOWN)

    def test_table(self) -> None:
        """Services with what is wanted and what is there, and the number of nodes."""
        self.assertEqual(
            self.cells("status"),
            [
                ["nodes: 1"],
                ["SERVICE", "WANTED", "RUNNING", "HEALTHY", "CURRENT", "HTTP", "REASON"],
                ["web.myapp", "3", "2", "1", "1", "demo.test", "1 of 3 waits for a node"],
            ],
        )

    def test_reason(self) -> None:
        """Why a service is not all there is said in the words of its first instance that has any."""
        for number in (3, 2):
            self.claim(number, evolve(RUNNING, state=State.BACKING_OFF, healthy=False, reason=f"no driver {number}"))
        self.assertEqual(self.cells("status")[-1], ["web.myapp", "3", "1", "1", "1", "demo.test", "no driver 2"])

    def test_one(self) -> None:
        """One service is shown alone; one that does not exist is not found."""
        other = evolve(WEB, name=ServiceName("myapp", "api"))
        self.store.put(KEYS.service(other.name), other.encode())
        self.assertEqual([line[0] for line in self.cells("status", "web.myapp")], ["nodes: 1", "SERVICE", "web.myapp"])
        self.assertEqual(command_line(self.store, "status", "no.such").status, 3)

    def test_rollout(self) -> None:
        """A rollout that did not end well is the reason; asked for alone, the service shows lines, and fails."""
        record = RolloutRecord(RolloutState.PAUSED, "", WEB.digest, "exited with 1", "n1", "2.web.myapp", ("no file",))
        self.store.put(KEYS.rollout(WEB.name), record.encode())
        said = "the rollout is paused: 2.web.myapp on n1: exited with 1"
        self.assertEqual(self.cells("status")[-1][-1], said)
        done = command_line(self.store, "status", "web.myapp")
        self.assertEqual((done.status, done.stderr), (1, f"daprdockrcmd: web.myapp: {said}\n"))
        self.assertIn("web.myapp: the last lines of 2.web.myapp on n1:\nweb.myapp:   no file\n", done.stdout)
        told = command_line(self.store, "status", "web.myapp", "-o", "json").json["Services"][0]
        self.assertEqual((told["Rollout"], told["Reason"]), (record.write(), said))

    def test_broken(self) -> None:
        """A value that cannot be read is listed with the reason."""
        self.store.put(KEYS.service(ServiceName("myapp", "bad")), b"{}")
        self.assertIn("not usable: /daprdockr/services/myapp/bad: Name is missing", self.cells("status")[-1][0])
        told = command_line(self.store, "status", "-o", "json").json
        self.assertEqual(told["Broken"], [{"Key": "/daprdockr/services/myapp/bad", "Reason": "Name is missing"}])
        self.assertEqual((told["Nodes"], told["Services"][0]["Healthy"]), (1, 1))

    def test_nothing(self) -> None:
        """An empty cluster is no error."""
        self.assertEqual(command_line(LentStore(), "status").status, 0)


class TakenTests(ShowCase):
    """Services that want a port or host name of an older one."""

    def setUp(self) -> None:
        super().setUp()
        self.store.put(KEYS.node("n1"), NodeRecord().encode(), self.store.lease)
        route: dict[str, Any] = {"Tcp": [{"Port": 5432, "ContainerPort": 5432}]}
        for wanted in (named("old", **route), named("late", **route, Http=HTTP), named("shop", Http=HTTP)):
            self.store.put(KEYS.service(wanted.name), wanted.encode())
            record = evolve(RUNNING, definition=wanted.digest).encode()
            self.store.put(KEYS.claim(InstanceName(wanted.name, 1)), record, self.store.lease)

    def test_all(self) -> None:
        """The rows of those that lack one say whose it is, and the exit status says that something is wrong."""
        done = command_line(self.store, "status")
        lacks = ("late.myapp: port 5432/tcp belongs to old.myapp", "shop.myapp: example.com/ belongs to late.myapp")
        self.assertEqual((done.status, done.stderr), (1, f"daprdockrcmd: {'; '.join(lacks)}\n"))
        self.assertEqual(
            [line.split("   ")[-1].strip() for line in done.stdout.splitlines()[2:]],
            ["port 5432/tcp belongs to old.myapp", "-", "example.com/ belongs to late.myapp"],
        )
        document = command_line(self.store, "status", "-o", "json").json
        taken = [(row["Taken"], row["Reason"]) for row in document["Services"]]
        self.assertEqual(taken[:2], [([reason := "port 5432/tcp belongs to old.myapp"], reason), ([], "")])

    def test_one(self) -> None:
        """Of one service it is the same, and the one that has the port is well."""
        done = command_line(self.store, "status", "late.myapp")
        self.assertEqual(
            (done.status, done.stderr), (1, "daprdockrcmd: late.myapp: port 5432/tcp belongs to old.myapp\n")
        )
        self.assertEqual(command_line(self.store, "status", "old.myapp").status, 0)

    def test_freed(self) -> None:
        """It ends with the older definition."""
        self.store.commit([], [Delete(KEYS.service(ServiceName("myapp", name))) for name in ("old", "shop")])
        self.assertEqual(command_line(self.store, "status").status, 0)

    def test_many(self) -> None:
        """Only a few are written out in the line of the error."""
        for number in range(3):
            wanted = named(f"more{number}", Http=HTTP)
            self.store.put(KEYS.service(wanted.name), wanted.encode())
        done = command_line(self.store, "status")
        self.assertTrue(done.stderr.endswith("more1.myapp: example.com/ belongs to late.myapp; 2 more like it\n"), done)


class NoWritesTests(ShowCase):
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
        """The complaint of a node stands beside it, and ends ``status`` with a line that names the node."""
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
        (event,) = command_line(self.store, "events", "n1", "-o", "json").json
        self.assertEqual(event["Text"], "is to go on with the etcd that it doubts")

    def test_a_reader(self) -> None:
        """A user who may only read learns nothing of the nodes from that, and gets the usual answer."""
        self.store.commit([], [Delete(KEYS.node("n2"))])
        self.store.forbidden = ("/",)
        revision = self.store.revision
        done = command_line(self.store, "status")
        self.assertEqual((done.status, done.stderr, self.store.revision), (0, "", revision))
