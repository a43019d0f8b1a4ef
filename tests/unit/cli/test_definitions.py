"""Definitions are read, changed and deleted by command lines, and bad input writes nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.stored import ATTEMPTS
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.reading import MAX_DOCUMENT
from daprdockr.model.stored.entries import Commit, Condition, Operation
from daprdockr.model.wanted.definition import Definition
from tests.fakes.command_line import LentStore, Outcome, command_line

KEY = "/daprdockr/services/myapp/web"
DOCUMENT = {
    "Name": "web",
    "Group": "myapp",
    "Instances": 2,
    "Container": {"Cmd": ["run"], "Image": "web:1", "Memory": 1000},
    "Http": {"HostName": "demo.test", "ContainerPort": "8080"},
}


class InterruptedStore(LentStore):
    """A store in which something happens before a commit; ``loses`` answers to writes that then are carried out."""

    before: Callable[[], None] = staticmethod(lambda: None)
    loses = 0

    def commit(self, conditions: Sequence[Condition], operations: Sequence[Operation]) -> Commit:
        self.before()
        done = super().commit(conditions, operations)
        if self.loses:
            self.loses -= 1
            raise EtcdUnavailable("etcd did not answer")
        return done


class DefinitionTestCase(SynchronousTestCase):
    def setUp(self) -> None:
        self.store = InterruptedStore()

    def run_line(self, *words: str, stdin: object = b"") -> Outcome:
        data = stdin if isinstance(stdin, bytes) else json.dumps(stdin).encode()
        done = command_line(self.store, *words, stdin=data)
        self.assertEqual(self.store.lent, 0)
        return done

    def stored(self) -> object:
        entry = self.store.get(KEY)
        return None if entry is None else Definition.parse(entry.value).write()

    def given(self, document: object = DOCUMENT) -> None:
        self.store.put(KEY, json.dumps(document).encode())


class GetTests(DefinitionTestCase):
    """Definitions are printed."""

    def test_one(self) -> None:
        """One definition is printed as JSON, indented, in a stable order."""
        self.given()
        done = self.run_line("-svc", "web.myapp")
        self.assertEqual(done, Outcome(0, json.dumps(DOCUMENT, indent=2) + "\n", ""))

    def test_absent(self) -> None:
        """What does not exist is said on stderr, and the exit status is 3."""
        done = self.run_line("-get", "-svc", "web.myapp")
        self.assertEqual((done.status, done.stdout), (3, ""))
        self.assertRegex(done.stderr, r"\Adaprdockrcmd: web\.myapp does not exist.*\n\Z")

    def test_all(self) -> None:
        """Without a service all definitions are listed, by group and name."""
        self.store.put("/daprdockr/services/b/a", json.dumps(DOCUMENT | {"Name": "a", "Group": "b"}).encode())
        self.given()
        found = self.run_line("-get").json
        self.assertEqual([(item["Group"], item["Name"]) for item in found], [("b", "a"), ("myapp", "web")])

    def test_all_of_nothing(self) -> None:
        """A list of no definitions is an empty list, not an error."""
        self.assertEqual(self.run_line(), Outcome(0, "[]\n", ""))

    def test_all_with_a_broken_one(self) -> None:
        """What cannot be read is named on stderr, the others are printed, and the exit status tells."""
        self.store.put("/daprdockr/services/myapp/bad", b"\xff")
        self.given()
        done = self.run_line()
        self.assertEqual((done.status, len(done.json)), (1, 1))
        self.assertIn("/services/myapp/bad", done.stderr)

    def test_broken(self) -> None:
        """A stored definition that cannot be read is answered with one line that says what to do."""
        for value in (b"\xff", b"[]", b"{}", json.dumps(DOCUMENT | {"Name": "other"}).encode()):
            self.store.put(KEY, value)
            done = self.run_line("-svc", "web.myapp")
            self.assertEqual((done.status, done.stdout, done.stderr.count("\n")), (1, "", 1))
            self.assertIn("-stdin or -del", done.stderr)

    def test_control_characters(self) -> None:
        """No letter of a definition moves the cursor of the terminal that shows it."""
        self.given(DOCUMENT | {"Container": {"Image": "x", "Cmd": ["\x9b2J\x1b[1mä"]}})
        done = self.run_line("-svc", "web.myapp")
        self.assertTrue(done.stdout.isascii())
        self.assertEqual(done.json["Container"]["Cmd"], ["\x9b2J\x1b[1mä"])


class SetTests(DefinitionTestCase):
    """Flags are merged over what is stored."""

    def test_new(self) -> None:
        """A service that does not exist is made, with one instance unless more are asked for."""
        done = self.run_line("-svc", "web.myapp", "-set", "-image", "web:1")
        self.assertEqual(done.json, {"Name": "web", "Group": "myapp", "Instances": 1, "Container": {"Image": "web:1"}})
        self.assertEqual(self.stored(), done.json)

    def test_merge(self) -> None:
        """Only what the flags name changes."""
        self.given()
        done = self.run_line("-svc", "web.myapp", "-set", "-instances", "5", "-http-port", "9090")
        http = {"HostName": "demo.test", "ContainerPort": "9090"}
        self.assertEqual(done.json, DOCUMENT | {"Instances": 5, "Http": http})
        self.assertEqual(self.stored(), done.json)

    def test_command(self) -> None:
        """A command is split as a shell does; an empty one goes back to the image's own."""
        self.given()
        done = self.run_line("-svc", "web.myapp", "-set", "-cmd", """sh -c 'echo "a b"' x\\ y""")
        self.assertEqual(done.json["Container"]["Cmd"], ["sh", "-c", 'echo "a b"', "x y"])
        self.assertNotIn("Cmd", self.run_line("-svc", "web.myapp", "-set", "-cmd", "").json["Container"])

    def test_all_flags(self) -> None:
        """All flags at once make the whole of a definition."""
        flags = ["-image", "x", "-instances", "0", "-cmd", "a", "-http-host", "A.test,*.b.test", "-http-port", "80"]
        done = self.run_line("-set", "-svc", "web.myapp", *flags)
        self.assertEqual(done.json["Http"], {"HostName": "a.test,*.b.test", "ContainerPort": "80"})
        self.assertEqual((done.json["Instances"], done.json["Container"]), (0, {"Cmd": ["a"], "Image": "x"}))

    def test_nothing_new(self) -> None:
        """What stands already is not written again, so that no agent is woken."""
        self.run_line("-svc", "web.myapp", "-set", "-image", "web:1")
        revision = self.store.revision
        done = self.run_line("-svc", "web.myapp", "-set", "-image", "web:1")
        self.assertEqual((done.status, self.store.revision), (0, revision))

    def test_changed_meanwhile(self) -> None:
        """A change that somebody makes between reading and writing is kept: the flags are merged over it anew."""
        self.given()
        rivals = [lambda: self.given(DOCUMENT | {"Instances": 9})]
        self.store.before = lambda: rivals.pop()() if rivals else None
        done = self.run_line("-svc", "web.myapp", "-set", "-image", "web:2")
        self.assertEqual((done.json["Instances"], done.json["Container"]["Image"]), (9, "web:2"))
        self.assertEqual(self.stored(), done.json)

    def test_changed_for_ever(self) -> None:
        """Who always comes too late gives up with one line."""
        self.given()
        self.store.before = self.given
        done = self.run_line("-svc", "web.myapp", "-set", "-image", "web:2")
        self.assertEqual((done.status, self.store.calls.count("commit")), (1, ATTEMPTS))
        self.assertIn("try again", done.stderr)

    def test_lost_answer(self) -> None:
        """A write whose answer was lost is found to have happened."""
        self.store.loses = 1
        done = self.run_line("-svc", "web.myapp", "-set", "-image", "web:1")
        self.assertEqual((done.status, self.store.calls.count("commit")), (0, 1))
        self.assertEqual(self.stored(), done.json)

    def test_over_a_broken_one(self) -> None:
        """Flags are not merged over what cannot be read."""
        self.store.put(KEY, b"garbage")
        done = self.run_line("-svc", "web.myapp", "-set", "-instances", "3")
        self.assertEqual((done.status, self.store.calls.count("commit")), (1, 0))

    def test_prefix(self) -> None:
        """Everything lies below the prefix that is given."""
        self.run_line("-svc", "web.myapp", "-set", "-image", "x", "-prefix", "/other")
        self.assertIsNotNone(self.store.get("/other/services/myapp/web"))


class StdinTests(DefinitionTestCase):
    """A definition comes by stdin."""

    def test_stored(self) -> None:
        """It takes the place of what is stored, and is printed."""
        self.given(DOCUMENT | {"OnPartition": "stop"})
        done = self.run_line("-stdin", stdin=DOCUMENT)
        self.assertEqual((done.json, self.stored()), (DOCUMENT, DOCUMENT))

    def test_flags_over_it(self) -> None:
        """Flags are merged over it, whatever the case of its keys."""
        lower = {"name": "web", "group": "myapp", "instances": 2, "container": {"image": "web:1"}}
        done = self.run_line("-set", "-stdin", "-instances", "7", "-image", "web:2", stdin=lower)
        self.assertEqual((done.json["Instances"], done.json["Container"]), (7, {"Image": "web:2"}))

    def test_over_a_broken_one(self) -> None:
        """It mends a stored definition that cannot be read."""
        self.store.put(KEY, b"garbage")
        self.assertEqual(self.run_line("-stdin", stdin=DOCUMENT).status, 0)
        self.assertEqual(self.stored(), DOCUMENT)

    def test_name_agrees(self) -> None:
        """A service that is named beside it has to be the one it defines."""
        self.assertEqual(self.run_line("-stdin", "-svc", "web.myapp", stdin=DOCUMENT).status, 0)
        done = self.run_line("-stdin", "-svc", "db.myapp", stdin=DOCUMENT)
        self.assertEqual(done.status, 1)
        self.assertIn("web.myapp", done.stderr)


class DeleteTests(DefinitionTestCase):
    """Definitions are deleted."""

    def test_deleted(self) -> None:
        """A definition is gone, silently."""
        self.given()
        self.assertEqual(self.run_line("-del", "-svc", "web.myapp"), Outcome(0, "", ""))
        self.assertIsNone(self.stored())

    def test_absent(self) -> None:
        """What does not exist cannot be deleted, and the exit status is 3."""
        self.assertEqual(self.run_line("-del", "-svc", "web.myapp").status, 3)

    def test_broken(self) -> None:
        """A definition that cannot be read can be deleted."""
        self.store.put(KEY, b"garbage")
        self.assertEqual(self.run_line("-del", "-svc", "web.myapp").status, 0)

    def test_lost_answer(self) -> None:
        """A deletion whose answer was lost is found to have happened, and is no error."""
        self.given()
        self.store.loses = 1
        self.assertEqual(self.run_line("-del", "-svc", "web.myapp").status, 0)


class BadInputTests(DefinitionTestCase):
    """Input that cannot be used: one line, exit status 1, and nothing is read from or written to etcd."""

    def refused(self, done: Outcome, part: str) -> None:
        self.assertEqual((done.status, done.stdout), (1, ""))
        self.assertRegex(done.stderr, r"\Adaprdockrcmd: [^\n]+\n\Z")
        self.assertIn(part, done.stderr)
        self.assertEqual(self.store.revision, 1)

    def test_documents(self) -> None:
        """Every document of which a part makes no sense is refused by the name of that part."""
        parts: dict[str, dict[str, object]] = {
            "Instancs": {"Instancs": 3},
            "Instances": {"Instances": "3"},
            "-1": {"Instances": -1},
            "10001": {"Instances": 10001},
            "Web..x": {"Name": "Web..x"},
            "'a/b'": {"Group": "a/b"},
            "63": {"Name": "a" * 80},
            "Http.HostName": {"Http": {"HostName": "a b", "ContainerPort": "80"}},
            "Image": {"Container": {"Image": ""}},
            "write an object": {"Container": []},
        }
        for part, change in parts.items():
            self.refused(self.run_line("-stdin", stdin=DOCUMENT | change), part)

    def test_host_names(self) -> None:
        """Nothing that nginx would read as more than a name passes."""
        for name in ("a;b", "a{b", "a\nb", "a b", "", "a,,b", '"a"', "$a"):
            done = self.run_line("-set", "-svc", "web.myapp", "-image", "x", "-http-host", name, "-http-port", "80")
            self.refused(done, "Http.HostName")

    def test_ports(self) -> None:
        """A port is a number from 1 to 65535."""
        for port in ("0", "65536", "x", "-1", "8080 ", ""):
            done = self.run_line("-set", "-svc", "web.myapp", "-image", "x", "-http-host", "a", "-http-port", port)
            self.refused(done, "Http.ContainerPort")

    def test_numbers(self) -> None:
        """A number of instances is a whole number in its range."""
        for number in ("-1", "10001", "x", "1.5", "1_0", "", "9" * 5000):
            self.refused(self.run_line("-set", "-svc", "web.myapp", "-image", "x", "-instances", number), "Instances")

    def test_half_a_definition(self) -> None:
        """What a new service lacks is named."""
        self.refused(self.run_line("-set", "-svc", "web.myapp", "-instances", "3"), "Container.Image is missing")
        self.refused(self.run_line("-set", "-svc", "web.myapp", "-image", ""), "Container.Image")
        self.refused(self.run_line("-set", "-svc", "web.myapp", "-image", "x", "-http-port", "80"), "Http.HostName")

    def test_quotes(self) -> None:
        """A command with a quote too few is refused."""
        self.refused(self.run_line("-set", "-svc", "web.myapp", "-image", "x", "-cmd", "echo 'a"), "-cmd")

    def test_not_utf8(self) -> None:
        """An argument that is not UTF-8, which Python hands over as half characters, is refused."""
        done = self.run_line("-set", "-svc", "web.myapp", "-image", "x", "-cmd", "echo \udcff")
        self.assertEqual((done.status, self.store.revision), (1, 1))

    def test_not_json(self) -> None:
        """JSON cut short, bytes that are none, and nothing at all are refused."""
        for data in (b"", b'{"Name": "web"', b"\xff\xfe", b"null", b"[1]", b"[" * 100_000):
            self.assertEqual(self.run_line("-stdin", stdin=data).status, 1)
        self.assertEqual(self.store.calls, [])

    def test_too_large(self) -> None:
        """Of ten megabytes no more is read than shows that they are too many."""
        data = b'{"Name": "' + b"a" * 10_000_000
        self.refused(self.run_line("-stdin", stdin=data), str(MAX_DOCUMENT))
