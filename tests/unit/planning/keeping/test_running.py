"""The planner about a container whose network was taken from it."""

from __future__ import annotations

from attrs import evolve

from daprdockr.model.stored.claim import State
from daprdockr.planning.attempts import Attempts
from daprdockr.planning.plan import Plan, plan
from daprdockr.planning.steps import RemoveContainer, StartContainer, StopContainer
from tests.build.situations import NOW, OUT_OF_TOUCH, PORT, changed, claim, container, running_record, situation
from tests.unit.planning.test_plan import EXITED, FIRST, OURS, PlanTestCase


class NetworkTests(PlanTestCase):
    """See Note [A network that was taken]."""

    def test_network_taken(self) -> None:
        """A running container without its network stays until there is one for another: then it is replaced."""
        cut = container(ports=(PORT,), cut_off="front")
        record = running_record(cut, state=State.UNHEALTHY, healthy=False, reason="network front was taken from it")
        seen = situation(claims=(claim(record),), containers=(cut,))
        self.assertEqual(plan(seen, NOW), Plan())
        there = changed(seen, networks={"front"})
        reason = "network front was taken from it, and is there"
        self.assert_steps(there, StopContainer(FIRST, "c1", 3, reason))
        self.assertEqual(plan(changed(there, here=OUT_OF_TOUCH), NOW), Plan())

    def test_ended_without_its_network(self) -> None:
        """One that ended is not started again but made anew; out of touch one without a network is better than none."""
        cut = evolve(EXITED, cut_off="front")
        seen = situation(claims=(OURS,), containers=(cut,), attempts={FIRST: Attempts(9, NOW + 60, "died")})
        self.assertIn(RemoveContainer(FIRST, "c1", "network front was taken from it"), plan(seen, NOW).steps)
        out = situation(claims=(OURS,), containers=(cut,), here=OUT_OF_TOUCH)
        self.assert_steps(out, StartContainer(FIRST, "c1"))
