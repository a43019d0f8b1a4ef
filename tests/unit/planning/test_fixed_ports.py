"""The planner about instances whose definition fixes a host port."""

from __future__ import annotations

from attrs import evolve

from daprdockr.planning.claim_steps import TakeClaim
from daprdockr.planning.plan import Plan, plan
from tests.build.plans import EXITED, FIRST, RUNNING, PlanTestCase
from tests.build.situations import NOW, candidates, changed, situation, starting_record
from tests.build.values import definition, fixing


class HostPortTests(PlanTestCase):
    """An instance whose host port another one has that this node claimed: the wave that it is in may not count that."""

    FIXED = definition(Container=fixing(5432))

    def test_taken(self) -> None:
        """While its port is taken it is claimed at no rank, neither anew nor for the container that ended."""
        (here,) = candidates("a")
        ended = evolve(EXITED, definition=self.FIXED.digest)
        for containers in ((), (ended,)):
            free = situation(self.FIXED, containers=containers, offered=(here,))
            self.assert_steps(free, TakeClaim(FIRST, starting_record()))
            taken = changed(free, candidates=(evolve(here, ports={("tcp", 5432): 1}),))
            self.assertEqual(plan(taken, NOW), Plan())

    def test_taken_elsewhere(self) -> None:
        """That another node's port is taken keeps nobody else from claiming it."""
        (here, other) = candidates("a", "b")
        nodes = (evolve(other, ports={("tcp", 5432): 1}), here)
        self.assert_steps(situation(self.FIXED, candidates=nodes), TakeClaim(FIRST, starting_record()))

    def test_not_ready(self) -> None:
        """A node that is no candidate, because it is not ready, claims none."""
        self.assertEqual(plan(situation(self.FIXED, candidates=candidates("b"), free_since={1: 0.0}), NOW), Plan())

    def test_running(self) -> None:
        """A running container is adopted: it has the port."""
        runs = evolve(RUNNING, definition=self.FIXED.digest)
        (here,) = candidates("a")
        seen = situation(self.FIXED, containers=(runs,), candidates=(evolve(here, ports={("tcp", 5432): 1}),))
        self.assertEqual([type(step) for step in plan(seen, NOW).steps], [TakeClaim])
