"""The body of a container with secrets."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.planning.keeping.handed import NOTHING, Handed

BODY = {"Image": "web:1", "Env": ["A=1"], "HostConfig": {"Mounts": [{"Target": "/data"}], "Memory": 5}}


class HandedTests(SynchronousTestCase):
    def test_added(self) -> None:
        """Variables come behind those that there are, files are mounted read-only beside other mounts."""
        made = Handed(("B=2",), (("/run/x/0", "/run/secrets/b"),)).added_to(BODY)
        mount = {"Type": "bind", "Source": "/run/x/0", "Target": "/run/secrets/b", "ReadOnly": True}
        self.assertEqual(made["Env"], ["A=1", "B=2"])
        self.assertEqual(made["HostConfig"], {"Mounts": [{"Target": "/data"}, mount], "Memory": 5})

    def test_nothing(self) -> None:
        """Without secrets a body is as it was."""
        self.assertEqual(NOTHING.added_to(BODY), BODY)

    def test_not_printed(self) -> None:
        """The value of a variable is in no line of a log."""
        self.assertNotIn("hunter2", repr(Handed(("B=hunter2",))))
