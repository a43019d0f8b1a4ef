"""Steps are counted by kind and outcome, and otherwise pass unchanged."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reconcile.counted_steps import CountedSteps
from daprdockr.planning.container_steps import PullImage
from daprdockr.planning.outcome import Done, Retry, StepOutcome
from daprdockr.planning.steps import Step
from daprdockr.runtime.workers import Stopped

STEP = PullImage("web:1")


class CountedStepsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.clock = Clock()
        self.under_way: list[Deferred[StepOutcome]] = []
        self.counted = CountedSteps(self.begin, self.clock.seconds)

    async def begin(self, step: Step) -> StepOutcome:
        self.assertIs(step, STEP)
        self.under_way.append(Deferred())
        return await self.under_way[-1]

    def carry_out(self) -> Deferred[StepOutcome]:
        return Deferred.fromCoroutine(self.counted(STEP))

    def test_outcomes(self) -> None:
        """The outcome is the step's own; it is counted with the time from its beginning to its end."""
        done, failed = self.carry_out(), self.carry_out()
        self.clock.advance(2)
        self.under_way[0].callback(Done())
        self.clock.advance(1)
        self.under_way[1].callback(Retry("no"))
        self.assertEqual([self.successResultOf(one) for one in (done, failed)], [Done(), Retry("no")])
        self.assertEqual(self.counted.outcomes, {("pull_image", "done"): 1, ("pull_image", "retry"): 1})
        self.assertEqual(self.counted.durations["pull_image"].read().seconds, 5.0)

    def test_errors(self) -> None:
        """An exception that nobody foresaw is an outcome of its own; a step that ends with the agent has none."""
        broken, ended = self.carry_out(), self.carry_out()
        self.under_way[0].errback(ValueError("odd"))
        self.under_way[1].errback(Stopped("the threads are stopped"))
        self.failureResultOf(broken, ValueError)
        self.failureResultOf(ended, Stopped)
        self.assertEqual(self.counted.outcomes, {("pull_image", "error"): 1})
