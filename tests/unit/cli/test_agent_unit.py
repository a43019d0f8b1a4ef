"""The agent of a host as a unit of systemd, and where there is no systemd."""

from __future__ import annotations

import resource
import sys
from collections.abc import Sequence
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.statedir import StateDir
from daprdockr.cli import agent_unit
from daprdockr.cli.agent_unit import UNIT, USUAL_STATE, AgentUnit, run_program
from daprdockr.model.errors import BadInput


class AgentUnitTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.units, self.systemd = self.directory / "units", self.directory / "systemd"
        for path in (self.units, self.systemd):
            path.mkdir(parents=True)
        self.said: list[str] = []
        self.ran: list[Sequence[str]] = []

    def unit(self, state: Path = USUAL_STATE) -> AgentUnit:
        return AgentUnit(state, self.said.append, self.ran.append, self.units, self.systemd)

    def test_started(self) -> None:
        """With systemd the unit is written for the program that runs here, and started now and at each boot."""
        self.unit().start()
        text = (self.units / UNIT).read_text()
        self.assertIn(f"ExecStart={Path(sys.executable).parent}/twistd -n --pidfile= daprdockr", text)
        self.assertEqual(self.ran, [["systemctl", "daemon-reload"], ["systemctl", "enable", "--now", UNIT]])

    def test_odd_path(self) -> None:
        """An environment whose path has blanks, or what means something to systemd or a shell, is quoted."""
        self.patch(sys, "executable", "/srv/my 100% env/bin/python")
        self.unit().start()
        expected = 'ExecStart="/srv/my 100%% env/bin/twistd" -n --pidfile= daprdockr'
        self.assertIn(f"\n{expected} $DAPRDOCKR_OPTIONS\n", (self.units / UNIT).read_text())
        self.assertEqual(self.unit().line, "'/srv/my 100% env/bin/daprdockrd'")
        self.assertTrue(self.unit(Path("/srv/x y")).line.endswith(" --state-dir '/srv/x y'"))

    def test_kept(self) -> None:
        """A unit that is there stays as it is."""
        (self.units / UNIT).write_text("mine")
        self.unit().start()
        self.assertEqual(((self.units / UNIT).read_text(), len(self.ran)), ("mine", 2))

    def test_unwritable(self) -> None:
        """A unit that cannot be written is named."""
        self.units.rmdir()
        self.assertIn(UNIT, str(self.assertRaises(BadInput, self.unit().start)))

    def test_full_disk(self) -> None:
        """A unit that could be written in part alone is not there: the next attempt would keep it."""
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (64, hard))
        try:
            error = self.assertRaises(BadInput, self.unit().start)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        self.assertIn("cannot be written", str(error))
        self.assertEqual(list(self.units.iterdir()), [])
        self.unit().start()
        self.assertEqual((self.units / UNIT).stat().st_mode & 0o777, 0o644)

    def test_no_systemd(self) -> None:
        """Without systemd, or with another state directory, the line to type is printed."""
        self.unit(Path("/srv/x")).start()
        self.systemd.rmdir()
        self.unit().start()
        self.assertIn("daprdockrd --state-dir /srv/x", self.said[0])
        self.assertTrue(self.said[1].endswith("daprdockrd"), self.said)
        self.assertEqual(self.ran, [])

    def test_stopped(self) -> None:
        """With systemd the agent ends, and is started no more; else the person who started it is asked to end it."""
        self.unit().stop()
        self.assertEqual(self.ran, [["systemctl", "disable", "--now", UNIT]])
        state = StateDir(self.directory / "state")
        other = self.unit(state.path)
        other.stop()
        self.assertEqual((self.said, other.runs), ([], False))
        state.lock()
        other.stop()
        self.assertIn("end the agent", self.said[0])
        self.assertTrue(other.runs)
        state.unlock()

    def test_run(self) -> None:
        """A program that fails is named with what it says."""
        run_program(["true"])
        error = self.assertRaises(BadInput, run_program, ["sh", "-c", "echo no bus >&2; exit 1"])
        self.assertIn("failed: no bus", str(error))

    def test_one_unit(self) -> None:
        """The unit that is installed is that of the checkout."""
        installed = Path(agent_unit.__file__).with_name(UNIT)
        checkout = Path(__file__).parents[3] / "etc" / UNIT
        self.assertEqual(installed.read_text("utf-8"), checkout.read_text("utf-8"))
