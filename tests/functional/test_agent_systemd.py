"""
An agent that a real systemd runs, by the lines of ``etc/daprdockr.service`` that say how it starts, restarts and stops.

Those that shut it off are left out: a systemd of a user cannot do most of that. ``test_unit_file`` is about them.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import time

from tests.rig.agent_case import AgentTestCase
from tests.rig.docker_engine import CHECKOUT, sample_image, until
from tests.rig.own_systemd import OwnSystemd
from tests.rig.suspension import suspend

UNIT = "daprdockr.service"


class SystemdTests(AgentTestCase):
    """``systemctl`` on the unit."""

    started = False

    def setUp(self) -> None:
        super().setUp()
        self.systemd = OwnSystemd()
        self.addCleanup(self.systemd.close)
        self.systemd.start()

    def install(self, **changed: str) -> None:
        """Install the unit, with some lines changed."""
        text = (CHECKOUT / "etc" / UNIT).read_text()
        wanted = r"^(?:Type|Restart|RestartSec|KillMode|TimeoutStopSec|WatchdogSec|UMask)=.*$"
        lines = dict(line.split("=", 1) for line in re.findall(wanted, text, re.MULTILINE))
        lines |= {"ExecStart": shlex.join(self.agent.words(ttl=4)), "WorkingDirectory": str(self.agent.home), **changed}
        log = f"append:{self.agent.home}/agent.log"
        lines |= {"StandardOutput": log, "StandardError": log}
        self.systemd.install(UNIT, "\n".join(["[Service]", *(f"{name}={value}" for name, value in lines.items())]))

    def done(self, *words: str) -> float:
        """Have systemctl do something, which must succeed; the seconds that it took."""
        began = time.monotonic()
        done = self.systemd.systemctl(*words)
        self.assertEqual((done.returncode, done.stdout), (0, ""), self.agent.story())
        return time.monotonic() - began

    def test_ready(self) -> None:
        """
        ``start`` and ``restart`` return when the agent is healthy, containers live through the latter, and ``stop``
        leaves them running. ``status`` says what is wrong, and an agent that hangs is ended and started anew.
        """
        self.install(WatchdogSec="4")
        self.done("start", UNIT)
        self.assertTrue(self.agent.is_well())
        self.assertEqual(self.systemd.value(UNIT, "StatusText"), "healthy")
        self.agent.define(self.web, 2, sample_image())
        before = self.agent.ids(self.web)
        for _ in range(2):
            self.done("restart", UNIT)
            self.assertTrue(self.agent.is_well())
        hanging = int(self.systemd.value(UNIT, "MainPID"))
        suspend(hanging)
        until(lambda: self.systemd.value(UNIT, "MainPID") not in ("0", str(hanging)), 30, self.agent.story)
        until(lambda: self.systemd.value(UNIT, "StatusText") == "healthy", 30, self.agent.story)
        self.assertEqual(self.systemd.value(UNIT, "NRestarts"), "1")
        self.done("stop", UNIT)
        self.assertEqual(self.agent.ids(self.web), before)

    def test_without_engine(self) -> None:
        """An agent whose Engine does not answer is ready after a while, serves, and says what is wrong."""
        self.agent.engine, engine = f"unix://{self.agent.home}/none.sock", self.agent.engine
        self.install()
        self.agent.engine = engine
        took = self.done("start", UNIT)
        self.assertGreater(took, 8)
        self.assertIn("the Docker Engine did not answer", self.systemd.value(UNIT, "StatusText"))
        self.assertEqual(self.agent.status("container", "SOA"), "NOERROR")
        os.kill(int(self.systemd.value(UNIT, "MainPID")), signal.SIGKILL)
        until(lambda: self.systemd.value(UNIT, "NRestarts") == "1", 30, self.agent.story)
        self.done("stop", UNIT)
