"""The state directory: one agent at a time, whole files, and garbage that counts as nothing."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from twisted.logger import LogLevel, capturedLogs, formatEvent
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.holder import Holder
from daprdockr.agent.statedir import StateDir
from daprdockr.model.errors import BadInput
from daprdockr.model.stored.entries import Entry, Listing
from daprdockr.process.output import OutputFile
from tests.fakes.guard import orders_on_disk

LISTING = Listing(7, 9, (Entry("/p/a", b"\xff", 3, 4, 77), Entry("/p/b", b"", 3, 4, omitted="too large")))


def garbage(good: dict[str, Any]) -> Iterator[bytes]:
    """Contents that a file may have instead of ``good``, of which all is needed."""
    whole = json.dumps(good).encode()
    yield from (b"", b"{", b"[]", b"{}", b"7", b"null", b"\xff", b"\0" * 100, whole[:-3], whole + b"}")
    yield from (b"[" * 100_000, b'{"Version":' * 100_000, b"[" * 40 + b"]" * 40, b"9" * 10_000, b'{"Version": 99}')
    for name in good:
        bad: tuple[object, ...] = (None, -1, "1", 1.5, 10**400, [[]], {"a": {}}, float("nan"))
        for value in bad:
            yield json.dumps({**good, name: value}).encode()


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
        self.assertEqual(modes, dict.fromkeys(("cluster.json", "lease.json", "lease-copy.json", "lock"), 0o600))

    def test_shared(self) -> None:
        """A directory that others use, such as /etc, is refused before anything in it is touched."""
        path = Path(self.mktemp())
        (path / "nginx").mkdir(parents=True, mode=0o755)
        (path / "passwd").write_text("root")
        path.chmod(0o755)
        (path / "passwd").chmod(0o644)
        error = self.assertRaises(BadInput, StateDir(path).lock)
        self.assertIn("has files that are no agent's, such as 'passwd'", str(error))
        self.assertEqual([at.stat().st_mode & 0o777 for at in (path, path / "passwd")], [0o755, 0o644])
        self.assertEqual(sorted(os.listdir(path)), ["nginx", "passwd"])
        path.chmod(0o700)  # now it is a directory of this user alone
        self.locked(path)

    def test_key_comes_first(self) -> None:
        """The cluster key may lie there before the first agent starts."""
        path = Path(self.mktemp())
        path.mkdir(mode=0o755)
        (path / "cluster.key").write_text("key")
        self.locked(path)

    def test_private_below(self) -> None:
        """So are the directories of nginx, etcd and the guard, and the files in them."""
        path = Path(self.mktemp())
        for name in ("nginx", "etcd", "guard"):
            (path / name).mkdir(parents=True, mode=0o755)
            (path / name / "process.json").write_bytes(b"{}")
            (path / name / "process.json").chmod(0o644)
        self.locked(path)
        for place in path.glob("*/process.json"):
            self.assertEqual([at.stat().st_mode & 0o777 for at in (place, place.parent)], [0o600, 0o700])

    def test_planted(self) -> None:
        """Anything but a file under the name of one is set aside, and no link is followed."""
        victim = Path(self.mktemp()).absolute()
        victim.write_bytes(b"precious")
        victim.chmod(0o644)
        for name in ("lock", "cluster.json", "lease.json", "guard.json", "lease.json.new", "nginx/nginx.pid"):
            path = Path(self.mktemp())
            (path / "nginx").mkdir(parents=True)
            place = path / name
            for plant in (lambda place: place.symlink_to(victim), os.mkfifo, Path.mkdir):
                plant(place)
                self.locked(path).unlock()
                self.assertTrue(os.path.lexists(place.with_name(place.name + ".unreadable")), name)
                self.assertEqual(os.path.lexists(place), name == "lock")
                place.unlink(missing_ok=True)
        self.assertEqual((victim.read_bytes(), victim.stat().st_mode & 0o777), (b"precious", 0o644))

    def test_second_name(self) -> None:
        """A file that has a name elsewhere too is not changed there: not its mode, and not what is in it."""
        names = (
            "lock",
            "cluster.json",
            "lease.json",
            "guard.json.new",
            "other",
            "nginx/error.log",
            "etcd/process.json",
        )
        for name in names:
            victim = Path(self.mktemp()).absolute()
            victim.write_bytes(b"precious")
            victim.chmod(0o644)
            place = Path(self.mktemp()) / name
            place.parent.mkdir(parents=True)
            place.parents[name.count("/")].chmod(0o700)
            place.hardlink_to(victim)
            state = self.locked(place.parents[name.count("/")])
            self.assertRaises(BadInput, StateDir(state.path).lock)
            if name == "nginx/error.log":
                with open(OutputFile(place).open(), "ab") as output:
                    output.write(b", and more")
            self.assertEqual((victim.read_bytes(), victim.stat().st_mode & 0o777), (b"precious", 0o644), name)
            self.assertEqual(place.read_bytes()[:8], b"precious")

    def test_replaceable(self) -> None:
        """A directory below one where any user may replace it is refused, and nothing is made there."""
        open_to_all = Path(self.mktemp()).absolute()
        open_to_all.mkdir()
        open_to_all.chmod(0o777)
        for path in (open_to_all / "state", open_to_all / "deeper" / "state"):
            error = self.assertRaises(BadInput, StateDir(path).lock)
            self.assertIn(f"lies in {open_to_all}, where any user may replace it", str(error))
        self.assertEqual(list(open_to_all.iterdir()), [])

    def test_replaceable_behind_a_link(self) -> None:
        """So is one that a link leads to, for the link is not what would be replaced."""
        open_to_all = Path(self.mktemp()).absolute()
        open_to_all.mkdir()
        open_to_all.chmod(0o777)
        link = Path(self.mktemp())
        link.symlink_to(open_to_all / "state")
        self.assertRaises(BadInput, StateDir(link).lock)

    def test_sticky(self) -> None:
        """A directory like /tmp is good for what is ours, and refused for what somebody else put there before us."""
        if os.geteuid():
            self.skipTest("a file is given away by root alone")
        shared = Path(self.mktemp()).absolute()
        shared.mkdir()
        shared.chmod(0o1777)
        self.locked(shared / "state")
        theirs = shared / "theirs"
        theirs.mkdir()
        os.chown(theirs, 65534, 65534)
        ours = Path(self.mktemp()).absolute()
        ours.mkdir()
        (shared / "link").symlink_to(ours)
        os.lchown(shared / "link", 65534, 65534)
        for path in (theirs, theirs / "state", shared / "link", shared / "link" / "state"):
            error = self.assertRaises(BadInput, StateDir(path).lock)
            self.assertIn("belongs to user 65534", str(error))
        self.assertEqual(list(ours.iterdir()), [])

    def warnings(self, path: Path) -> list[str]:
        with capturedLogs() as logged:
            self.locked(path).unlock()
        return [formatEvent(event) for event in logged if event["log_level"] is LogLevel.warn]

    def test_replaceable_by_some(self) -> None:
        """A directory on the way that another user owns, or a group may write to, is good for one warning."""
        if os.geteuid():
            self.skipTest("a file is given away by root alone")
        above = Path(self.mktemp()).absolute()
        (above / "deeper").mkdir(parents=True)
        path, link = above / "deeper" / "state", Path(self.mktemp()).absolute()
        link.symlink_to(path)
        for user, group, mode, found in (
            (0, 0, 0o775, ""),
            (0, 65534, 0o755, ""),
            (0, 65534, 0o3775, ""),
            (0, 65534, 0o2775, f"group 65534 may write to {above}"),
            (65534, 65534, 0o755, f"{above} belongs to user 65534"),
        ):
            os.chown(above, user, group)
            above.chmod(mode)
            for way in (path, link):
                line = f"others may replace --state-dir {way}, {found}: choose a directory that root, or the agent's "
                self.assertEqual(self.warnings(way), [line + "user, alone may change"] if found else [], (mode, way))

    def test_own_group(self) -> None:
        """A group that has this user alone may write on the way."""
        above = Path(self.mktemp())
        above.mkdir()
        above.chmod(0o775)
        self.assertEqual(self.warnings(above / "state"), [])

    def test_behind_a_link(self) -> None:
        """A link of our own leads to the directory, as one to a larger disk does."""
        elsewhere = Path(self.mktemp()).absolute()
        elsewhere.mkdir()
        link = Path(self.mktemp())
        link.symlink_to(elsewhere)
        self.locked(link)
        self.assertTrue((elsewhere / "lock").exists())

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
        """Letting go of what one does not have is nothing: it makes no directory and takes none from another."""
        path = Path(self.mktemp())
        StateDir(path).unlock()
        self.assertFalse(path.exists())
        former = self.locked(path)
        former.unlock()
        self.locked(path)
        former.unlock()
        self.assertRaises(BadInput, StateDir(path).lock)

    def test_unusable(self) -> None:
        """A directory that cannot be made is refused with one line that names it."""
        file = Path(self.mktemp())
        file.write_bytes(b"")
        error = self.assertRaises(BadInput, StateDir(file / "state").lock)
        self.assertEqual(str(error), f"--state-dir {file / 'state'} cannot be used: Not a directory")


class ListingTests(StateDirCase):
    """The last known state."""

    def test_kept(self) -> None:
        """A listing that was written is read again, by another agent too."""
        self.state.write_listing(LISTING)
        self.assertEqual(StateDir(self.path).read_listing(), LISTING)

    def test_replaced(self) -> None:
        """The newer one takes the place of the older, and nothing else is left in the directory."""
        self.state.write_listing(LISTING)
        self.state.write_listing(Listing(7, 10, ()))
        self.assertEqual(self.state.read_listing(), Listing(7, 10, ()))
        self.assertEqual([file.name for file in self.path.iterdir()], ["cluster.json"])

    def test_interrupted(self) -> None:
        """The unfinished draft of an agent that lost power is ignored, and does not obstruct the next write."""
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
        """A file that cannot be read is set aside, with one line."""
        for content in garbage({"Version": 1, "ClusterId": 7, "Revision": 9, "Entries": [["/p/a", "/w==", 3, 4, 77]]}):
            (self.path / "cluster.json").write_bytes(content)
            with capturedLogs() as logged:
                self.assertIsNone(self.state.read_listing(), content[:80])
            self.assertEqual((len(logged), os.listdir(self.path)), (1, ["cluster.json.unreadable"]))

    def test_any_key(self) -> None:
        """A key that no agent writes, whatever is in it, is kept like the others."""
        listing = Listing(7, 9, tuple(Entry(key, b"", 3, 4) for key in ("/p/\0", "/p/\udcff", "/p/\u2028", "")))
        self.state.write_listing(listing)
        self.assertEqual(self.state.read_listing(), listing)


class GuardTests(StateDirCase):
    """The orders of the guard."""

    def test_kept(self) -> None:
        """The newer ones take the place of the older, and nothing else is left in the directory."""
        self.assertIsNone(orders_on_disk(self.state))
        for orders in (b"1", b"2"):
            self.state.write_guard(orders)
            self.assertEqual(orders_on_disk(self.state), orders)
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

    def test_damaged(self) -> None:
        """A lease of which one file was damaged or lost is still known, and written again where it was."""
        self.state.holder = Holder("a", "/p", "m")
        self.state.write_lease(7)
        written = (self.path / "lease.json").read_bytes()
        changed = [written.replace(old, new) for old, new in ((b": 7", b": 6"), (b'"a"', b'"b"'), (b'Lease"', b'Lea"'))]
        for name in ("lease.json", "lease-copy.json"):
            for content in (b"", b"{", b"[" * 10_000, b'{"Lease":-7}', *changed):
                (self.path / name).write_bytes(content)
                self.assertEqual(self.state.read_lease(), 7, content[:80])
                self.assertEqual((self.path / name).read_bytes(), written)

    def test_older_agent(self) -> None:
        """One that an older agent wrote, without a checksum, is read; and so is one with a member that is not known."""
        for content in (b'{"Lease": 7}', b'{"Lease": 7, "Later": true}'):
            (self.path / "lease.json").write_bytes(content)
            self.assertEqual(self.state.read_lease(), 7)

    def test_garbage(self) -> None:
        """A value that is no lease of etcd's counts as none, and is set aside with one line."""
        values: tuple[object, ...] = (-1, 2**63, 1.5, True, "7001", None, [], {})
        kept = [{"Lease": value} for value in values]
        for content in [*garbage({"Lease": 7}), *(json.dumps(value).encode() for value in kept)]:
            (self.path / "lease.json").write_bytes(content)
            with capturedLogs() as logged:
                self.assertEqual(self.state.read_lease(), 0, content[:80])
            self.assertEqual((len(logged), os.listdir(self.path)), (1, ["lease.json.unreadable"]))
