"""Which copies are stopped at once, and which wait until no node leads to them any more."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from daprdockr.model.host import Status
from daprdockr.model.stored.claim import State
from daprdockr.planning.claim_steps import ReleaseClaim, WriteClaim
from daprdockr.planning.container_steps import RemoveContainer, StopContainer
from daprdockr.planning.keeping.withdrawing import REACH_TIMEOUT
from daprdockr.planning.plan import Plan, plan
from daprdockr.planning.situation import Situation, Withdrawn
from tests.build.plans import CHANGED, EXITED, FIRST, OTHERS, OURS, RUNNING, PlanTestCase, withdrawn
from tests.build.situations import (
    FENCE,
    HERE,
    NOW,
    OUT_OF_TOUCH,
    PORT,
    WEB_1,
    claim,
    container,
    running_record,
    situation,
    slot,
)
from tests.build.values import definition

R = 50
GONE = StopContainer(FIRST, "c1", 3, "web.myapp is deleted")


def leaving(service: Any = None, since: float = NOW, claims: Any = (OURS,), **fields: Any) -> Situation:
    """Our copy was withdrawn ``since`` then, by revision ``R``."""
    return situation(service, claims, (RUNNING,), withdrawn={"c1": Withdrawn(since, R)}, **fields)


class WithdrawnTests(PlanTestCase):
    """A copy that is to be stopped on purpose."""

    def test_waits_for_all(self) -> None:
        """It runs until every node has reached the revision that withdrew it, and this revision is asked for."""
        for reached in ({"a": R, "b": R - 1}, {"a": R - 1, "b": R + 9}, {"a": 0, "b": 0}):
            self.assertEqual(plan(leaving(reached=reached), NOW), Plan((), NOW + REACH_TIMEOUT, R))
        self.assert_steps(leaving(reached={"a": R, "b": R + 9}), GONE)

    def test_waits_for_the_last(self) -> None:
        """Of several the last revision is asked for."""
        other = container("c2", 2)
        given = {"c1": Withdrawn(NOW, R), "c2": Withdrawn(NOW, R + 1)}
        ours = OURS, claim(running_record(other), 2)
        seen = situation(None, ours, (RUNNING, other), withdrawn=given, reached={"a": R + 1, "b": 0})
        self.assertEqual(plan(seen, NOW), Plan((), NOW + REACH_TIMEOUT, R + 1))

    def test_not_healthy(self) -> None:
        """One that is not healthy is reported as that, since nothing led to it."""
        changed, paused = definition("web:2", Update={"Order": "stop-first"}), evolve(RUNNING, status=Status.PAUSED)
        ill = running_record(RUNNING, state=State.UNHEALTHY, healthy=False, reason="it is paused")
        seen = situation(changed, (claim(ill),), (paused,), slots={1: slot(changed)})
        self.assert_steps(seen, StopContainer(FIRST, "c1", 3, CHANGED))

    def test_no_answer(self) -> None:
        """A node that does not report how far it is, such as one with an older agent, is waited for no longer."""
        silent = {"a": R, "b": 0}
        self.assertEqual(plan(leaving(reached=silent, since=NOW - 1.5), NOW), Plan((), NOW - 1.5 + REACH_TIMEOUT, R))
        self.assert_steps(leaving(reached=silent, since=NOW - REACH_TIMEOUT), GONE)

    def test_requests_under_way(self) -> None:
        """It goes on as long as a node has a request under way on one of its ports, but no longer than ``Drain``."""
        known: dict[str, Any] = {"reached": {"a": R, "b": R}, "busy": {PORT.host}}
        self.assertEqual(plan(leaving(**known), NOW), Plan((), NOW + 10, R))
        self.assert_steps(leaving(since=NOW - 10, **known), GONE)
        self.assert_steps(leaving(**{**known, "busy": {PORT.host + 1}}), GONE)

    def test_own_drain(self) -> None:
        """A definition that is there says how long it may go on."""
        changed = definition("web:2", Update={"Order": "stop-first", "Drain": 3})
        with_slot: dict[str, Any] = {"claims": (withdrawn(RUNNING, CHANGED),), "slots": {1: slot(changed)}}
        seen = leaving(changed, reached={"a": R}, busy={PORT.host}, **with_slot)
        self.assertEqual(plan(seen, NOW), Plan((), NOW + 3, R))

    def test_changed(self) -> None:
        """An old generation is withdrawn by its own claim, and stopped when all nodes have reached that."""
        changed = definition("web:2", Update={"Order": "stop-first"})
        told, slots = withdrawn(RUNNING, CHANGED), {1: slot(changed)}
        seen = leaving(changed, reached={"a": R, "b": R}, slots=slots)
        self.assert_steps(seen, WriteClaim(FIRST, told.record, FENCE, OURS.revision))
        seen = leaving(changed, claims=(told,), reached={"a": R, "b": 0}, slots=slots)
        self.assertEqual(plan(seen, NOW), Plan((), NOW + REACH_TIMEOUT, R))
        seen = leaving(changed, claims=(told,), reached={"a": R, "b": R}, slots=slots)
        self.assert_steps(seen, StopContainer(FIRST, "c1", 3, CHANGED))

    def test_changed_back(self) -> None:
        """A copy that is wanted after all is led to again."""
        seen = leaving(WEB_1, claims=(withdrawn(RUNNING, CHANGED),), reached={"a": 0, "b": 0})
        self.assert_steps(seen, WriteClaim(FIRST, OURS.record, FENCE, FENCE))

    def test_scaled_down(self) -> None:
        """The others of its service are not touched while it waits."""
        seen = leaving(evolve(WEB_1, instances=0), reached={"a": R, "b": 0})
        self.assertEqual(plan(seen, NOW), Plan((), NOW + REACH_TIMEOUT, R))

    def test_surplus(self) -> None:
        """A copy that another node has taken over waits too, after its drain."""
        fields: dict[str, Any] = {"claims": (claim(OTHERS),), "surplus_since": {1: NOW - 10}}
        seen = leaving(WEB_1, reached={"a": R, "b": 0}, **fields)
        self.assertEqual(plan(seen, NOW), Plan((), NOW + REACH_TIMEOUT, R))
        seen = leaving(WEB_1, reached={"a": R, "b": R}, **fields)
        self.assert_steps(seen, StopContainer(FIRST, "c1", 3, "1.web.myapp runs on b"))

    def test_at_most_one(self) -> None:
        """Where one copy at most may run, a second one is stopped at once."""
        alone = definition(OnPartition="stop")
        seen = leaving(alone, claims=(claim(OTHERS),), reached={"a": R, "b": 0})
        self.assert_steps(seen, StopContainer(FIRST, "c1", 3, "1.web.myapp runs on b"))

    def test_ended(self) -> None:
        """A container that does not run is removed at once."""
        seen = situation(None, (OURS,), (EXITED,), reached={"a": 0, "b": 0})
        self.assert_steps(seen, RemoveContainer(FIRST, "c1", "web.myapp is deleted"))
        self.assert_steps(situation(None, (OURS,), reached={"a": 0, "b": 0}), ReleaseClaim(FIRST, FENCE))

    def test_unknown(self) -> None:
        """One that this etcd has not seen stays, though another node claims its instance by now."""
        newer = evolve(RUNNING, revision=HERE.revision + 1)
        for other in (evolve(newer, revision=HERE.revision, cluster=8), newer):
            self.assertEqual(plan(situation(None, (claim(OTHERS),), (other,)), NOW), Plan())
        self.assert_steps(situation(None, (claim(OTHERS),), (evolve(newer, revision=HERE.revision),)), GONE)

    def test_drained_out_of_touch(self) -> None:
        """One that would leave by stopping goes on while its node is out of touch."""
        alone = definition(OnPartition="stop")
        runs = evolve(RUNNING, definition=alone.digest)
        seen = situation(alone, (claim(running_record(runs)),), (runs,), here=OUT_OF_TOUCH, leaving={1: NOW})
        self.assertEqual(plan(seen, NOW), Plan())
