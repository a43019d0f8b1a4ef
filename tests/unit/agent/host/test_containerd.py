"""The pulse of containerd: the reports about one that hangs, and about one that is merely slow once."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.containerd import INTERVAL, ContainerdPulse
from daprdockr.agent.host.liveness import MISSES
from daprdockr.model.errors import EngineFailed, EngineUnavailable
from tests.fakes.engine import MemoryEngine
from tests.fakes.run import HeldRun, LoopClock


class Heard:
    """A host that records the reports it receives."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def stalled(self, reason: str) -> None:
        self.told.append("stalled")

    def resumed(self) -> None:
        self.told.append("resumed")


class FaultyEngine(MemoryEngine):
    """``fault``, unless it is None, is the answer to every question."""

    fault: Exception | None = None

    def ask_containerd(self) -> None:
        if self.fault is not None:
            raise self.fault
        super().ask_containerd()


class ContainerdTests(SynchronousTestCase):
    """A pulse whose questions the test ends."""

    def setUp(self) -> None:
        self.clock, self.calls, self.host, self.engine = LoopClock(), HeldRun(), Heard(), FaultyEngine()
        self.pulse = ContainerdPulse(reactor=self.clock, run=self.calls, engine=self.engine, host=self.host)
        self.pulse.startService()

    def ask(self, times: int = 1) -> None:
        """The next questions are asked, and end."""
        for _ in range(times):
            self.clock.advance(0 if self.calls.waiting else INTERVAL)
            self.calls.end("ask_containerd")

    def test_well(self) -> None:
        """While there are answers it is asked again and again, and the host receives no report."""
        self.ask(4)
        self.assertEqual((self.engine.calls["ask_containerd"], self.host.told), (4, []))

    def test_one_miss(self) -> None:
        """One question without an answer is followed by another at once; if that is answered nothing happened."""
        self.engine.stalled = True
        self.ask()
        self.assertEqual(self.calls.names, ["ask_containerd"])
        self.engine.stalled = False
        self.ask()
        self.assertEqual(self.host.told, [])

    def test_stalled(self) -> None:
        """After some misses in a row the host receives a report, and another one when there is an answer."""
        self.engine.stalled = True
        self.ask(MISSES - 1)
        self.assertEqual(self.host.told, [])
        self.ask()
        self.assertEqual(self.host.told, ["stalled"])
        self.engine.stalled = False
        self.ask(2)
        self.assertEqual(self.host.told, ["stalled", "resumed"])

    def test_no_engine(self) -> None:
        """An Engine that takes no call at all neither begins that nor ends it."""
        self.engine.fault = EngineUnavailable("connection refused")
        self.ask(5)
        self.assertEqual(self.host.told, [])
        self.engine.fault, self.engine.stalled = None, True
        self.ask(MISSES)
        self.engine.fault = EngineUnavailable("connection refused")
        self.ask(5)
        self.assertEqual(self.host.told, ["stalled"])

    def test_refusal(self) -> None:
        """A refusal is an answer."""
        self.engine.stalled = True
        self.ask(MISSES)
        self.engine.fault = EngineFailed("no such task")
        self.ask()
        self.assertEqual(self.host.told, ["stalled", "resumed"])

    def test_stop(self) -> None:
        """A stopped pulse asks no more, whatever the last answer says."""
        self.clock.advance(INTERVAL)
        self.pulse.stopService()
        self.engine.stalled = True
        self.calls.end("ask_containerd")
        self.clock.advance(10 * INTERVAL)
        self.assertEqual((self.calls.waiting, self.host.told), ([], []))
