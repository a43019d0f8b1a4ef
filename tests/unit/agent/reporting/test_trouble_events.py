"""Troubles that last are events, and so are their ends."""

from __future__ import annotations

from attrs import define
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reporting.trouble_events import LASTS, POLL, TroubleEvents
from daprdockr.model.trouble import Trouble
from daprdockr.model.troubles.etcd import EtcdLost
from daprdockr.model.troubles.host import EngineHangs, EngineLost, EngineNotReached
from daprdockr.model.troubles.http import NginxDown
from daprdockr.model.troubles.ports import PortsNotServed
from tests.fakes.run import LoopClock

GONE = EngineLost("the Docker Engine is gone")


@define
class Part:
    condition: Trouble | None = None


class TroubleEventsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock, self.part, self.nginx = LoopClock(), Part(), Part()
        self.found: list[str] = []
        events = TroubleEvents(reactor=self.clock, parts=[self.part, self.nginx], record_event=self.found.append)
        events.startService()
        self.addCleanup(events.stopService)
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
        """Troubles of each start, with etcd, and those that have events of their own, are not reported."""
        for condition in (EtcdLost("etcd is gone", None), EngineNotReached(), PortsNotServed("port 80 is taken")):
            self.part.condition = condition
            self.pass_time(60)
        self.assertEqual(self.found, [])
