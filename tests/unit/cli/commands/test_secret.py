"""``secret``: values are sealed, listed and deleted, and nothing shows them."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

from daprdockr.cli.main import main
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.sealed import MAX_VALUE, PublicKey, SealedValue, SecretRecord, bound_to
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.key_file import create_keys, read_keys
from tests.build.command_line import DefinitionCase
from tests.build.stored import events_in
from tests.build.values import KEYS, named
from tests.fakes.command_line import command_line

VALUE = b"correct horse battery staple"


class Terminal(io.BytesIO):
    def isatty(self) -> bool:
        return True


class SecretCase(DefinitionCase):
    def setUp(self) -> None:
        super().setUp()
        folder = Path(self.mktemp())
        folder.mkdir()
        self.file = folder / "cluster.key"

    def record(self, name: str = "password") -> SecretRecord | None:
        entry = self.store.get(KEYS.secret(name))
        return None if entry is None else SecretRecord.decode(entry.value)

    def opened(self, name: str = "password") -> bytes:
        entry, record = self.store.get(KEYS.sealed_secret(name)), self.record(name)
        assert entry is not None and record is not None
        sealed = SealedValue.decode(entry.value)
        self.assertEqual((sealed.key, sealed.stamp), (record.key, record.stamp))
        (key,) = (key for key in read_keys(self.file) if key.public.id == record.key)
        return key.open(sealed.sealed, bound_to(name, record.stamp))

    def everything(self) -> bytes:
        return b"".join(entry.value for entry in self.store.list("/").entries)


class KeyTests(SecretCase):
    def test_made(self) -> None:
        """The private key is in the file and nowhere else, the public one in etcd; it says what to do with it."""
        done = self.run_line("secret", "key", str(self.file))
        self.assertEqual((done.status, done.stderr), (0, ""))
        self.assertIn("as cluster.key in the agent's state directory, or to where --cluster-key says", done.stdout)
        (key,) = read_keys(self.file)
        entry = self.store.get(KEYS.public_key)
        assert entry is not None
        self.assertEqual(PublicKey.decode(entry.value), key.public)
        self.assertNotIn(self.file.read_text().split("daprdockr-key:")[1].strip(), done.stdout)

    def test_again(self) -> None:
        """The same file once more changes nothing, nor does it after a command that was cut off in between."""
        self.run_line("secret", "key", str(self.file))
        before = self.file.read_bytes()
        self.assertIn(f"{self.file} is the key", self.run_line("secret", "key", str(self.file)).stdout)
        self.store = type(self.store)()
        done = self.run_line("secret", "key", str(self.file), "-o", "json").json
        self.assertEqual((done["New"], self.file.read_bytes()), (False, before))
        entry = self.store.get(KEYS.public_key)
        assert entry is not None
        self.assertEqual(PublicKey.decode(entry.value).id, done["Key"])

    def test_another(self) -> None:
        """A cluster that has a key gets no second one: neither a new file nor one of another cluster."""
        self.run_line("secret", "key", str(self.file))
        self.store.put(KEYS.node("a"), NodeRecord(keys=(self.present().id,)).encode(), self.store.lease)
        other = self.file.with_name("other.key")
        done = self.run_line("secret", "key", str(other))
        self.assertEqual((done.status, other.exists()), (1, False))
        self.assertIn("already: copy its file from a node", done.stderr)
        create_keys(other, (PrivateKey.generate(),))
        done = self.run_line("secret", "key", str(other))
        self.assertEqual(done.status, 1)
        self.assertIn("is not the key of this cluster", done.stderr)

    def test_lost(self) -> None:
        """A key that no node has is replaced by a new one, or by that of another file, if the person insists."""
        self.run_line("secret", "key", str(self.file))
        former, other = self.present(), self.file.with_name("other.key")
        done = self.run_line("secret", "key", str(other))
        self.assertEqual((done.status, done.stderr.count("\n"), other.exists()), (1, 1, False))
        self.assertIn("add -yes", done.stderr)
        done = self.run_line("secret", "key", str(other), "-yes")
        self.assertEqual((done.status, done.stderr), (0, ""))
        self.assertIn("set each secret", done.stdout)
        (key,) = read_keys(other)
        self.assertEqual(self.present(), key.public)
        done = self.run_line("secret", "key", str(self.file), "-yes", "-o", "json").json
        self.assertEqual((done["Key"], done["Former"], self.present()), (former.id, key.public.id, former))
        done = self.run_line("secret", "key", str(self.file), "-yes")
        self.assertNotIn("set each secret", done.stdout)
        events = events_in(self.store)
        lost = sorted(event.text.partition(",")[0] for event in events if event.subject == "cluster key")
        self.assertEqual(lost, sorted(f"{one.id} was lost" for one in (former, key.public)))

    def test_account_lost(self) -> None:
        """The account at an ACME server goes with the key that opened it; one that can be opened, or is none, stays."""
        self.run_line("secret", "key", str(self.file))
        former, place = self.present(), KEYS.renewing + "account"
        for number, (value, stays) in enumerate(
            (
                (SealedValue(former.id, "acme", b"x" * 80).encode(), False),
                (SealedValue(former.id, "acme", b"x" * 80).encode(), True),
                (b"of a newer version", True),
            )
        ):
            self.store.put(place, value)
            other = self.file.with_name(f"{number}.key")
            if number == 1:
                create_keys(other, (PrivateKey.generate(), *read_keys(self.file)))
                self.store.put(KEYS.public_key, PrivateKey.generate().public.encode())
            self.assertEqual(self.run_line("secret", "key", str(other), "-yes").status, 0)
            self.assertEqual(self.store.get(place) is not None, stays, number)

    def test_not_lost(self) -> None:
        """A key that a node has is not replaced: it can be copied from there."""
        self.run_line("secret", "key", str(self.file))
        before, other = self.present(), self.file.with_name("other.key")
        for node in ("a", "b"):
            record = NodeRecord(keys=(before.id,)).encode()
            self.store.put(KEYS.node(node), record, self.store.lease)
        for _ in range(2):
            done = self.run_line("secret", "key", str(other), "-yes")
            self.assertEqual((done.status, self.present()), (1, before))
            self.assertIn("copy its file from a node that has it: a, b", done.stderr)
            if not other.exists():
                create_keys(other, (PrivateKey.generate(),))

    def present(self) -> PublicKey:
        entry = self.store.get(KEYS.public_key)
        assert entry is not None
        return PublicKey.decode(entry.value)

    def test_race(self) -> None:
        """Of two operators who make a key at the same time one is refused."""

        def another() -> None:
            self.store.put(KEYS.public_key, PrivateKey.generate().public.encode())

        self.store.before = another
        done = self.run_line("secret", "key", str(self.file))
        self.assertEqual(done.status, 1)
        self.assertIn("is not the key of this cluster", done.stderr)


class SecretTests(SecretCase):
    def setUp(self) -> None:
        super().setUp()
        self.run_line("secret", "key", str(self.file))

    def test_set(self) -> None:
        """The value is sealed as it is, from stdin or a file; etcd, output and events do not show it."""
        value = self.file.with_name("value")
        value.write_bytes(VALUE + b"\n")
        for words, stdin, expected in (
            (("password",), VALUE, VALUE),
            (("password", "-"), b"\0\xff", b"\0\xff"),
            (("password", str(value)), b"", VALUE + b"\n"),
        ):
            done = self.run_line("secret", "set", *words, stdin=stdin)
            self.assertEqual((done.status, done.stderr), (0, ""))
            self.assertEqual(self.opened(), expected)
            self.assertNotIn(VALUE, done.stdout.encode() + self.everything())
        record = self.record()
        assert record is not None
        self.assertEqual((record.revision, record.size), (3, len(VALUE) + 1))
        events = self.run_line("events", "-o", "json").json
        self.assertEqual([one["Subject"] for one in events], ["secret password"] * 3)

    def test_stamped(self) -> None:
        """The same value set again has another stamp, because nobody can compare it."""
        self.run_line("secret", "set", "password", stdin=VALUE)
        before = self.record()
        self.run_line("secret", "set", "password", stdin=VALUE)
        after = self.record()
        assert before is not None and after is not None
        self.assertNotEqual(before.stamp, after.stamp)

    def test_largest(self) -> None:
        """64 KiB fit; one byte more, or nothing at all, is refused."""
        self.assertEqual(self.run_line("secret", "set", "big", stdin=b"x" * MAX_VALUE).status, 0)
        for value, said in ((b"x" * (MAX_VALUE + 1), "larger than 64 KiB"), (b"", "is empty")):
            done = self.run_line("secret", "set", "password", stdin=value)
            self.assertEqual((done.status, self.record()), (1, None))
            self.assertIn(said, done.stderr)

    def test_terminal(self) -> None:
        """A value is not asked for where it would be shown."""
        out = io.StringIO()
        words = ("secret", "set", "password")
        self.assertEqual(main(words, {}, Terminal(VALUE), out, out, lambda access: self.store), 1)
        self.assertIn("a terminal would show", out.getvalue())

    def test_usage(self) -> None:
        """A wrong command line is one line that says what is missing."""
        for words, said in (
            ((), "needs to know what to do"),
            (("show", "x"), "is not what secret can do"),
            (("set",), "needs the name of a secret"),
            (("key",), "needs the name of a file"),
            (("set", "password", "file", "more"), "on stdin, or in a file"),
            (("rm", "a/b"), "secret name"),
            (("ls", "x"), "leave it out"),
            (("ls", "-yes"), "-yes has no use"),
        ):
            done = self.run_line("secret", *words)
            self.assertEqual((done.status, done.stderr.count("\n")), (2, 1), words)
            self.assertIn(said, done.stderr)
        done = self.run_line("secret", "set", "password", "/nowhere")
        self.assertEqual(done.status, 1)
        self.assertIn("cannot be read: No such file", done.stderr)

    def test_no_key(self) -> None:
        """Nothing is stored unsealed where there is no key, or none that can be used."""
        for present in (None, b"{}"):
            self.store = type(self.store)()
            if present is not None:
                self.store.put(KEYS.public_key, present)
            done = self.run_line("secret", "set", "password", stdin=VALUE)
            self.assertEqual((done.status, self.record()), (1, None))
            self.assertIn("key", done.stderr)

    def test_key_replaced(self) -> None:
        """A value that was sealed to a key that is replaced at that moment is sealed again, to the new one."""
        other = PrivateKey.generate()

        def replace() -> None:
            self.store.before = lambda: None
            self.store.put(KEYS.public_key, other.public.encode())

        self.store.before = replace
        self.assertEqual(self.run_line("secret", "set", "password", stdin=VALUE).status, 0)
        record = self.record()
        self.assertEqual(record and record.key, other.public.id)

    def test_lost_answer(self) -> None:
        """A write whose answer was lost counts once."""
        self.store.loses = 1
        done = self.run_line("secret", "set", "password", "-o", "json", stdin=VALUE)
        self.assertEqual((done.status, done.json), (0, {"Name": "password", "Revision": 1}))

    def test_listed(self) -> None:
        """The list has everything but the values; one that a newer version wrote is in it."""
        command_line(self.store, "secret", "set", "password", stdin=VALUE, environment={"SUDO_USER": "anna"})
        self.store.put(KEYS.secret("newer"), b"{}")
        newer, known = self.run_line("secret", "ls", "-o", "json").json
        self.assertEqual((newer["Name"], newer["Revision"]), ("newer", 0))
        self.assertEqual((known["Revision"], known["Size"]), (1, len(VALUE)))
        self.assertEqual(known["By"], f"anna@{os.uname().nodename}")
        table = self.run_line("secret", "ls").stdout
        self.assertIn("unreadable", table)
        self.assertNotIn(VALUE.decode(), table + json.dumps(known))

    def test_users(self) -> None:
        """The list names the services that use a secret, and secrets that they use and nobody set."""
        self.run_line("secret", "set", "password", stdin=VALUE)
        for name, secrets in (("web", ["password", "token"]), ("api", ["password"])):
            using = named(name, Secrets=[{"Name": secret} for secret in secrets])
            self.store.put(KEYS.service(using.name), using.encode())
        password, token = self.run_line("secret", "ls", "-o", "json").json
        self.assertEqual((password["Users"], password["Set"]), (["api.myapp", "web.myapp"], True))
        self.assertEqual((token["Name"], token["Users"], token["Set"]), ("token", ["web.myapp"], False))
        self.assertIn("not set", self.run_line("secret", "ls").stdout)

    def test_in_use(self) -> None:
        """A secret that services use is deleted only if the person insists."""
        self.run_line("secret", "set", "password", stdin=VALUE)
        using = named("web", Secrets=[{"Name": "password"}])
        self.store.put(KEYS.service(using.name), using.encode())
        done = self.run_line("secret", "rm", "password")
        self.assertEqual((done.status, done.stderr.count("\n")), (1, 1))
        self.assertIn("is used by web.myapp", done.stderr)
        self.assertIsNotNone(self.record())
        self.assertEqual(self.run_line("secret", "rm", "password", "-yes").status, 0)
        self.assertIsNone(self.record())
        self.assertEqual(self.run_line("secret", "rm", "password").status, 3)

    def test_perhaps_in_use(self) -> None:
        """One that may be used by a definition that a newer version stored is kept, too."""
        self.run_line("secret", "set", "password", stdin=VALUE)
        self.store.put(KEYS.service(named("web").name), b'{"Name": "web", "Sealed": ["password"]}')
        self.store.put(KEYS.services + "myapp/a b", b'{"Name": "a b", "Secrets": [{"Name": "password"}]}')
        done = self.run_line("secret", "rm", "password")
        self.assertEqual((done.status, done.stderr.count("\n")), (1, 1))
        self.assertIn("may be used by a b.myapp, web.myapp, which this version cannot read", done.stderr)
        self.assertIsNotNone(self.record())
        self.assertEqual(self.run_line("secret", "rm", "password", "-yes").status, 0)

    def test_not_in_an_unreadable_one(self) -> None:
        """A definition that cannot be read, and does not name it, keeps no secret."""
        self.run_line("secret", "set", "password", stdin=VALUE)
        self.store.put(KEYS.service(named("web").name), b'{"Name": "web", "Sealed": ["password-of-db"]}')
        self.assertEqual(self.run_line("secret", "rm", "password").status, 0)

    def test_deleted(self) -> None:
        """Record and sealed value go together; one that does not exist is status 3."""
        self.run_line("secret", "set", "password", stdin=VALUE)
        self.assertEqual(self.run_line("secret", "rm", "password").stdout, "secret password is deleted\n")
        self.assertEqual((self.record(), self.store.get(KEYS.sealed_secret("password"))), (None, None))
        done = self.run_line("secret", "rm", "password")
        self.assertEqual((done.status, done.stderr.count("\n")), (3, 1))
