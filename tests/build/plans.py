"""The base of tests of plans: the first instance, as it runs, and as it has ended."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import ContainerState, Status
from daprdockr.model.stored.claim import State
from daprdockr.model.stored.revisioned import Claim
from daprdockr.planning.plan import Plan, plan
from daprdockr.planning.situation import Situation
from daprdockr.planning.steps import Step
from tests.build.situations import NOW, PORT, WEB_2, claim, container, running_record, starting_record
from tests.build.values import instance

FIRST, SECOND = instance(1), instance(2)

RUNNING = container(ports=(PORT,))

EXITED = container(ports=(PORT,), status=Status.EXITED)

OLD = container("old", of=WEB_2, ports=(PORT,))

OTHERS = evolve(running_record(RUNNING), node="b")

OURS = claim(running_record(RUNNING))

STARTING = claim(starting_record())

CHANGED = "the definition of web.myapp changed"


def withdrawn(of: ContainerState, reason: str) -> Claim:
    """The claim of ours whose container is to be stopped, when it says so."""
    return claim(running_record(of, state=State.WITHDRAWN, healthy=False, reason=reason))


class PlanTestCase(SynchronousTestCase):
    def assert_steps(self, seen: Situation, *steps: Step, now: float = NOW) -> None:
        self.assertEqual(plan(seen, now).steps, steps)

    def assert_waits(self, seen: Situation, until: float) -> None:
        self.assertEqual(plan(seen, NOW), Plan((), until))
