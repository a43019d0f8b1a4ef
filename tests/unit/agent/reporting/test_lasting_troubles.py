"""Troubles that last are events, and so are their ends; meanwhile the node's record has them."""

from __future__ import annotations

from attrs import define
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reporting.lasting_troubles import LASTS, POLL, LastingTroubles
from daprdockr.model.trouble import Trouble
from daprdockr.model.troubles.host import EngineHangs, EngineLost, EngineNotReached
from daprdockr.model.troubles.http import NginxDown, NginxNotStarted
from daprdockr.model.troubles.ports import PortsNotServed
from tests.fakes.run import LoopClock

GONE = EngineLost("the Docker Engine is gone")


@define
class Part:
    condition: Trouble | None = None


class LastingTroublesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.part, self.nginx = LoopClock(), Part(), Part()
        self.found: list[str] = []
        self.troubles = LastingTroubles(
            reactor=self.clock, parts=[self.part, self.nginx], record_event=self.found.append
        )
        self.troubles.startService()
        self.addCleanup(self.troubles.stopService)
        self.pass_time(2 * LASTS)

    def pass_time(self, seconds: float) -> None:
        for _ in range(round(seconds / POLL)):
            self.clock.advance(POLL)

    def test_begun_and_over(self) -> None:
        """One event when it has lasted, whatever else it says meanwhile, and one when it is over."""
        self.part.condition = GONE
        self.pass_time(LASTS)
        self.assertEqual(self.found, [])
        self.pass_time(2)
        self.part.condition = EngineHangs("it answers nothing")
        self.pass_time(30)
        self.assertEqual(self.found, ["in trouble for 5 s now: the Docker Engine is gone"])
        self.part.condition = None
        self.pass_time(60)
        self.assertEqual(self.found[1:], ["over after 37 s: the Docker Engine is gone"])

    def test_again(self) -> None:
        """The next one is another event; parts are independent of each other."""
        for _ in range(2):
            self.part.condition = GONE
            self.nginx.condition = NginxDown("exit status 1")
            self.pass_time(20)
            self.part.condition = self.nginx.condition = None
            self.pass_time(20)
        self.assertEqual(len(self.found), 8)

    def test_short(self) -> None:
        """A trouble that has passed, or an end that does not last, is none."""
        for _ in range(5):
            self.part.condition = GONE
            self.pass_time(LASTS - POLL)
            self.part.condition = None
            self.pass_time(LASTS - POLL)
        self.assertEqual(self.found, [])
        self.part.condition = GONE
        self.pass_time(2 * LASTS)
        for _ in range(5):
            self.part.condition = None
            self.pass_time(LASTS - POLL)
            self.part.condition = GONE
            self.pass_time(LASTS - POLL)
        self.assertEqual(len(self.found), 1)

    def test_others(self) -> None:
        """Troubles of each start, and those that have events of their own, are no events."""
        for condition in (EngineNotReached(), PortsNotServed("port 80 is taken")):
            self.part.condition = condition
            self.pass_time(60)
        self.assertEqual(self.found, [])

    def test_ailing(self) -> None:
        """The record has what lasts, by component, until it has been over for as long."""
        self.nginx.condition = NginxDown("exit status 1")
        self.pass_time(LASTS)
        self.assertEqual(self.troubles.ailing(), {})
        self.pass_time(2)
        self.part.condition = PortsNotServed("port 80 is taken")
        self.assertEqual(self.troubles.ailing(), {"http": "nginx does not run: exit status 1"})
        self.pass_time(LASTS + 2)
        self.nginx.condition = None
        self.pass_time(LASTS - 1)
        self.assertEqual(set(self.troubles.ailing()), {"http", "ports"})
        self.pass_time(2)
        self.assertEqual(self.troubles.ailing(), {"ports": "port 80 is taken"})

    def test_not_ailing(self) -> None:
        """The record has no trouble there that each start has, or for which it has a member of its own."""
        self.part.condition, self.nginx.condition = GONE, NginxNotStarted()
        self.pass_time(60)
        self.assertEqual(self.troubles.ailing(), {})

    def test_words(self) -> None:
        """Words that change each second are no change of the record; others are, when they have stood."""
        for second in range(60):
            self.nginx.condition = NginxDown(f"retried in {second} s")
            self.pass_time(1)
            self.assertIn(self.troubles.ailing().get("http", ""), ("", "nginx does not run: retried in 5 s"))
        self.nginx.condition = NginxDown("killed\nby SIGSEGV")
        self.pass_time(LASTS + 1)
        self.assertEqual(self.troubles.ailing(), {"http": "nginx does not run: killed by SIGSEGV"})
        self.assertEqual(len(self.found), 1)
