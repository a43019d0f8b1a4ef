"""The pulse of the Docker Engine: the reports about an Engine that hangs, and about one that is merely slow once."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.liveness import MISSES
from daprdockr.agent.host.pulse import INTERVAL, Pulse
from tests.fakes.engine import MemoryEngine
from tests.fakes.run import HeldRun, LoopClock


class Heard:
    """A host that records the reports it receives."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def fell_silent(self, reason: str) -> None:
        self.told.append(reason)

    def answered(self) -> None:
        self.told.append("answered")


class PulseTests(SynchronousTestCase):
    """A pulse whose pings the test ends."""

    def setUp(self) -> None:
        self.clock, self.run_ping, self.host, self.engine = LoopClock(), HeldRun(), Heard(), MemoryEngine()
        self.pulse = Pulse(reactor=self.clock, run=self.run_ping, engine=self.engine, host=self.host)
        self.pulse.startService()

    def ping(self) -> None:
        """The next ping is made, and ends."""
        self.clock.advance(0 if self.run_ping.waiting else INTERVAL)
        self.run_ping.end("ping")

    def test_well(self) -> None:
        """An Engine that answers is asked again and again, and the host receives no report."""
        for _ in range(5):
            self.ping()
        self.assertEqual((self.host.told, self.engine.calls["ping"]), ([], 5))

    def test_one_miss(self) -> None:
        """One ping without an answer is followed by another at once; if that is answered nothing happened."""
        self.engine.unavailable = True
        self.ping()
        self.assertEqual(self.run_ping.names, ["ping"])
        self.engine.unavailable = False
        self.ping()
        self.assertEqual(self.host.told, [])

    def test_silent(self) -> None:
        """After some misses in a row the host receives a report, and another one when there is an answer."""
        self.engine.unavailable = True
        for _ in range(MISSES + 2):
            self.ping()
        self.assertEqual(len(self.host.told), 3)
        self.engine.unavailable = False
        self.ping()
        self.ping()
        self.assertEqual(self.host.told[3:], ["answered"])

    def test_stop(self) -> None:
        """A stopped pulse asks no more, whatever the last ping says."""
        self.clock.advance(INTERVAL)
        self.pulse.stopService()
        self.engine.unavailable = True
        self.run_ping.end("ping")
        self.clock.advance(10 * INTERVAL)
        self.assertEqual((self.run_ping.waiting, self.host.told), ([], []))
