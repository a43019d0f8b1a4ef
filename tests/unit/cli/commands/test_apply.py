"""``apply``, ``plan`` and ``diff``: the changes that files make, before and when they are made."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Delete, Put
from daprdockr.model.stored.files import FileRecord
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.stored.sealed import SecretRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.picture.events import read_events
from tests.build.jobs import job
from tests.build.stored import revisions_in
from tests.build.values import KEYS, definition, fixing, named
from tests.fakes.command_line import EventfulStore, InterruptedStore, Outcome, command_line


class ApplyCase(SynchronousTestCase):
    """A store with a node, and definitions in files."""

    def setUp(self) -> None:
        self.store = EventfulStore()
        self.store.put(KEYS.node("n1"), NodeRecord().encode(), self.store.lease)

    def define(self, *wanted: Definition) -> None:
        for one in wanted:
            self.store.put(KEYS.service(one.name), one.encode())

    def claim(self, wanted: Definition, *numbers: int, **record: Any) -> None:
        members = {"state": State.RUNNING, "healthy": True, "definition": wanted.digest, "container": "c1", **record}
        for number in numbers:
            key = KEYS.claim(InstanceName(wanted.name, number))
            self.store.put(key, ClaimRecord(node="n1", **members).encode(), self.store.lease)

    def run_line(self, *words: str, given: object = (), status: int = 0) -> Outcome:
        documents = [one.write() if isinstance(one, Definition) else one for one in given]  # type: ignore[attr-defined]
        done = command_line(self.store, words[0], "-f", "-", *words[1:], stdin=json.dumps(documents).encode())
        self.assertEqual((done.status, self.store.lent), (status, 0), done.stderr)
        return done

    def stored(self, service: str) -> Definition | None:
        entry = self.store.get(KEYS.service(ServiceName("myapp", service)))
        return None if entry is None else Definition.parse(entry.value)


class UsesTests(ApplyCase):
    """A secret, or a file of ``file set``, that is set: containers depend on its stamp, which no definition states."""

    USES: tuple[dict[str, Any], ...] = (
        {"Secrets": [{"Name": "shop_api_key", "Target": "/run/secrets/k"}]},
        {"Files": [{"Name": "motd", "Target": "/etc/motd"}]},
    )

    def setUp(self) -> None:
        super().setUp()
        self.store.put(KEYS.secret("shop_api_key"), SecretRecord(1, "s1", 5, "key").encode())
        self.store.put(KEYS.file("motd"), FileRecord(1, "f1", 5).encode())

    def running(self, wanted: Definition, *numbers: int) -> None:
        """Store a definition of which instances run."""
        self.define(wanted)
        known = Cluster(KEYS)
        known.replace(self.store.list(KEYS.mirrored))
        self.claim(known.values.stamped(wanted), *numbers)

    def test_same(self) -> None:
        """A stored definition is as given, with containers and, where a command runs before them, without."""
        for members in self.USES:
            fresh = named("fresh", Before={"Cmd": ["migrate"]}, **members)
            self.define(fresh)
            self.running(web := named("web", 2, **members), 1, 2)
            given = [web, fresh]
            self.assertEqual(self.run_line("plan", given=given).stdout, "2 services are as given already\n")
            self.assertEqual(self.run_line("diff", "-o", "json", given=given).json, [])
            shown = self.run_line("apply", "-wait", "-timeout", "0", given=[web]).stdout
            self.assertEqual(shown, "web.myapp: 2 healthy\n0 applied, 1 as given already\n")

    def test_scale(self) -> None:
        """Another number of instances is no roll."""
        for members in self.USES:
            self.running(named("web", 3, **members), 1, 2, 3)
            lines = self.run_line("plan", given=[named("web", 2, **members)]).stdout.splitlines()
            self.assertEqual(lines[:-1], ["scale  web.myapp: from 3 to 2 instances", "       3.web.myapp stops on n1"])

    def test_stores(self) -> None:
        """A roll is stored as it is stated, once."""
        for members in self.USES:
            self.running(named("web", **members), 1)
            given = named("web", image="web:2", **members)
            self.assertIn("1.web.myapp is replaced on n1", self.run_line("plan", given=[given]).stdout)
            self.assertIn("Image web:1 -> web:2", self.run_line("apply", given=[given]).stdout)
            newest = revisions_in(self.store, given.name).newest
            assert newest is not None
            self.assertEqual((self.stored("web"), newest.record.definition), (given, given))
            entry = self.store.get(KEYS.revision(given.name, newest.number))
            assert entry is not None
            self.assertEqual(json.loads(entry.value)["Digest"], given.digest)


class JobTests(ApplyCase):
    """A job has no instances, and nothing waits for its runs."""

    ONCE = job(Once=True)
    CRON = job(Cron="*/5 * * * *")

    def said(self, before: Definition | None, wanted: Definition) -> str:
        """Return the line about one change, behind the name."""
        for entry in self.store.list(KEYS.services).entries:
            self.store.commit((), (Delete(entry.key),))
        if before is not None:
            self.define(before)
        shown = self.run_line("plan", given=[wanted]).stdout
        return " ".join(shown.partition("check revision")[0].split()).partition(f"{wanted.name}: ")[2]

    def test_plan(self) -> None:
        """The plan says when it runs, in place of instances."""
        self.assertEqual(self.said(None, self.ONCE), "a job, once")
        self.assertEqual(self.said(None, self.CRON), "a job, due at */5 * * * * UTC")
        renewed = evolve(self.CRON, container=named("x", image="web:2").container)
        self.assertEqual(self.said(self.CRON, renewed), "from its next run on: Image web:1 -> web:2")
        later = job(Cron="0 3 * * *")
        self.assertIn("from its next run on: Schedule.Cron", self.said(self.CRON, later))
        again = evolve(self.ONCE, container=renewed.container)
        self.assertEqual(self.said(self.ONCE, again), "it runs once more: Image web:1 -> web:2")
        self.assertIn("it runs once more: Schedule.Cron removed", self.said(self.CRON, self.ONCE))
        self.assertIn("from its next run on", self.said(self.ONCE, evolve(self.ONCE, stop_timeout=20)))

    def test_becomes_a_job(self) -> None:
        """The instances of a service that becomes a job stop, and none is replaced."""
        service = evolve(self.ONCE, schedule=None, instances=1)
        self.claim(service, 1)
        shown = self.said(service, self.ONCE)
        self.assertTrue(shown.startswith("it becomes a job, once: "), shown)
        self.assertTrue(shown.endswith(" 1.report.myapp stops on n1"), shown)

    def test_deleted(self) -> None:
        """One that is pruned has no more runs."""
        self.define(self.CRON)
        shown = self.run_line("plan", "-prune", "myapp", given=[named("web")]).stdout
        self.assertIn("delete report.myapp: its runs stop\n", shown)

    def test_wait(self) -> None:
        """``apply -wait`` says that it does not wait for a run, and a service behind a job is not kept waiting."""
        self.claim(web := named("web", After=["report"]), 1)
        shown = self.run_line("apply", "-wait", "-timeout", "0", given=[self.ONCE, web]).stdout
        self.assertEqual(
            shown,
            "create report.myapp: a job, once\n"
            "create web.myapp: 1 instance\n"
            "report.myapp is a job, whose runs nothing waits for: daprdockrcmd job history report.myapp\n"
            "web.myapp: 1 healthy\n"
            "2 applied, 0 as given already\n",
        )


class PlanTests(ApplyCase):
    """The changes are said, and nothing is stored."""

    def test_each_kind(self) -> None:
        """Each service is created, rolled, scaled, changed, deleted, or as it is, with its instances."""
        web, db, api = named("web", 3), named("db", Container=fixing(5432)), named("api", 4)
        self.define(web, db, api, named("same"), named("soft"), named("old", 2))
        self.claim(web, 1, 2, 3)
        self.claim(db, 1)
        self.claim(api, 1, 2, 3, 4)
        self.claim(named("old", 2), 1, 2)
        before = self.store.list(KEYS.root).entries
        given = [
            named("web", 4, image="web:2"),
            named("db", image="db:2", Container=fixing(5432)),
            named("api", 2),
            named("same"),
            named("soft", Update={"Parallelism": 2}),
            named("new", 2),
        ]
        done = self.run_line("plan", "-prune", "myapp", given=given)
        lines = done.stdout.splitlines()
        self.assertEqual(
            lines[:-1],
            [
                "roll   web.myapp: start-first: Instances 3 -> 4; Image web:1 -> web:2",
                "       1.web.myapp is replaced on n1",
                "       2.web.myapp is replaced on n1",
                "       3.web.myapp is replaced on n1",
                "       4.web.myapp is created",
                "roll   db.myapp: stop-first, because only one container can have host port",
                "       5432/tcp: Image web:1 -> db:2",
                "       1.db.myapp is replaced on n1",
                "scale  api.myapp: from 4 to 2 instances",
                "       3.api.myapp stops on n1",
                "       4.api.myapp stops on n1",
                "change soft.myapp: without a restart: Update.Parallelism set to 2",
                "create new.myapp: 2 instances",
                "       1.new.myapp is created",
                "       2.new.myapp is created",
                "delete old.myapp: all its instances stop",
                "       1.old.myapp stops on n1",
                "       2.old.myapp stops on n1",
                "1 service is as given already",
            ],
        )
        self.assertRegex(lines[-1], "^check revision: [0-9a-f]{12}$")
        self.assertEqual(self.store.list(KEYS.root).entries, before)
        found = self.run_line("plan", "-prune", "myapp", "-o", "json", given=given).json
        self.assertEqual(lines[-1], f"check revision: {found['Check']}")
        actions = [one["Action"] for one in found["Services"]]
        self.assertEqual(actions, ["roll", "roll", "scale", "nothing", "change", "create", "delete"])

    def test_plan_of_check(self) -> None:
        """A changed check restarts nothing, but may take all instances out of service, which the plan says."""
        self.store.put(KEYS.service(named("web").name), named("web", Health={"Type": "tcp", "Port": 80}).encode())
        up = {"Type": "http", "Port": 80, "Path": "/up"}
        for instances, health in ((1, {"Type": "tcp", "Port": 80, "Retries": 3}), (1, {"Type": "none"}), (0, up)):
            done = self.run_line("plan", given=[named("web", instances, Health=health)])
            self.assertNotIn("judged by the changed check", " ".join(done.stdout.split()), f"{instances} {health}")
        for instances in (1, 3):
            done = self.run_line("plan", given=[named("web", instances, Health=up)])
            self.assertIn(
                "; all instances are judged by the changed check at once, and get no requests where it fails",
                " ".join(done.stdout.split()),
            )

    def test_never_ran(self) -> None:
        """A service of which no container was made yet is not rolled: nothing is there that could be stopped first."""
        db = named("db", 2, image="no-such:1", Container=fixing(5432))
        self.define(db)
        self.store.put(
            KEYS.claim(InstanceName(db.name, 1)), ClaimRecord("n1", State.PULLING).encode(), self.store.lease
        )
        lines = self.run_line("plan", given=[named("db", 2, Container=fixing(5432))]).stdout.splitlines()
        self.assertEqual(
            lines[:-1],
            [
                "change db.myapp: before its first container: Image no-such:1 -> web:1",
                "       1.db.myapp is created on n1",
                "       2.db.myapp is created as soon as a node may run it: no node has host port",
                "         5432/tcp free: each node has it for one instance",
            ],
        )

    def test_no_node(self) -> None:
        """Of an instance that no node may run the plan says why, as ``why`` would; those that run are not concerned."""
        reason = "is created as soon as a node may run it: no node meets disk == ssd"
        constrained = named("web", 2, Placement={"Constraints": ["disk==ssd"]})
        shown = " ".join(self.run_line("plan", given=[constrained]).stdout.split())
        self.assertIn(f"1.web.myapp {reason} 2.web.myapp {reason}", shown)
        document = self.run_line("plan", "-o", "json", given=[constrained]).json
        self.assertEqual(document["Services"][0]["Instances"][0]["Step"], reason)
        self.store.put(KEYS.node("n1"), NodeRecord(allow=()).encode(), self.store.lease)
        bound = named("db", Container={"Image": "x", "Volumes": ["/srv:/srv"]})
        self.assertIn("no node allows bind", self.run_line("plan", given=[bound]).stdout)
        self.claim(fixed := named("api", Container=fixing(80)), 1)
        self.define(fixed)
        other = named("api2", Container=fixing(80))
        self.assertIn("80/tcp free: each node has it", self.run_line("plan", given=[other]).stdout)
        self.assertNotIn("as soon as", self.run_line("plan", given=[fixed]).stdout)

    def test_same(self) -> None:
        """A plan of what is stored already says so; a restart that a person asked for is no change."""
        self.define(definition(Restarted="2026-11-28T08:00:00Z"))
        self.assertEqual(self.run_line("plan", given=[definition()]).stdout, "1 service is as given already\n")

    def test_many(self) -> None:
        """Of many instances of one service ten are shown."""
        self.assertIn("and 90 more\n", self.run_line("plan", given=[named("web", 100)]).stdout)

    def test_what_is_stored_cannot_be_read(self) -> None:
        """A stored definition that cannot be read is replaced."""
        self.store.put(KEYS.service(definition().name), b"{}")
        shown = self.run_line("plan", given=[definition()]).stdout
        self.assertIn("roll   web.myapp: start-first: the stored definition cannot be read", shown)

    def test_bad_input(self) -> None:
        """Each definition that cannot be used is reported with its place, and nothing else is said."""
        done = self.run_line("plan", given=[{"Name": "x"}, named("web", After=["no"])], status=1)
        self.assertEqual((done.stdout, done.stderr.count("\n")), ("", 2))
        self.assertIn("stdin[1]: Group is missing", done.stderr)
        self.assertIn("stdin[2]: After: no.myapp does not exist", done.stderr)
        for words in (("plan",), ("apply", "-f", "-", "-check", "x"), ("plan", "-f", "-", "-prune", "A")):
            self.assertEqual(command_line(self.store, *words).status, 2, words)

    def test_no_name(self) -> None:
        """A name that is empty, as of a variable that is not set, is not that of the working directory."""
        for command in ("apply", "plan", "diff"):
            done = command_line(self.store, command, "-f", "")
            self.assertEqual((done.status, "-f names no file" in done.stderr), (2, True))

    def test_circle(self) -> None:
        """Services that would wait for each other are refused, whichever of them is stored already."""
        self.define(named("db", After=["web"]), named("web"))
        done = self.run_line("apply", given=[named("web", After=["db"])], status=1)
        self.assertIn("web.myapp waits for db.myapp waits for web.myapp", done.stderr)


class TakenTests(ApplyCase):
    """Ports and host names that another service has are named before anything is stored."""

    LINE = "late.myapp: port 5432/tcp belongs to db.myapp: choose another port"

    def db(self, name: str, *ports: int) -> Definition:
        return named(name, Tcp=[{"Port": port, "ContainerPort": 5432} for port in ports or (5432,)])

    def test_plan(self) -> None:
        """A port of an older service is named with that service, whether the new one is stored already or not."""
        self.define(self.db("db"))
        done = self.run_line("plan", given=[self.db("late")])
        self.assertEqual(done.stdout.splitlines()[2], self.LINE)
        self.define(self.db("late"))
        self.assertEqual(
            self.run_line("plan", given=[self.db("late")]).stdout, f"1 service is as given already\n{self.LINE}\n"
        )
        document = self.run_line("plan", "-o", "json", given=[self.db("late")]).json
        self.assertEqual(document["Taken"], {"late.myapp": ["port 5432/tcp belongs to db.myapp"]})
        self.assertNotIn("belongs", self.run_line("plan", given=[self.db("db"), named("web")]).stdout)

    def test_apply(self) -> None:
        """A service that lacks a port is stored; of two in the files the one that is stored first keeps it."""
        done = self.run_line("apply", given=[self.db("db"), self.db("late")])
        self.assertEqual(done.stderr, f"daprdockrcmd: {self.LINE}\n")
        self.assertEqual(self.stored("late"), self.db("late"))
        after = Definition.read({**self.db("api").write(), "After": ["web"]})
        done = self.run_line("plan", given=[after, self.db("web", 1)])
        self.assertIn("api.myapp: port 5432/tcp belongs to db.myapp", done.stdout)
        self.assertEqual(self.run_line("apply", "-o", "json", given=[self.db("late")]).json, [])

    def test_taken_from_another(self) -> None:
        """A port that a changed older service takes from a younger one is named; what that lacks already is not."""
        self.define(self.db("db"), self.db("late", 5432, 1))
        self.assertEqual(self.run_line("apply", given=[named("web")]).stderr, "")
        done = self.run_line("plan", given=[self.db("db", 5432, 1)])
        self.assertIn("\nlate.myapp: port 1/tcp belongs to db.myapp: choose another port\ncheck", done.stdout)

    def test_freed(self) -> None:
        """The port of a service that is pruned is free, and so is one that a service leaves."""
        self.define(self.db("db"))
        self.assertNotIn("belongs", self.run_line("plan", "-prune", "myapp", given=[self.db("late")]).stdout)
        self.assertNotIn("belongs", self.run_line("plan", given=[self.db("db", 1), self.db("late")]).stdout)

    def test_many(self) -> None:
        """Of many ports of one service ten are named."""
        self.define(self.db("db", *range(1, 31)))
        shown = self.run_line("plan", given=[self.db("late", *range(1, 31))]).stdout
        self.assertEqual(shown.count("choose another port"), 10)
        self.assertIn("late.myapp: 20 more of its ports and host names belong to others\n", shown)


class DiffTests(ApplyCase):
    """The differences line by line."""

    def test_lines(self) -> None:
        """A changed service has a unified diff, a new one is all added, and one that is the same is left out."""
        self.define(definition(), named("same"))
        lines = self.run_line("diff", given=[definition("web:2"), named("same"), named("new")]).stdout.splitlines()
        self.assertEqual(lines[:2], ["--- web.myapp as stored", "+++ web.myapp in stdin[1]"])
        self.assertIn('-    "Image": "web:1"', lines)
        self.assertIn('+    "Image": "web:2"', lines)
        self.assertIn('+  "Name": "new",', lines)
        self.assertIn("--- new.myapp not stored", lines)
        self.assertEqual(self.run_line("diff", given=[definition()]).stdout, "")
        (found,) = self.run_line("diff", "-o", "json", given=[definition("web:2")]).json
        self.assertEqual((found["Service"], found["Diff"][0]), ("web.myapp", "--- web.myapp as stored"))


class ApplyTests(ApplyCase):
    """The changes are made."""

    def test_stores(self) -> None:
        """Definitions are stored as revisions with their author, and each is said; a second time nothing is done."""
        given = [definition("web:2", instances=2), named("db")]
        self.define(definition())
        self.claim(definition(), 1)
        done = self.run_line("apply", given=given)
        self.assertEqual(
            done.stdout,
            "roll   web.myapp: start-first: Instances 1 -> 2; Image web:1 -> web:2\n"
            "create db.myapp: 1 instance\n"
            "2 applied, 0 as given already\n",
        )
        self.assertEqual((self.stored("web"), self.stored("db")), tuple(given))
        history = revisions_in(self.store, given[0].name)
        self.assertTrue(history.newest and history.newest.record.by.startswith("apply by "))
        self.store.calls.clear()
        self.assertEqual(self.run_line("apply", given=given).stdout, "0 applied, 2 as given already\n")
        self.assertEqual([call for call in self.store.calls if call in ("put", "commit")], [])
        shown = self.run_line("apply", "-o", "json", given=[named("db", 2)]).json
        self.assertEqual(shown, [{"Service": "db.myapp", "Action": "scale"}])

    def test_all_or_nothing(self) -> None:
        """One definition that cannot be used keeps all others from being stored."""
        done = self.run_line("apply", given=[definition(), {"Name": "x", "Group": "y"}], status=1)
        self.assertIn("stdin[2]: Container is missing", done.stderr)
        self.assertIsNone(self.stored("web"))

    def test_prunes(self) -> None:
        """Only services of the group are deleted that no file defines, readable or not, and never all of it."""
        other = Definition.read({"Name": "web", "Group": "other", "Container": {"Image": "web:1"}})
        self.define(definition(), named("old"), other)
        self.store.put(KEYS.service(ServiceName("myapp", "broken")), b"{}")
        self.run_line("apply", "-prune", "myapp", given=[definition()])
        left = [entry.key for entry in self.store.list(KEYS.services).entries]
        self.assertEqual(left, [KEYS.service(definition().name), KEYS.service(other.name)])
        told = [event.text for event in read_events(self.store.list(KEYS.events).entries)]
        self.assertEqual(told, ["deleted by apply"] * 2)
        done = self.run_line("apply", "-prune", "myapp", given=[other], status=1)
        self.assertIn("would delete the whole group", done.stderr)
        self.assertIn("daprdockrcmd delete ", done.stderr)
        done = self.run_line("apply", "-prune", "myap", given=[other], status=1)
        self.assertIn("-prune myap: there is no such group", done.stderr)

    def test_needed_by_what_stays(self) -> None:
        """A service cannot wait for one that is pruned."""
        self.define(named("db"))
        done = self.run_line("apply", "-prune", "myapp", given=[named("web", After=["db"])], status=1)
        self.assertIn("After: db.myapp does not exist", done.stderr)

    def test_order(self) -> None:
        """A service is stored once those of its ``After`` are healthy that were changed with it."""
        db, web = named("db"), named("web", After=["db"])
        seen: list[object] = []

        def healthy() -> None:
            seen.append((self.stored("db"), self.stored("web")))
            self.claim(db, 1)

        self.store.coming = [healthy]
        shown = self.run_line("apply", given=[web, db]).stdout
        self.assertEqual(seen, [(db, None)])
        self.assertEqual(self.stored("web"), web)
        self.assertLess(shown.index("web.myapp waits until db.myapp is healthy"), shown.index("create web.myapp"))

    def test_does_not_become_healthy(self) -> None:
        """A service that others wait for and that is not healthy in time ends it, and says what is not applied."""
        done = self.run_line("apply", "-timeout", "0", given=[named("web", After=["db"]), named("db")], status=4)
        self.assertIn("daprdockrcmd: not applied: web.myapp\n", done.stderr)
        self.assertIn("1.db.myapp is waiting for a node", done.stderr)
        self.assertEqual((self.stored("db"), self.stored("web")), (named("db"), None))

    def test_wait(self) -> None:
        """With ``-wait`` it ends when all that is in the files is healthy, also what is stored already."""
        db, web = named("db"), named("web")
        self.define(db)
        steps: list[str] = []

        def healthy(wanted: Definition) -> None:
            steps.append(wanted.name.service)
            self.claim(wanted, 1)

        self.store.coming = [partial(healthy, web), partial(healthy, db)]
        shown = self.run_line("apply", "-wait", given=[web, db]).stdout
        self.assertEqual(steps, ["web", "db"])
        self.assertIn("web.myapp: 0 of 1 instances are as wanted\nweb.myapp: 1 healthy\n", shown)
        self.assertEqual(shown.splitlines()[-1], "1 applied, 1 as given already")

    def test_wait_in_vain(self) -> None:
        """If one does not become healthy that is the error; all of it is stored."""
        done = self.run_line("apply", "-wait", "-timeout", "0", "-o", "json", given=[named("web")], status=4)
        self.assertIn("not done after 0 s: 1.web.myapp is waiting for a node", done.stderr)
        self.assertNotIn("not applied", done.stderr)
        self.assertEqual(done.json, [{"Service": "web.myapp", "Action": "create"}])

    def test_was_reverted(self) -> None:
        """A service that was reverted to what the files say is as given: neither it nor those behind it fail."""
        db, web = named("db"), named("web", After=["db"])
        self.revert(db, named("db", image="db:bad"))
        self.claim(web, 1)
        self.run_line("apply", "-wait", given=[db, web])
        self.assertEqual(self.stored("web"), web)

    def test_is_reverted(self) -> None:
        """A service that is reverted from what the files say is the error, and those behind it are not stored."""
        db, bad = named("db"), named("db", image="db:bad")
        self.store.coming = [partial(self.revert, db, bad)]
        done = self.run_line("apply", given=[bad, named("web", After=["db"])], status=1)
        self.assertIn("db.myapp: the rollout was reverted", done.stderr)
        self.assertIn("not applied: web.myapp", done.stderr)

    def test_two_at_once(self) -> None:
        """If somebody stores another definition meanwhile, that one being healthy is no success; a scaled one is."""
        for other, status in ((named("db", image="db:2"), 1), (named("db", 2), 0)):

            def meanwhile(stored: Definition = other) -> None:
                self.define(stored)
                for number in range(1, stored.instances + 1):
                    self.claim(stored, number)

            self.store.coming = [meanwhile]
            done = self.run_line("apply", "-wait", "-timeout", "5", given=[named("db")], status=status)
            self.assertEqual("somebody changed db.myapp meanwhile" in done.stderr, bool(status))

    def test_stands_still(self) -> None:
        """A rollout to what the files say that waits for a person is no such one: the command fails."""
        db = named("db")
        self.define(db)
        self.claim(db, 1)
        for state in (RolloutState.PAUSED, RolloutState.FAILED):
            self.store.put(KEYS.rollout(db.name), RolloutRecord(state, "", db.digest).encode())
            self.run_line("apply", "-wait", given=[db], status=1)

    def revert(self, good: Definition, bad: Definition) -> None:
        """Store and run what was there before the bad definition, as an agent does."""
        record = RolloutRecord(RolloutState.REVERTED, good.digest, bad.digest)
        back = Put(KEYS.service(good.name), good.encode())
        self.store.commit([], [back, Put(KEYS.rollout(good.name), record.encode())])
        self.claim(good, 1)

    def test_again(self) -> None:
        """Applied again, it waits as it did before, though what it waits for is stored by now."""
        given = [named("web", After=["db"]), named("db")]
        for _ in range(2):
            done = self.run_line("apply", "-timeout", "0", given=given, status=4)
            self.assertIn("not done after 0 s: 1.db.myapp is waiting for a node", done.stderr)
            self.assertIsNone(self.stored("web"))

    def test_check(self) -> None:
        """With the check revision of a plan only that plan is carried out, and no later one."""
        self.define(definition(), named("old"))
        words, given = ("-prune", "myapp"), [definition("web:2")]
        check = self.run_line("plan", *words, "-o", "json", given=given).json["Check"]
        done = self.run_line("apply", *words, "-check", check, given=[definition("web:3")], status=1)
        self.assertIn("plan again", done.stderr)
        self.define(definition(instances=2))
        self.run_line("apply", *words, "-check", check, given=given, status=1)
        self.assertEqual(self.stored("web"), definition(instances=2))
        check = self.run_line("plan", *words, "-o", "json", given=given).json["Check"]
        self.run_line("apply", *words, "-check", check, given=given)
        self.assertEqual((self.stored("web"), self.stored("old")), (definition("web:2"), None))

    def test_changed_while_it_applies(self) -> None:
        """With a check revision a service that somebody changes meanwhile is not overwritten."""
        given = [named("db"), named("web", After=["db"])]
        self.define(definition())
        check = self.run_line("plan", "-o", "json", given=given).json["Check"]

        def changed() -> None:
            self.define(definition("web:9"))
            self.claim(named("db"), 1)

        self.store.coming = [changed]
        done = self.run_line("apply", "-check", check, given=given, status=1)
        self.assertIn("web.myapp was changed meanwhile", done.stderr)
        self.assertEqual(self.stored("web"), definition("web:9"))

    def test_restarted_while_it_applies(self) -> None:
        """A restart in the meantime is not undone, which would replace all containers once more."""
        given = [named("db"), named("web", image="web:2", After=["db"])]
        self.define(evolve(definition(), restarted="2026-11-28T10:00:00Z"))

        def restarted() -> None:
            self.define(evolve(definition(), restarted="2026-11-28T11:00:00Z"))
            self.claim(named("db"), 1)

        self.store.coming = [restarted]
        self.run_line("apply", given=given)
        self.assertEqual(self.stored("web"), evolve(given[1], restarted="2026-11-28T11:00:00Z"))

    def test_changed_while_it_deletes(self) -> None:
        """The same holds of a service that is to be deleted, up to the last moment, also while etcd is full."""
        words, given, changed = ("-prune", "myapp"), [definition()], named("old", image="old:2")
        for full in (False, True):
            self.store = store = InterruptedStore()
            self.define(definition(), named("old"))
            check = self.run_line("plan", *words, "-o", "json", given=given).json["Check"]

            def before(store: InterruptedStore = store, full: bool = full) -> None:
                store.before, store.full = lambda: None, False
                self.define(changed)
                store.full = full

            store.before, store.full = before, full
            done = self.run_line("apply", *words, "-check", check, given=given, status=1)
            self.assertIn("old.myapp was changed meanwhile", done.stderr)
            self.assertEqual(self.stored("old"), changed)

    def test_directory(self) -> None:
        """A directory of files is applied as a whole."""
        directory = Path(self.mktemp())
        directory.mkdir()
        for one in (definition(), named("db")):
            (directory / f"{one.name}.json").write_text(json.dumps(one.write()))
        self.assertEqual(command_line(self.store, "apply", "-f", str(directory)).status, 0)
        self.assertEqual((self.stored("web"), self.stored("db")), (definition(), named("db")))
