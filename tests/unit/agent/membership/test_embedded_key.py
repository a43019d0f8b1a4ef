"""The cluster key of a private etcd."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.membership.embedded_key import INTERVAL, EmbeddedKey
from daprdockr.model.stored.sealed import PublicKey
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.key_file import create_keys, read_keys
from tests.build.values import KEYS
from tests.fakes.command_line import command_line
from tests.fakes.log_lines import LogLines
from tests.fakes.run import LoopClock, run_at_once
from tests.fakes.store import MemoryStore


class EmbeddedKeyTests(SynchronousTestCase):
    """``EmbeddedKey``."""

    def setUp(self) -> None:
        self.store = MemoryStore()
        self.clock = LoopClock()
        self.lines = LogLines(self)
        self.path = Path(self.mktemp())

    def start(self) -> None:
        made = EmbeddedKey(reactor=self.clock, run=run_at_once, store=self.store, place=KEYS.public_key, path=self.path)
        made.startService()
        self.addCleanup(made.stopService)

    @property
    def public(self) -> PublicKey | None:
        entry = self.store.get(KEYS.public_key)
        return None if entry is None else PublicKey.decode(entry.value)

    def test_made(self) -> None:
        """The key is made once etcd answers, in a file that only its owner can read; a person can set secrets then."""
        self.store.unavailable = True
        self.start()
        self.assertFalse(self.path.exists())
        self.store.unavailable = False
        self.clock.advance(INTERVAL)
        (key,) = read_keys(self.path)
        self.assertEqual((self.public, self.path.stat().st_mode & 0o777), (key.public, 0o600))
        self.assertEqual(command_line(self.store, "secret", "set", "password", stdin=b"x").status, 0)
        self.clock.advance(9 * INTERVAL)
        self.assertEqual((read_keys(self.path), len(self.lines("made the cluster key"))), ((key,), 1))

    def test_there(self) -> None:
        """A key that a person has made stays the only one."""
        other = PrivateKey.generate().public
        self.store.put(KEYS.public_key, other.encode())
        self.start()
        self.assertEqual((self.public, self.path.exists()), (other, False))

    def test_file(self) -> None:
        """A file that is there already, as after the data of etcd was lost, is the key again."""
        key = PrivateKey.generate()
        create_keys(self.path, (key,))
        self.start()
        self.assertEqual((self.public, read_keys(self.path)), (key.public, (key,)))

    def test_not_usable(self) -> None:
        """A file that is no key is not replaced, and reported once."""
        self.path.write_bytes(b"something else")
        self.start()
        self.clock.advance(3 * INTERVAL)
        self.assertEqual((self.public, self.path.read_bytes()), (None, b"something else"))
        self.assertEqual(len(self.lines("no secret can be set")), 1)
