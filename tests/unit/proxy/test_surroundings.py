"""The settings with which nginx can run on this machine."""

from __future__ import annotations

import os
import pwd
import shutil
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.proxy.configuration import LUA, HttpListener
from daprdockr.proxy.surroundings import digest_of, settings_here


class SettingsHereTests(SynchronousTestCase):
    """``settings_here``."""

    def test_user(self) -> None:
        """Workers run as an unprivileged user that exists if the agent is root, and as the agent otherwise."""
        user = settings_here(Path("/x"), [HttpListener("127.0.0.1", 80)]).user
        if os.geteuid() == 0:
            self.assertNotEqual(pwd.getpwnam(user.split()[0]).pw_uid, 0)
        else:
            self.assertEqual(user, "")

    def test_open_files(self) -> None:
        """A worker may open some files, and not without a bound."""
        self.assertIn(settings_here(Path("/x"), [HttpListener("127.0.0.1", 80)]).open_files, range(64, 65_537))

    def test_workers(self) -> None:
        """There is a worker for each processor that the agent may run on, which a unit file may have limited."""
        before = os.sched_getaffinity(0)
        self.addCleanup(os.sched_setaffinity, 0, before)
        os.sched_setaffinity(0, {min(before)})
        self.assertEqual(settings_here(Path("/x"), [HttpListener("127.0.0.1", 80)]).workers, 1)

    def test_same_listener_twice(self) -> None:
        """A listener that is given twice, in whatever spelling, is one."""
        listeners = [HttpListener("::1", 80), HttpListener("0:0::1", 80), HttpListener("::1", 81)]
        self.assertEqual(
            [found.text for found in settings_here(Path("/x"), listeners).listeners], ["[::1]:80", "[::1]:81"]
        )

    def test_code(self) -> None:
        """The digest of the Lua is that of its files' names and contents."""
        copy = Path(self.mktemp())
        shutil.copytree(LUA, copy)
        digest = digest_of(copy)
        self.assertEqual(settings_here(Path("/x"), [HttpListener("127.0.0.1", 80)]).code, digest)
        (copy / "door" / "more.lua").write_text("")
        longer = digest_of(copy)
        (copy / "door" / "more.lua").write_text("-- more")
        self.assertEqual(len({digest, longer, digest_of(copy)}), 3)

    def test_unusable(self) -> None:
        """A directory that cannot stand in a configuration is refused."""
        with self.assertRaises(BadInput):
            settings_here(Path("relative"), [HttpListener("127.0.0.1", 80)])
