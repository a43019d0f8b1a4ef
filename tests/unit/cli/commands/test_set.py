"""``-set`` and ``-stdin``: definitions are made and changed, and bad input writes nothing."""

from __future__ import annotations

import json

from daprdockr.cli.stored import ATTEMPTS
from daprdockr.model.reading import MAX_DOCUMENT
from tests.build.command_line import DOCUMENT, KEY, DefinitionCase
from tests.build.values import API, KEYS
from tests.fakes.command_line import Outcome, command_line

HTTP = {"HostName": "demo.test", "ContainerPort": "8080"}


class SetTests(DefinitionCase):
    """Flags are merged over what is stored."""

    def test_empty_stdin(self) -> None:
        """Without anything on stdin nothing is stored, and one line says what belongs there."""
        for given in (b"", b" \n"):
            done = command_line(self.store, "-stdin", stdin=given)
            self.assertEqual((done.status, done.stdout, done.stderr.count("\n")), (1, "", 1))
            self.assertIn("stdin is empty: give it a definition", done.stderr)

    def test_yaml_on_stdin(self) -> None:
        """YAML is answered by the command that takes it."""
        for given in (b"name: web\ngroup: myapp\n", b"# web\nname: web\n", b"---\nname: web\n"):
            done = command_line(self.store, "-stdin", stdin=given)
            self.assertEqual((done.status, done.stdout, done.stderr.count("\n")), (1, "", 1))
            self.assertIn("type daprdockrcmd apply -f -", done.stderr)

    def test_marked(self) -> None:
        """A document may begin with the mark by which editors of Windows know UTF-8, as the files of ``apply`` may."""
        done = command_line(self.store, "-stdin", stdin=b"\xef\xbb\xbf" + json.dumps(DOCUMENT).encode())
        self.assertEqual((0, DOCUMENT), (done.status, self.stored()), done.stderr)

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

    def test_entries(self) -> None:
        """Of several entries of HTTP no flag says which one it changes; all else can be changed."""
        entries = [HTTP, {**HTTP, "Path": "/api", "ContainerPort": "81"}]
        self.given(DOCUMENT | {"Http": entries})
        done = self.run_line("-svc", "web.myapp", "-set", "-instances", "5")
        self.assertEqual((done.json["Instances"], done.json["Http"]), (5, entries))
        for flag, value in (("-http-host", "x.test"), ("-http-port", "80")):
            refused = self.run_line("-svc", "web.myapp", "-set", flag, value)
            said = f"{flag} does not say which of the 2 entries of Http of web.myapp it changes"
            self.assertEqual((refused.status, self.stored()), (1, done.json))
            self.assertIn(said, refused.stderr)

    def test_one_of_a_list(self) -> None:
        """A list with one entry is that entry, which flags change."""
        self.given(DOCUMENT | {"Http": [{**HTTP, "Path": "/api"}]})
        done = self.run_line("-svc", "web.myapp", "-set", "-http-port", "81")
        self.assertEqual(done.json["Http"], {**HTTP, "Path": "/api", "ContainerPort": "81"})

    def test_all_flags(self) -> None:
        """All flags at once make the whole of a definition."""
        flags = ["-image", "x", "-instances", "0", "-cmd", "a", "-http-host", "A.test,*.b.test", "-http-port", "80"]
        done = self.run_line("-set", "-svc", "web.myapp", *flags)
        self.assertEqual(done.json["Http"], {"HostName": "a.test,*.b.test", "ContainerPort": "80"})
        self.assertEqual((done.json["Instances"], done.json["Container"]), (0, {"Cmd": ["a"], "Image": "x"}))

    def test_nothing_new(self) -> None:
        """A definition that is there already is not written again, so that no agent is woken."""
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
        """A command that always comes too late gives up with one line."""
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


class StdinTests(DefinitionCase):
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


class AfterTests(DefinitionCase):
    """``After`` names services that exist, in an order in which all can start."""

    def define(self, service: str, *after: str, group: str = "myapp") -> Outcome:
        document = {"Name": service, "Group": group, "Container": {"Image": "x"}, "After": list(after)}
        return self.run_line("-stdin", stdin=document)

    def test_stored(self) -> None:
        """Names in the same group are stored short, others with their group."""
        self.define("db")
        self.define("cache", group="shared")
        done = self.define("web", "db.myapp", "cache.shared", "db")
        self.assertEqual((done.status, done.json["After"]), (0, ["db", "cache.shared"]))

    def test_unknown(self) -> None:
        """A service that does not exist is refused; one that was deleted since hinders no other change."""
        done = self.define("web", "db")
        said = "daprdockrcmd: After: db.myapp does not exist: define it first, or leave it out\n"
        self.assertEqual((done.status, done.stderr, self.stored()), (1, said, None))
        self.define("db")
        self.define("web", "db")
        self.run_line("-del", "-svc", "db.myapp")
        self.assertEqual(self.run_line("-set", "-svc", "web.myapp", "-image", "y").status, 0)
        self.assertEqual(self.define("web", "db").status, 0)

    def test_circle(self) -> None:
        """Services that would wait for each other are refused, with the way round."""
        self.define("db")
        self.store.put(KEYS.service(API), b"garbage")
        self.define("cache", "db", "api")
        self.define("web", "cache")
        done = self.define("db", "web")
        circle = "db.myapp waits for web.myapp waits for cache.myapp waits for db.myapp"
        said = f"daprdockrcmd: After: {circle}, so that none of them would start: leave one out\n"
        self.assertEqual((done.status, done.stderr), (1, said))

    def test_job(self) -> None:
        """A job waits for nothing, so it may name no service, nor may a service that becomes a job."""
        self.define("db")
        self.define("web", "db")
        for service in ("report", "web"):
            job = {"Name": service, "Group": "myapp", "Container": {"Image": "x"}, "Schedule": {"Once": True}}
            done = self.run_line("-stdin", stdin={**job, "After": ["db"]})
            said = "daprdockrcmd: After does not go with Schedule: leave it out, a job waits for nothing\n"
            self.assertEqual((done.status, done.stderr), (1, said))
        self.store.put(KEYS.service(API), json.dumps({**job, "Name": "api", "After": ["db"]}).encode())
        self.assertEqual(self.run_line("-set", "-svc", str(API), "-image", "y").status, 0)

    def test_itself(self) -> None:
        """A service that waits for itself, a bad name and too many names are refused."""
        many = [f"s{number}" for number in range(17)]
        for after, part in (
            (["web"], "cannot wait for itself"),
            (["A b"], "After[0]: service name 'A b'"),
            (many, "17"),
        ):
            self.assertIn(part, self.define("web", *after).stderr)


class BadInputTests(DefinitionCase):
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
        """Members that a new service lacks are named."""
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
