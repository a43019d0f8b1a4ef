"""The state directory: one agent at a time, whole files, and garbage that counts as nothing."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.statedir import StateDir
from daprdockr.model.entries import Entry, Listing
from daprdockr.model.errors import BadInput

LISTING = Listing(7, 9, (Entry("/p/a", b"\xff", 3, 4, 77), Entry("/p/b", b"", 3, 4, omitted="too large")))


class StateDirCase(SynchronousTestCase):
    """A state directory that exists."""

    def setUp(self) -> None:
        self.path = Path(self.mktemp())
        self.path.mkdir(parents=True)
        self.state = StateDir(self.path)


class LockTests(SynchronousTestCase):
    """One agent at a time."""

    def locked(self, path: Path) -> StateDir:
        state = StateDir(path)
        state.lock()
        self.addCleanup(state.unlock)
        return state

    def test_made(self) -> None:
        """The directory is made with all above it."""
        path = Path(self.mktemp()) / "a" / "b"
        self.locked(path)
        self.assertTrue(path.is_dir())

    def test_private(self) -> None:
        """Directory and files are the owner's alone; what an older agent left open is closed at start."""
        path = Path(self.mktemp())
        path.mkdir(mode=0o755)
        left = path / "cluster.json"
        left.write_bytes(b"{}")
        left.chmod(0o644)
        state = self.locked(path)
        state.write_lease(7)
        modes = {file.name: file.stat().st_mode & 0o777 for file in path.iterdir()}
        self.assertEqual(path.stat().st_mode & 0o777, 0o700)
        self.assertEqual(modes, {"cluster.json": 0o600, "lease.json": 0o600, "lock": 0o600})

    def test_planted_lock(self) -> None:
        """A link in place of the lock is refused, not followed."""
        path = Path(self.mktemp())
        path.mkdir()
        (path / "lock").symlink_to(Path(self.mktemp()).resolve())
        self.assertRaises(BadInput, StateDir(path).lock)

    def test_second(self) -> None:
        """A second agent is refused with one line that names the option and the directory."""
        path = Path(self.mktemp())
        self.locked(path)
        error = self.assertRaises(BadInput, StateDir(path).lock)
        self.assertEqual(str(error), f"--state-dir {path} is in use by another agent: give each its own")

    def test_next(self) -> None:
        """The directory is free when the agent that had it let go of it."""
        path = Path(self.mktemp())
        self.locked(path).unlock()
        self.locked(path)

    def test_unlock_twice(self) -> None:
        """Letting go of what one does not have is nothing."""
        StateDir(Path(self.mktemp())).unlock()

    def test_unusable(self) -> None:
        """A directory that can not be made is refused with one line that names it."""
        file = Path(self.mktemp())
        file.write_bytes(b"")
        error = self.assertRaises(BadInput, StateDir(file / "state").lock)
        self.assertEqual(str(error), f"--state-dir {file / 'state'} can not be used: Not a directory")


class ListingTests(StateDirCase):
    """The last known state."""

    def test_kept(self) -> None:
        """What was written is read again, by another agent too."""
        self.state.write_listing(LISTING)
        self.assertEqual(StateDir(self.path).read_listing(), LISTING)

    def test_replaced(self) -> None:
        """The newer one takes the place of the older, and nothing else is left in the directory."""
        self.state.write_listing(LISTING)
        self.state.write_listing(Listing(7, 10, ()))
        self.assertEqual(self.state.read_listing(), Listing(7, 10, ()))
        self.assertEqual([file.name for file in self.path.iterdir()], ["cluster.json"])

    def test_interrupted(self) -> None:
        """What an agent had written of a new state when the power went is ignored, and in nobody's way."""
        self.state.write_listing(LISTING)
        (self.path / "cluster.json.new").write_bytes(b'{"Version"')
        self.assertEqual(self.state.read_listing(), LISTING)
        self.state.write_listing(Listing(7, 10, ()))
        self.assertEqual(self.state.read_listing(), Listing(7, 10, ()))

    def test_none(self) -> None:
        """A new directory has none, which is nothing to warn of."""
        with capturedLogs() as logged:
            self.assertIsNone(self.state.read_listing())
        self.assertEqual(logged, [])

    def test_garbage(self) -> None:
        """What can not be read counts as not there, with a warning."""
        for content in (b"", b"{", b"[]", b'{"Version": 99}', b"\xff", b"[" * 100_000):
            (self.path / "cluster.json").write_bytes(content)
            with capturedLogs() as logged:
                self.assertIsNone(self.state.read_listing())
            self.assertEqual([event["log_format"] for event in logged], ["the last known state is not used: {reason}"])


class GuardTests(StateDirCase):
    """The orders of the guard."""

    def test_kept(self) -> None:
        """The newer ones take the place of the older, and nothing else is left in the directory."""
        self.assertIsNone(self.state.read_guard())
        for orders in (b"1", b"2"):
            self.state.write_guard(orders)
            self.assertEqual(self.state.read_guard(), orders)
        self.assertEqual([file.name for file in self.path.iterdir()], ["guard.json"])


class LeaseTests(StateDirCase):
    """The lease."""

    def test_kept(self) -> None:
        """A lease is read again, however large."""
        for lease in (7001, 2**63 - 1):
            self.state.write_lease(lease)
            self.assertEqual(StateDir(self.path).read_lease(), lease)

    def test_none(self) -> None:
        """A new directory has none."""
        self.assertEqual(self.state.read_lease(), 0)

    def test_garbage(self) -> None:
        """What is no lease that etcd could have given counts as none."""
        values: tuple[object, ...] = (-1, 2**63, 1.5, True, "7001", None, [], {})
        for value in values:
            (self.path / "lease.json").write_text(json.dumps({"Lease": value}))
            self.assertEqual(self.state.read_lease(), 0, value)
        for content in (b"", b"{", b"[]", b"{}", b"7", b"\xff", b"[" * 100_000):
            (self.path / "lease.json").write_bytes(content)
            self.assertEqual(self.state.read_lease(), 0, content[:10])
