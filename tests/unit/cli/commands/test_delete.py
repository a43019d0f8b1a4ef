"""``-del`` and ``delete``: stored definitions are deleted."""

from __future__ import annotations

from daprdockr.model.names import ServiceName
from tests.build.command_line import KEY, DefinitionCase
from tests.build.values import KEYS, named
from tests.fakes.command_line import Outcome, second


class DeleteTests(DefinitionCase):
    """Definitions are deleted."""

    def test_deleted(self) -> None:
        """A definition is gone, silently."""
        self.given()
        self.assertEqual(self.run_line("-del", "-svc", "web.myapp"), Outcome(0, "", ""))
        self.assertIsNone(self.stored())

    def test_json(self) -> None:
        """With -o json it says what it did."""
        self.given()
        done = self.run_line("-del", "-svc", "web.myapp", "-o", "json")
        self.assertEqual(done.json, {"Service": "web.myapp", "Deleted": True})

    def test_told(self) -> None:
        """A deletion is an event with the person in it."""
        self.given()
        self.run_line("-del", "-svc", "web.myapp")
        (told,) = self.run_line("events", "-o", "json").json
        self.assertEqual((told["Subject"], told["Text"]), ("web.myapp", "deleted"))
        self.assertIn("@", told["By"])

    def test_absent(self) -> None:
        """A service that does not exist cannot be deleted, and the exit status is 3."""
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


class GroupTests(DefinitionCase):
    """Services by name, and all of a group."""

    def setUp(self) -> None:
        super().setUp()
        self.given()
        self.store.put(KEYS.service(ServiceName("myapp", "db")), b"garbage")
        self.store.put(KEYS.service(ServiceName("other", "web")), named("web").encode())

    def left(self) -> list[str]:
        return [entry.key.removeprefix(KEYS.services) for entry in self.store.list(KEYS.services).entries]

    def test_group(self) -> None:
        """All of a group are deleted, those that cannot be read too, and no others; each is an event."""
        done = self.run_line("delete", "myapp", "-yes")
        self.assertEqual(done, Outcome(0, "db.myapp is deleted\nweb.myapp is deleted\n", ""))
        self.assertEqual(self.left(), ["other/web"])
        told = [row["Subject"] for row in self.run_line("events", "-o", "json").json]
        self.assertEqual(told, ["db.myapp", "web.myapp"])

    def test_json_of_a_part(self) -> None:
        """A program learns what was deleted before etcd went away."""
        self.store.before = second(lambda: setattr(self.store, "unavailable", True))
        done = self.run_line("delete", "myapp", "-yes", "-o", "json")
        self.assertEqual((done.status, done.json), (1, [{"Service": "db.myapp", "Deleted": True}]))
        self.store.unavailable = False
        self.assertEqual(self.left(), ["myapp/web", "other/web"])

    def test_not_confirmed(self) -> None:
        """Without a terminal nobody is asked, and nothing is deleted; it says what would be."""
        done = self.run_line("delete", "myapp")
        self.assertEqual((done.status, done.stdout), (1, "delete db.myapp\ndelete web.myapp\n"))
        again = "nothing was changed: daprdockrcmd delete myapp -yes deletes 2 services and all containers of them\n"
        self.assertEqual(done.stderr, f"daprdockrcmd: {again}")
        self.assertEqual((self.run_line("delete", "myapp", "-o=json").stdout, len(self.left())), ("", 3))

    def test_services(self) -> None:
        """Services that are named are deleted without a question, each once, and by programs too."""
        done = self.run_line("delete", "web.myapp", "web.other", "web.myapp", "-o", "json")
        self.assertEqual([row["Service"] for row in done.json], ["web.myapp", "web.other"])
        self.assertEqual(self.left(), ["myapp/db"])

    def test_absent(self) -> None:
        """If one does not exist nothing is deleted, and the exit status is 3."""
        for word, said in (("no", "there is no group no: "), ("wbe.myapp", "did you mean web.myapp?")):
            done = self.run_line("delete", "web.other", word, "-yes")
            self.assertEqual((done.status, done.stdout, len(self.left())), (3, "", 3))
            self.assertIn(said, done.stderr)

    def test_wrong(self) -> None:
        """Words that no service and no group can have are wrong usage."""
        for words, said in (
            ([], "delete needs services, as in web.myapp, or groups"),
            (["a.b.c"], "'a.b.c'"),
            (["A"], "group"),
        ):
            done = self.run_line("delete", *words)
            self.assertEqual((done.status, said in done.stderr), (2, True), done.stderr)

    def test_lost_answer(self) -> None:
        """A deletion whose answer was lost is found to have happened, and the others go on."""
        self.store.loses = 1
        self.assertEqual(self.run_line("delete", "myapp", "-yes").status, 0)
        self.assertEqual(self.left(), ["other/web"])
