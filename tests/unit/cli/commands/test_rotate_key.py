"""``secret rotate-key``: the cluster key is replaced in two runs, and no secret is lost."""

from __future__ import annotations

from pathlib import Path

from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.renewal import bound_to_renewer
from daprdockr.model.stored.sealed import PublicKey, SealedValue, SecretRecord, bound_to
from daprdockr.sealing.boxes import PrivateKey, seal
from daprdockr.sealing.key_file import create_keys, read_keys
from tests.build.command_line import DefinitionCase
from tests.build.values import KEYS
from tests.fakes.command_line import Outcome

VALUES = {"password": b"hunter2", "token": b"\0\xff"}


class RotateTests(DefinitionCase):
    def setUp(self) -> None:
        super().setUp()
        folder = Path(self.mktemp())
        folder.mkdir()
        self.file = folder / "cluster.key"
        self.run_line("secret", "key", str(self.file))
        for name, value in VALUES.items():
            self.run_line("secret", "set", name, stdin=value)
        (self.first,) = read_keys(self.file)

    def rotate(self, *words: str) -> Outcome:
        return self.run_line("secret", "rotate-key", str(self.file), *words)

    def record(self, name: str) -> SecretRecord:
        entry = self.store.get(KEYS.secret(name))
        assert entry is not None
        return SecretRecord.decode(entry.value)

    def opened(self, key: PrivateKey) -> dict[str, bytes]:
        found = {}
        for name in VALUES:
            entry = self.store.get(KEYS.sealed_secret(name))
            assert entry is not None
            value = SealedValue.decode(entry.value)
            self.assertEqual((value.key, value.stamp), (key.public.id, self.record(name).stamp))
            found[name] = key.open(value.sealed, bound_to(name, value.stamp))
        return found

    @property
    def present(self) -> PublicKey:
        entry = self.store.get(KEYS.public_key)
        assert entry is not None
        return PublicKey.decode(entry.value)

    def test_rotated(self) -> None:
        """The first run changes the file alone; the second one seals all again, with the same stamps."""
        before = {name: self.record(name) for name in VALUES}
        self.assertIn("copy the file to all nodes", self.rotate().stdout)
        new, old = read_keys(self.file)
        self.assertEqual((old, self.present), (self.first, old.public))
        self.assertEqual(self.opened(old), VALUES)
        self.assertEqual(self.file.stat().st_mode & 0o777, 0o600)
        self.assertIn("2 values were sealed", self.rotate().stdout)
        self.assertEqual((self.present, self.opened(new)), (new.public, VALUES))
        for name, record in before.items():
            self.assertEqual((self.record(name).stamp, self.record(name).revision), (record.stamp, record.revision))

    def test_third_run(self) -> None:
        """A run after the second changes nothing, until a person asks for another rotation, or deletes the old key."""
        self.rotate()
        self.rotate()
        new, old = read_keys(self.file)
        for _ in range(2):
            done = self.rotate()
            self.assertEqual((done.status, read_keys(self.file)), (0, (new, old)))
            self.assertIn("all is done", done.stdout)
        done = self.rotate("-o", "json")
        self.assertEqual((done.json["Added"], done.json["Sealed"], done.json["Done"]), (False, 0, False))
        self.assertTrue(self.rotate("-yes", "-o", "json").json["Added"])
        self.file.unlink()
        create_keys(self.file, (new,))
        self.assertTrue(self.rotate("-o", "json").json["Added"])

    def test_renewer(self) -> None:
        """The account and the orders of the renewer of certificates are sealed again with the rest."""
        places = {"account": b"an account", "orders/a.test": b"an order"}
        for place, value in places.items():
            sealed = SealedValue(self.first.public.id, "acme", seal(self.first.public, value, bound_to_renewer(place)))
            self.store.put(KEYS.renewing + place, sealed.encode())
        self.store.put(KEYS.renewer, b"n1")
        self.rotate()
        self.assertEqual(self.rotate("-o", "json").json["Sealed"], len(VALUES) + len(places))
        new, _ = read_keys(self.file)
        for place, value in places.items():
            entry = self.store.get(KEYS.renewing + place)
            assert entry is not None
            found = SealedValue.decode(entry.value)
            self.assertEqual((found.key, new.open(found.sealed, bound_to_renewer(place))), (new.public.id, value))
        self.assertIn("all is done", self.rotate().stdout)

    def test_renewer_late(self) -> None:
        """An order that was sealed to the former key in the meantime is found by one more run."""
        self.rotate()
        self.rotate()
        new, old = read_keys(self.file)
        late = SealedValue(old.public.id, "acme", seal(old.public, b"an order", bound_to_renewer("orders/b.test")))
        self.store.put(KEYS.renewing + "orders/b.test", late.encode())
        self.assertEqual(self.rotate("-o", "json").json["Sealed"], 1)
        entry = self.store.get(KEYS.renewing + "orders/b.test")
        assert entry is not None
        self.assertEqual(SealedValue.decode(entry.value).key, new.public.id)

    def test_one(self) -> None:
        """One secret is one secret."""
        self.run_line("secret", "rm", "token")
        self.rotate()
        self.assertIn("1 value was sealed to it again", self.rotate().stdout)

    def test_not_copied(self) -> None:
        """The cluster does not use a key that a node does not have; one without any key does not count."""
        self.rotate()
        new, old = read_keys(self.file)
        self.store.put(KEYS.node("n1"), NodeRecord(keys=(old.public.id,)).encode(), self.store.lease)
        self.store.put(KEYS.node("n2"), NodeRecord().encode(), self.store.lease)
        done = self.rotate()
        self.assertEqual((done.status, done.stderr.count("\n"), self.present), (1, 1, old.public))
        self.assertIn("n1 lacks the new key", done.stderr)
        self.assertEqual(self.rotate("-yes").status, 0)
        self.assertEqual(self.opened(new), VALUES)

    def test_interrupted(self) -> None:
        """A run that ended after some secrets goes on with the others, and makes no third key."""
        self.rotate()
        new, old = read_keys(self.file)
        commits = iter(range(9))

        def fail() -> None:
            if next(commits) == 2:
                raise KeyboardInterrupt

        self.store.before = fail
        self.assertNotEqual(self.rotate().status, 0)
        self.assertEqual({self.record(name).key for name in VALUES}, {new.public.id, old.public.id})
        self.store.before = lambda: None
        self.assertEqual(self.rotate("-o", "json").json["Sealed"], 1)
        self.assertEqual((self.opened(new), len(read_keys(self.file))), (VALUES, 2))

    def test_damaged(self) -> None:
        """A value that cannot be opened is named, with what to do, and holds no other one back."""
        places = {KEYS.sealed_secret("password"), KEYS.renewing + "account"}
        lost = SealedValue("0badc0de0badc0de", "acme", b"x" * 60).encode()
        for damaged, reason in (
            (b"no JSON", "not JSON"),
            (SealedValue(self.first.public.id, "0", b"x" * 60).encode(), "the sealed value is damaged"),
            (lost, "it is sealed to key 0badc0de0badc0de, which is not in"),
        ):
            self.rotate("-yes")
            for place in places:
                self.store.put(place, damaged)
            done, newest = self.rotate(), read_keys(self.file)[0].public
            self.assertEqual((done.status, done.stderr.count("\n")), (1, 1))
            self.assertIn(f"secret password cannot be sealed again, {reason}", done.stderr)
            self.assertIn(": set it again", done.stderr)
            self.assertEqual((self.present, self.record("token").key), (newest, newest.id))
            self.run_line("secret", "set", "password", stdin=VALUES["password"])
            self.store.commit([], [Delete(KEYS.renewing + "account")])
        self.store.put(KEYS.renewing + "account", lost)
        self.assertRegex(self.rotate().stderr, "acme/account cannot be sealed again, .*: delete it in etcd")

    def test_many_damaged(self) -> None:
        """Of very many such values the line names some, and says how many more there are."""
        for number in range(9):
            self.run_line("secret", "set", f"s{number}", stdin=b"x")
            self.store.put(KEYS.sealed_secret(f"s{number}"), b"no JSON")
        self.rotate()
        said = self.rotate().stderr
        self.assertEqual((said.count("cannot be sealed again"), said.count("\n")), (5, 1))
        self.assertIn("and so for 4 more", said)

    def test_damaged_public_key(self) -> None:
        """A public key that cannot be read is reported with what to do, which helps."""
        self.store.put(KEYS.public_key, b"no JSON")
        for done in (self.rotate(), self.run_line("secret", "set", "password", stdin=b"x")):
            self.assertEqual(done.status, 1)
            self.assertIn("the public key in etcd is not usable (not JSON", done.stderr)
            self.assertIn(f"delete {KEYS.public_key}, then daprdockrcmd secret key FILE", done.stderr)
        self.store.commit([], [Delete(KEYS.public_key)])
        self.assertEqual(self.run_line("secret", "key", str(self.file)).status, 0)
        self.assertEqual(self.present, self.first.public)

    def test_other_file(self) -> None:
        """A file that does not have the cluster's key, and a cluster that has none, are refused."""
        other = self.file.with_name("other.key")
        create_keys(other, (PrivateKey.generate(),))
        done = self.run_line("secret", "rotate-key", str(other))
        self.assertEqual((done.status, done.stderr.count("\n")), (1, 1))
        self.assertIn("does not have the key of this cluster", done.stderr)
        self.store = type(self.store)()
        self.assertIn("there is no cluster key yet", self.rotate().stderr)
