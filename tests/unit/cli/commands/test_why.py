"""``why``: the true reason of each kind of trouble, each node by name, and what a person can do."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.doubts import DoubtRecord
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.history import RevisionRecord
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.pause import PauseRecord
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.stored.sealed import SecretRecord
from daprdockr.model.stored.slot import SlotRecord
from daprdockr.model.wanted.definition import Definition
from tests.build.jobs import job
from tests.build.values import KEYS, fixing, named
from tests.fakes.command_line import LentStore, Outcome, command_line

MIB = 1 << 20
TIME = 1_795_854_069.0


COMMANDS = ("    daprdockrcmd ", "    docker network create ", "    journalctl -u daprdockr")
"""The beginnings of the lines below an advice, which can be typed as they are."""


class WhyCase(SynchronousTestCase):
    """Two nodes, ``n1`` and ``n2``, the first with the label ``zone=a``."""

    def setUp(self) -> None:
        self.store = LentStore()
        self.node("n1", labels={"zone": "a"})
        self.node("n2")

    def node(self, name: str, **record: Any) -> None:
        members = {"memory": 1024 * MIB, "cpus": 2, **record}
        self.store.put(KEYS.node(name), NodeRecord(**members).encode(), self.store.lease)

    def define(self, wanted: Definition) -> Definition:
        self.store.put(KEYS.service(wanted.name), wanted.encode())
        return wanted

    def claim(self, wanted: Definition, number: int = 1, node: str = "n1", **record: Any) -> None:
        members = {"state": State.RUNNING, "healthy": True, "definition": wanted.digest, "container": "c1", **record}
        name = InstanceName(wanted.name, number)
        self.store.put(KEYS.claim(name), ClaimRecord(node=node, **members).encode(), self.store.lease)

    def event(
        self, subject: object, text: str, *lines: str, node: str = "n1", time: float = TIME, by: str = ""
    ) -> None:
        event = Event(time, node, str(subject), text, lines, by)
        self.store.put(KEYS.event(node, event.number), event.encode(), self.store.lease)

    def why(self, *words: str) -> Outcome:
        done = command_line(self.store, "why", *words)
        self.assertEqual((done.stderr, self.store.lent), ("", 0))
        typed = [line for line in done.stdout.partition("What you can do:")[2].splitlines() if line[:4] == "    "]
        self.assertEqual([line for line in typed if not line.startswith(COMMANDS)], [])
        self.assertEqual([line for line in done.stdout.splitlines() if len(line) > 80 and line[:2] != "  "], [])
        return done

    def text(self, *words: str) -> str:
        """Return the output with each paragraph on one line."""
        return " ".join(self.why(*words).stdout.split())


class TroubleTests(WhyCase):
    """One service for each kind of trouble; the command knows nothing but what is in etcd."""

    def test_constraint(self) -> None:
        """A constraint that no node meets is named for each with what that node has."""
        self.define(named("web", Placement={"Constraints": ["zone == b"]}))
        self.assertEqual(
            self.why("web.myapp").stdout,
            "1.web.myapp is waiting for a node (no node meets zone == b)\n"
            "\n"
            "NODE   WHY IT RUNS NO MORE OF IT\n"
            "n1     zone == b is not met: its zone is a\n"
            "n2     zone == b is not met: it has no label zone\n"
            "\n"
            "What you can do:\n"
            "- start the agent of a node with a --label that meets it, or change\n"
            "  Placement.Constraints\n",
        )

    def test_long_node(self) -> None:
        """Below a node with a long name there is room for its reason."""
        self.node(long := "n" * 60)
        self.define(named("web", Placement={"Constraints": ["zone == b"]}))
        found = self.why("web.myapp").stdout
        self.assertIn("NODE\n    WHY IT RUNS NO MORE OF IT\nn1\n    zone == b is not met: its zone is a\n", found)
        self.assertIn(f"\n{long}\n    zone == b is not met: it has no label zone\n", found)

    def test_memory(self) -> None:
        """A node without room says what is needed and what is left."""
        self.define(named("web", Container={"Memory": 1500 * MIB}))
        self.node("n3", memory=2048 * MIB)
        self.assertIn("n3 can take one, and has to pull the image first", self.text("web.myapp"))
        self.node("n3")
        shown = self.text("web.myapp")
        self.assertIn("n2 an instance needs 1500 MiB of memory, 1024 MiB are left", shown)
        self.assertIn("- state less Memory in the definition", shown)

    def test_port_of_another_service(self) -> None:
        """A host port that another service has is named with that service, on the node that has it."""
        self.claim(self.define(named("db", Container=fixing(5432))))
        self.define(named("web", Container=fixing(5432), Placement={"Constraints": ["zone == a"]}))
        shown = self.text("web.myapp")
        self.assertIn("n1 host port 5432/tcp is taken there by db.myapp n2 zone == a is not met", shown)
        self.assertIn("- move the service that has the port", shown)

    def test_port_of_a_route(self) -> None:
        """An instance can be well while its service lacks a port or host name, which belongs to an older one."""
        route, http = [{"Port": 5432, "ContainerPort": 5432}], {"HostName": "a.test", "ContainerPort": 80}
        self.claim(self.define(named("db", Tcp=route)))
        self.claim(self.define(named("web", Tcp=route)))
        shown = self.why("web.myapp").stdout
        self.assertTrue(
            shown.startswith("1.web.myapp is well on n1\nport 5432/tcp belongs to db.myapp, which was"), shown
        )
        found = " ".join(shown.split())
        self.assertIn(
            "- choose another port, or delete the service that has it: daprdockrcmd -del -svc db.myapp", found
        )
        document = self.why("web.myapp", "-o", "json").json
        self.assertEqual((document["Well"], document["Taken"]), (False, ["port 5432/tcp belongs to db.myapp"]))
        self.assertNotIn("belongs", self.text("db.myapp"))
        self.define(named("shop", Http=http))
        self.define(named("blog", Http=http))
        self.assertIn("a.test/ belongs to shop.myapp", shown := self.text("blog.myapp"))
        self.assertIn("- choose another host name or path, or delete the service that has it", shown)

    def test_many_host_names(self) -> None:
        """Of many host names that an older service has a few are written out."""
        names = {"HostName": ",".join(f"{letter}.test" for letter in "abcde"), "ContainerPort": 80}
        self.define(named("shop", Http=names))
        self.define(named("blog", Http=names))
        shown = self.text("blog.myapp")
        self.assertIn("c.test/ belongs to shop.myapp, which was defined first 2 more of its ports and host", shown)
        self.assertEqual(shown.count("choose another host name"), 1)

    def test_port_of_a_stranger(self) -> None:
        """A host port that some other program has is what the Engine said on that node."""
        wanted = self.define(named("web", Container=fixing(80)))
        reason = "port 80 of this host is taken: publish another one (Bind for 0.0.0.0:80 failed)"
        self.claim(wanted, state=State.BACKING_OFF, healthy=False, reason=reason)
        shown = self.text("web.myapp")
        self.assertIn("1.web.myapp is backing-off on n1 (port 80 of this host is taken", shown)
        self.assertIn("- end what listens there (ss -ltnp on the node says what)", shown)

    def test_port_of_another_program(self) -> None:
        """So is one that the agent found taken before it asked the Engine."""
        wanted = self.define(named("web", Container=fixing(80)))
        reason = "host port 80/tcp is not free on this node: another program has it"
        self.claim(wanted, state=State.BACKING_OFF, healthy=False, container="", reason=reason)
        self.assertIn("- end what listens there (ss -ltnp on the node says what)", self.text("web.myapp"))

    def test_way_back(self) -> None:
        """A person is led back to what was healthy, if anything ever was."""
        wanted = self.define(named("web", image="web:2"))
        self.claim(wanted, state=State.BACKING_OFF, healthy=False, reason="exit status 1")
        self.store.put(KEYS.revision(wanted.name, 1), RevisionRecord(named("web"), TIME, "anna@desk").encode())
        shown = self.text("web.myapp")
        self.assertIn("correct the program or its definition: daprdockrcmd logs web.myapp", shown)
        self.assertNotIn("rollback", shown)
        good = RevisionRecord(named("web"), TIME, "anna@desk", good=True)
        self.store.put(KEYS.revision(wanted.name, 1), good.encode())
        self.assertIn("go back to what was healthy: daprdockrcmd rollback web.myapp", self.text("web.myapp"))

    def test_changed_check(self) -> None:
        """A service that no changed check has found healthy yet is led back to the check that did."""
        wanted = self.define(named("web", Health={"Type": "http", "Path": "/helth", "Port": 80}))
        self.claim(wanted, state=State.UNHEALTHY, healthy=False, reason="no success from /helth on port 80: status 404")
        good = RevisionRecord(named("web", Health={"Type": "http", "Port": 80}), TIME, "anna@desk", good=True)
        self.store.put(KEYS.revision(wanted.name, 1), good.encode())
        self.store.put(KEYS.revision(wanted.name, 2), RevisionRecord(wanted, TIME + 1, "anna@desk").encode())
        changed = (
            "- correct the check, which was changed, or go back to the one that succeeded: daprdockrcmd rollback web"
        )
        self.assertIn(changed, self.text("web.myapp"))
        self.store.put(KEYS.revision(wanted.name, 2), RevisionRecord(wanted, TIME + 1, "anna@desk", good=True).encode())
        self.assertNotIn(changed, self.text("web.myapp"))

    def test_changed_otherwise(self) -> None:
        """The check is not blamed where it follows a port that was changed, or came with another container."""
        wanted = self.define(named("web", Http={"HostName": "a.example.org", "ContainerPort": 8080}))
        self.claim(wanted, state=State.UNHEALTHY, healthy=False, reason="nothing answers on port 8080")
        for before in (
            named("web", Http={"HostName": "a.example.org", "ContainerPort": 80}),
            named("web", Http=wanted.write()["Http"], Health={"Type": "http"}, OnPartition="stop"),
        ):
            good = RevisionRecord(before, TIME, "anna@desk", good=True)
            self.store.put(KEYS.revision(wanted.name, 1), good.encode())
            self.assertIn("- have the program listen at port 8080", shown := self.text("web.myapp"))
            self.assertNotIn("correct the check", shown)

    def test_no_way_back(self) -> None:
        """The present definition is its own revision, and no way back, also with the stamp of a secret that is set."""
        self.store.put(KEYS.secret("x"), SecretRecord(1, "s1", 5, "key").encode())
        wanted = self.define(named("web", Secrets=[{"Name": "x"}]))
        self.claim(wanted, state=State.BACKING_OFF, healthy=False, reason="exit status 1")
        good = RevisionRecord(wanted, TIME, "anna@desk", good=True)
        self.store.put(KEYS.revision(wanted.name, 1), good.encode())
        shown = self.text("web.myapp")
        self.assertNotIn("rollback", shown)
        self.assertIn("revision 1", shown)

    def test_image(self) -> None:
        """An image that cannot be pulled is named with the registry's answer and the node that asked."""
        wanted = self.define(named("web", image="no-such:9"))
        reason = "'no-such:9' could not be pulled: manifest unknown"
        self.claim(wanted, state=State.PULLING, healthy=False, reason=reason)
        self.event("no-such:9", reason)
        shown = self.text("1.web.myapp")
        self.assertIn("1.web.myapp is pulling on n1 ('no-such:9' could not be pulled: manifest unknown)", shown)
        failing = "n1 has 1.web.myapp; it has not come up there since 2026-11-28 08:21:09Z, ranked last until"
        self.assertIn(failing, shown)
        self.assertIn("ranked last until 10 minutes pass without a failure", shown)
        self.assertIn("n2 could take one more, but no instance waits for a node", shown)
        self.assertIn("try docker pull no-such:9 there", shown)
        self.node("n2", fails=("web.myapp",))
        self.event("no-such:9", reason, node="n2")
        failing = "n2 it has not come up there since 2026-11-28 08:21:09Z ('no-such:9' could not be pulled: manifest"
        self.assertIn(failing, self.text("1.web.myapp"))

    def test_since(self) -> None:
        """The service does not fail since somebody did something there, or since something was well again."""
        self.define(named("web", 2))
        self.node("n2", fails=("web.myapp",))
        self.event("2.web.myapp", "cannot start: no such network", node="n2")
        self.event("web:1", "is there at last, after 2 attempts that failed", node="n2", time=TIME + 1)
        self.event("1.web.myapp", "is healthy again, after 9 s", node="n2", time=TIME + 2)
        self.event("1.web.myapp", "anna@desk runs sh from 10.0.0.9", node="n2", time=TIME + 3, by="anna@desk")
        failing = "n2 it has not come up there since 2026-11-28 08:21:09Z (cannot start: no such network)"
        self.assertIn(failing, self.text("web.myapp"))

    def test_crash_loop(self) -> None:
        """A container that ends by itself is shown with how it ended and what it logged last."""
        wanted = self.define(named("web", 2))
        reason = "killed: out of memory: loading model"
        self.claim(wanted)
        self.claim(wanted, 2, "n2", state=State.BACKING_OFF, healthy=False, reason=reason)
        self.event("2.web.myapp", "its container ended: earlier", "an old line", node="n2", time=TIME - 60)
        self.event("2.web.myapp", f"its container ended: {reason}", "starting", "loading model", node="n2")
        for words in ("web.myapp", "2.web.myapp"):
            shown = self.why(words).stdout
            self.assertIn("last lines of 2.web.myapp, on n2 at 2026-11-28 08:21:09Z:\n  starting\n  loading", shown)
            self.assertNotIn("an old line", shown)
            self.assertIn("- raise Container.Memory", shown)
        shown = self.why("1.web.myapp").stdout
        self.assertEqual(shown.splitlines()[0], "1.web.myapp is well on n1")
        self.assertNotIn("What you can do", shown)

    def test_paused_container(self) -> None:
        """Nothing is said about the program of a container that somebody paused, because nobody can judge it."""
        self.claim(self.define(named("web")), state=State.UNHEALTHY, healthy=False, reason="it is paused")
        shown = self.text("web.myapp")
        self.assertIn("docker unpause on that node", shown)
        self.assertNotIn("StartPeriod", shown)

    def test_no_listener(self) -> None:
        """Where nobody answers the port is named, and the usual mistake: also while the instance is still starting."""
        wanted = self.define(named("web"))
        refused = "no success from / on port 80: Connection refused"
        call = "gRPC's health check on port 80 fails: Connection refused"
        for state in (State.STARTING, State.UNHEALTHY):
            for reason in ("nothing answers on port 80", refused, call):
                self.claim(wanted, state=state, healthy=False, reason=reason)
                self.assertIn("- have the program listen at port 80 on all addresses", self.text("web.myapp"))
        self.claim(wanted, state=State.UNHEALTHY, healthy=False, reason="no success from / on port 80: status 500")
        self.assertIn("- see whether the program serves what Health checks", self.text("web.myapp"))

    def test_other_port(self) -> None:
        """A program may log that it did not reach a port of another service: no advice takes that for its own."""
        wanted = self.define(named("web"))
        reason = "exit status 1: cannot connect to db on port 3306: Connection refused"
        self.claim(wanted, state=State.BACKING_OFF, healthy=False, reason=reason)
        self.assertIn("- read what it logged, and correct the program", shown := self.text("web.myapp"))
        self.assertNotIn("listen at port 3306", shown)

    def test_slow_start(self) -> None:
        """The first checks may fail because the program takes long to begin: then waiting is all that helps."""
        wanted = self.define(named("web"))
        self.claim(wanted, state=State.STARTING, healthy=False, reason="no success from / on port 80: status 503")
        self.assertIn("; if it only takes long, wait: daprdockrcmd wait web.myapp", self.text("web.myapp"))
        self.claim(wanted, state=State.UNHEALTHY, healthy=False, reason="no success from / on port 80: status 503")
        self.assertNotIn("daprdockrcmd wait", self.text("web.myapp"))

    def test_starting_again(self) -> None:
        """An instance that failed, and starts again, needs what helps against that, and nobody has to wait for it."""
        wanted = self.define(named("web"))
        for reason, helps in (
            ("exit status 3: no such table", "read what it logged, and correct the program or its definition"),
            ("segmentation fault: loading", "read what it logged, and correct the program or its definition"),
            ("no success from / on port 80: status 500", "see whether the program serves what Health checks"),
            ("the command /check fails: exit status 1", "see whether the program serves what Health checks"),
        ):
            self.claim(wanted, state=State.STARTING, healthy=False, reason=reason)
            self.assertIn(f"- {helps}", shown := self.text("web.myapp"))
            self.assertNotIn("- wait until", shown)
        self.claim(wanted, state=State.STARTING, healthy=False, reason="")
        self.assertIn("- wait until it is healthy: daprdockrcmd wait web.myapp", self.text("web.myapp"))

    def test_never_started(self) -> None:
        """A container that the Engine could not start has logged nothing: what the Engine names is to be corrected."""
        wanted, refused = self.define(named("web")), "the Docker Engine refused to start the container: "
        for reason, helps in (
            (f'{refused}runc create failed: exec: "gunicron": executable file not found in $PATH', "Container.Cmd or"),
            (f"{refused}unable to find user apps: no matching entries in passwd file", "Container.User, or use"),
            (
                f"{refused}network back not found",
                "Container.NetworkMode, or make it on each node: docker network create",
            ),
            (f"{refused}invalid mount config", "what the Engine complains of, in the definition or on the node"),
        ):
            self.claim(wanted, state=State.BACKING_OFF, healthy=False, reason=reason)
            self.assertIn(f"- correct {helps}", shown := self.text("web.myapp"))
            self.assertNotIn("daprdockrcmd logs", shown)

    def test_causes(self) -> None:
        """Each of the usual mistakes is met with what ends it, and not with what helps against another one."""
        wanted = self.define(named("web"))
        for state, reason, helps in (
            (
                State.PULLING,
                "'web:1' could not be pulled: no space left on device",
                "make room on the disk of that node",
            ),
            (
                State.PULLING,
                "'web:1' could not be pulled: i/o timeout; node n1 has no room for the image in /state: 150.0 MB come",
                "make room on n1 in /state, where an image waits",
            ),
            (
                State.BACKING_OFF,
                "exit status 0, as if its work were done: migrated",
                "keep the program in the foreground",
            ),
            (State.BACKING_OFF, "killed (SIGKILL): loading", "find out who killed it; the kernel does if"),
            (State.UNHEALTHY, "the command /check fails: killed (SIGKILL)", "find out who killed it; the kernel does"),
            (
                State.BACKING_OFF,
                "exit status 1: exec /start: exec format error",
                "use an image that is for the processor",
            ),
            (
                State.UNHEALTHY,
                "no success from /helth on port 80: status 404",
                "have the program answer /helth with 200",
            ),
            (
                State.UNHEALTHY,
                "the command curl fails: exit status 126: not found in $PATH",
                "correct Health.Cmd, or use an image that",
            ),
        ):
            self.claim(wanted, state=state, healthy=False, reason=reason)
            self.assertIn(f"- {helps}", self.text("web.myapp"))

    def test_older_lines(self) -> None:
        """Lines of a container from before the present revision are said to be so."""
        wanted = self.define(named("web"))
        self.claim(wanted, state=State.UNHEALTHY, healthy=False, reason="nothing answers on port 80")
        self.event("1.web.myapp", "its container ended: exit status 3", "no such file")
        for time, said in ((TIME - 1, False), (TIME + 1, True)):
            self.store.put(KEYS.revision(wanted.name, 7), RevisionRecord(wanted, time, "revert by node n2").encode())
            self.assertIn("last lines of 1.web.myapp, on n1 at 2026-11-28 08:21:09Z", shown := self.text("web.myapp"))
            self.assertIn(" no such file", shown)
            self.assertEqual("08:21:09Z, before revision 7 was stored:" in shown, said)

    def test_many(self) -> None:
        """Many instances with one trouble take one line and one quotation."""
        wanted = self.define(named("web", 60))
        for number in range(1, 61):
            self.claim(wanted, number, state=State.UNHEALTHY, healthy=False, reason="nothing answers on port 80")
            self.event(
                f"{number}.web.myapp", "its container ended: exit status 1", f"line {number}", time=TIME + number
            )
        shown = self.why("web.myapp").stdout
        self.assertIn("1.web.myapp, 2.web.myapp, 3.web.myapp and 57 more are unhealthy on n1", shown)
        self.assertIn("last lines of 60.web.myapp", shown)
        self.assertLess(len(shown.splitlines()), 20)

    def test_waits(self) -> None:
        """An instance that waits for another service leads to that one."""
        wanted = self.define(named("web", After=["db"]))
        self.claim(wanted, state=State.STARTING, healthy=False, container="", reason="waits for db.myapp")
        self.assertIn("- find out why that one is not healthy: daprdockrcmd why db.myapp", self.text("web.myapp"))

    def test_unset(self) -> None:
        """All secrets and files that are not set are named; no log is recommended."""
        wanted = self.define(named("web"))
        for reason, helps in (
            ("secret a is not set: daprdockrcmd secret set a", "set it: daprdockrcmd secret set a"),
            ("file f is not set: daprdockrcmd file set f", "set it: daprdockrcmd file set f FILE"),
            ("secrets a, b are not set: x", "set each of them: daprdockrcmd secret set NAME"),
            ("files f, g are not set: x", "set each of them: daprdockrcmd file set NAME FILE"),
            (
                "secret a is not set: daprdockrcmd secret set a; file f is not set: daprdockrcmd file set f",
                "set each of them, by daprdockrcmd secret set NAME and daprdockrcmd file set NAME FILE",
            ),
            (
                "secret a is no text, which variable A needs: use it as a file",
                "have the program read it as a file, without Env in Secrets, or set another value: daprdockrcmd secret",
            ),
            (
                "a file for a container cannot be written in /run/daprdockr/x: No space left on device",
                "make room in /run/daprdockr/x on that node, where the secrets or files of its containers are",
            ),
        ):
            self.claim(wanted, state=State.BACKING_OFF, healthy=False, container="", reason=reason)
            self.assertIn(f"What you can do: - {helps}", self.text("web.myapp"))

    def test_unset_later(self) -> None:
        """A file that was deleted while its containers run is named, though no instance lacks it yet."""
        wanted = self.define(named("web", Files=[{"Name": "f", "Target": "/f", "OnChange": "HUP"}]))
        self.claim(wanted)
        shown = self.text("web.myapp")
        self.assertIn("1.web.myapp is well on n1", shown)
        self.assertIn("no new container of it can be created: file f is not set", shown)
        self.assertIn("What you can do: - set it: daprdockrcmd file set f FILE", shown)

    def test_all_cordoned(self) -> None:
        """Nodes that are ready, and cordoned, are not said to be unready."""
        self.define(named("web"))
        for node in ("n1", "n2"):
            self.store.put(KEYS.cordon(node), b"")
        self.assertIn("1.web.myapp is waiting for a node (no node takes instances now)", self.text("web.myapp"))

    def test_keyless(self) -> None:
        """A node without the cluster key wants a copy of it, in a place where its agent looks for it."""
        self.define(named("web", Secrets=[{"Name": "a"}]))
        helps = "- copy the file that daprdockrcmd secret key made to a node, as cluster.key in its agent's"
        self.assertIn(helps, self.text("web.myapp"))

    def test_nodes_that_can_do_nothing(self) -> None:
        """Nodes that are cordoned, not ready, frozen or refused by etcd say so; without nodes an agent is missing."""
        self.define(named("web"))
        self.store.put(KEYS.cordon("n1"), b"")
        self.node("n3", ready=False, unready="its Docker Engine hangs")
        self.node("n4", refused="etcd refuses its claims")
        doubt = DoubtRecord(number=1, reason="a restored snapshot")
        self.store.put(KEYS.doubt("n2"), doubt.encode(), self.store.lease)
        shown = self.text("web.myapp")
        for part in (
            "n1 it is cordoned",
            "n2 frozen, it doubts this etcd: a restored snapshot",
            "n3 not ready: its Docker Engine hangs",
            "n4 etcd refuses its claims",
            "daprdockrcmd uncordon NODE",
        ):
            self.assertIn(part, shown)
        self.store = LentStore()
        self.define(named("web"))
        shown = self.text("web.myapp")
        self.assertIn("no node has an agent that reports", shown)
        self.assertIn("- start an agent", shown)


class ServiceTests(WhyCase):
    """Reasons that concern the service as a whole."""

    def test_well(self) -> None:
        """A service of which nothing is lacking is said to be well, with who defined it; there is nothing to do."""
        wanted = self.define(named("web"))
        self.claim(wanted)
        self.store.put(KEYS.revision(wanted.name, 4), RevisionRecord(wanted, TIME, "anna@desk").encode())
        lines = self.why("web.myapp").stdout.splitlines()
        self.assertEqual(lines[0], "1.web.myapp is well on n1")
        self.assertEqual(lines[1], "revision 4, stored 2026-11-28 08:21:09Z: anna@desk")
        self.assertNotIn("What you can do:", lines)

    def test_rollout(self) -> None:
        """A rollout that stands still is shown with its reason and lines, and one that goes on with where it is."""
        wanted = self.define(named("web", image="web:2"))
        self.claim(wanted, definition="older")
        record = RolloutRecord(RolloutState.PAUSED, "", wanted.digest, "exit status 1", "n1", "1.web.myapp", ("boom",))
        self.store.put(KEYS.rollout(wanted.name), record.encode())
        slot = SlotRecord("n1", InstanceName(wanted.name, 1), wanted.digest)
        self.store.put(KEYS.slot(wanted.name, 1), slot.encode(), self.store.lease)
        shown = self.text("web.myapp")
        self.assertIn("the rollout is paused: 1.web.myapp on n1: exit status 1", shown)
        self.assertIn("the last lines of 1.web.myapp on n1: boom", shown)
        self.assertIn("1.web.myapp is being replaced on n1", shown)
        self.assertNotIn("daprdockrcmd rollback", shown)
        self.assertNotIn("daprdockrcmd wait", shown)
        good = RevisionRecord(named("web"), TIME, "anna@desk", good=True)
        self.store.put(KEYS.revision(wanted.name, 1), good.encode())
        self.assertIn("go back: daprdockrcmd rollback web.myapp", self.text("web.myapp"))

    def test_reverted(self) -> None:
        """After a revert the service is back already: a rollback would lead to a still older definition."""
        older, failed = named("web", image="web:1"), named("web", image="web:3")
        wanted = self.define(named("web", image="web:2"))
        self.claim(wanted)
        good = RevisionRecord(older, TIME, "anna@desk", good=True)
        self.store.put(KEYS.revision(wanted.name, 1), good.encode())
        record = RolloutRecord(RolloutState.REVERTED, wanted.digest, failed.digest, "exit 1", "n1", "1.web.myapp")
        self.store.put(KEYS.rollout(wanted.name), record.encode())
        better = "store a better definition, as the former one is in force again"
        self.assertEqual(
            self.why("web.myapp", "-o", "json").json["Advice"],
            [f"{better}; if that is to stay, take note of the revert: daprdockrcmd resume web.myapp"],
        )
        self.assertIn(better, self.text("web.myapp"))

    def test_before(self) -> None:
        """A command before the rollout that failed is shown with its last lines, and with what shows them again."""
        wanted = self.define(named("web", Before={"Cmd": ["migrate"]}))
        reason = "Before failed: exit status 4 (run 3)"
        self.claim(wanted, state=State.STARTING, healthy=False, container="", reason=reason)
        record = RolloutRecord(RolloutState.FAILED, "", wanted.digest, reason, "n1", "1.web.myapp", ("no table",), 3)
        self.store.put(KEYS.rollout(wanted.name), record.encode())
        shown = self.text("web.myapp")
        self.assertIn("the last lines of its Before, run 3: no table", shown)
        advice = self.why("web.myapp", "-o", "json").json["Advice"]
        read = "read what the command before the rollout logged: daprdockrcmd job logs web.myapp 3"
        self.assertEqual(advice, [read, "store a better definition"])

    def test_waits_for_before(self) -> None:
        """An instance that waits for the command before the rollout waits for no other service."""
        wanted = self.define(named("web", Before={"Cmd": ["migrate"]}))
        self.claim(wanted, state=State.STARTING, healthy=False, container="", reason="waits for its Before: no node")
        self.assertEqual(
            self.why("web.myapp", "-o", "json").json["Advice"],
            ["wait until it is healthy: daprdockrcmd wait web.myapp"],
        )

    def test_paused(self) -> None:
        """A service that is paused says by whom, though its instances are well."""
        wanted = self.define(named("web"))
        self.claim(wanted)
        self.store.put(KEYS.pause(wanted.name), PauseRecord(by="anna@desk").encode())
        self.assertIn("its HTTP requests do not reach it: paused by anna@desk", self.text("web.myapp"))

    def test_without_definition(self) -> None:
        """A definition that cannot be read is the reason; a deleted service stops; what never was is not found."""
        self.store.put(KEYS.service(named("web").name), b"{}")
        self.assertIn("its stored definition is not usable (Name is missing", self.text("web.myapp"))
        self.assertFalse(self.why("web.myapp", "-o", "json").json["Well"])
        self.claim(named("db"))
        self.assertIn("db.myapp: it is deleted", self.text("db.myapp"))
        for name in ("no.such", "1.no.such"):
            self.assertEqual(command_line(self.store, "why", name).status, 3)

    def test_surplus(self) -> None:
        """An instance beyond the wanted number that still has a node is not well: it stops there."""
        wanted = self.define(named("web", instances=1))
        self.claim(wanted)
        self.claim(wanted, 2, node="n2", definition="older")
        text = self.text("2.web.myapp")
        self.assertIn("2.web.myapp is still stopping on n2", text)
        self.assertNotIn("well", text)
        self.assertNotIn("What you can do", text)
        self.assertIn("1.web.myapp is well on n1", self.text("web.myapp"))

    def test_no_such_instance(self) -> None:
        """An instance beyond the wanted ones is not found, and says how many are wanted."""
        self.define(named("web", 2))
        done = command_line(self.store, "why", "3.web.myapp")
        self.assertEqual((done.status, "web.myapp wants 2 instances" in done.stderr), (3, True))
        self.define(named("one"))
        self.assertIn("one.myapp wants 1 instance\n", command_line(self.store, "why", "3.one.myapp").stderr)
        self.define(job())
        done = command_line(self.store, "why", "1.report.myapp")
        self.assertEqual(done.status, 3)
        self.assertIn("report.myapp is a job, which has runs and no instances", done.stderr)

    def test_usage(self) -> None:
        """It needs one name, of a service or an instance."""
        for words in (("why",), ("why", "a.b", "c.d"), ("why", "0.web.myapp"), ("why", "web")):
            self.assertEqual(command_line(self.store, *words).status, 2, words)

    def test_json(self) -> None:
        """Programs get instances, nodes, rollout and advice with the kinds of reasons."""
        wanted = self.define(named("web", 2, Placement={"OnePerNode": True, "Constraints": ["zone == a"]}))
        self.claim(wanted)
        found = self.why("web.myapp", "-o", "json").json
        self.assertEqual([one["Node"] for one in found["Instances"]], ["n1", ""])
        self.assertEqual([one["Bar"] for one in found["Nodes"]], ["one-per-node", "constraint"])
        self.assertEqual((found["Well"], found["Rollout"], len(found["Advice"])), (False, None, 2))

    def test_hostile_lines(self) -> None:
        """The lines of a container cannot move the cursor."""
        wanted = self.define(named("web"))
        self.claim(wanted, state=State.BACKING_OFF, healthy=False, reason="exit status 1")
        self.event("1.web.myapp", "its container ended: exit status 1", "\x1b[2J\x1b[H", time=TIME)
        self.assertNotIn("\x1b", self.why("web.myapp").stdout)
