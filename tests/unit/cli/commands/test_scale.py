"""``scale``: the numbers of instances of several services, each changed for itself."""

from __future__ import annotations

import json

from tests.build.command_line import DOCUMENT, DefinitionCase
from tests.build.values import API, KEYS, named
from tests.fakes.command_line import second


class ScaleTests(DefinitionCase):
    def test_several(self) -> None:
        """Each gets its number and its line; nothing else of it changes."""
        self.given()
        self.store.put(KEYS.service(API), named("api", 4).encode())
        done = self.run_line("scale", "web.myapp=1", "api.myapp=0")
        said = "web.myapp: 1 instance, 2 before\napi.myapp: 0 instances, 4 before\n"
        self.assertEqual((done.status, done.stdout, done.stderr), (0, said, ""))
        self.assertEqual(self.stored(), DOCUMENT | {"Instances": 1})

    def test_json(self) -> None:
        """A program gets the numbers now and before."""
        self.given()
        done = self.run_line("scale", "web.myapp=7", "-o", "json")
        self.assertEqual(json.loads(done.stdout), [{"Service": "web.myapp", "Instances": 7, "Before": 2}])

    def test_one_absent(self) -> None:
        """If one of them does not exist, whichever it is, nothing is changed, and the exit status is 3."""
        self.given()
        done = self.run_line("scale", "web.myapp=3", "api.myapp=1")
        self.assertEqual((done.status, done.stdout), (3, ""))
        self.assertEqual(done.stderr, "daprdockrcmd: api.myapp does not exist: daprdockrcmd status lists all\n")
        self.assertEqual(self.stored(), DOCUMENT)

    def test_one_broken(self) -> None:
        """Of different failures each has its line, and the one that a person has to mend gives the exit status."""
        self.store.put(KEYS.service(API), b"garbage")
        done = self.run_line("scale", "web.myapp=1", "api.myapp=3")
        self.assertEqual((done.status, done.stdout, len(done.stderr.splitlines())), (1, "", 2))

    def test_as_before(self) -> None:
        """A number that a service has already changes nothing."""
        self.given()
        revision = self.store.revision
        self.assertEqual(self.run_line("scale", "web.myapp=2").stdout, "web.myapp: 2 instances, 2 before\n")
        self.assertEqual(self.store.revision - revision, 0)

    def test_lost_answer(self) -> None:
        """A change whose answer was lost is shown as what it was."""
        self.given()
        self.store.loses = 1
        self.assertEqual(self.run_line("scale", "web.myapp=9").stdout, "web.myapp: 9 instances, 2 before\n")

    def test_etcd_away(self) -> None:
        """Without etcd it says so once."""
        self.store.unavailable = True
        done = self.run_line("scale", "web.myapp=9", "api.myapp=1")
        self.assertEqual((done.status, len(done.stderr.splitlines())), (1, 1))

    def test_json_of_a_part(self) -> None:
        """A program learns what was done before etcd went away."""
        self.given()
        self.store.put(KEYS.service(API), named("api", 4).encode())
        self.store.before = second(lambda: setattr(self.store, "unavailable", True))
        done = self.run_line("scale", "web.myapp=7", "api.myapp=1", "-o", "json")
        self.assertEqual((done.status, done.json), (1, [{"Service": "web.myapp", "Instances": 7, "Before": 2}]))
