"""The planner about a copy of the former definition that died in a rollout."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from daprdockr.model.host import Status
from daprdockr.model.stored.claim import State
from daprdockr.planning.attempts import LASTING, Attempts
from daprdockr.planning.container_steps import RemoveContainer, StartContainer
from daprdockr.planning.keeping.former_copy import former_copy
from daprdockr.planning.plan import plan
from daprdockr.planning.situation import Situation
from tests.build.plans import EXITED, FIRST, RUNNING, PlanTestCase
from tests.build.situations import NOW, WEB_1, WEB_2, claim, container, running_record, situation, slot
from tests.build.values import definition

DIED = claim(evolve(running_record(RUNNING), state=State.STARTING, healthy=False))
AGAIN = StartContainer(FIRST, "c1", generation=WEB_1.digest)
NEW = container("new", of=WEB_2, started=NOW - 0.5)
FEW = {FIRST: Attempts(LASTING - 1, NOW, "died", of=WEB_1.digest)}
MANY = {FIRST: Attempts(LASTING, NOW, "died", of=WEB_1.digest)}


class FormerCopyTests(PlanTestCase):
    def seen(self, *others: Any, wanted: Any = WEB_2, ended: Any = EXITED, **fields: Any) -> Situation:
        return situation(wanted, (fields.pop("claim", DIED),), (ended, *others), **fields)

    def assert_left(self, seen: Situation) -> None:
        """It is not started."""
        assert seen.service is not None
        self.assertIsNone(former_copy(seen, seen.claims.owners[1], seen.service.definition, True))
        self.assertNotIn(AGAIN, self.planned(seen))

    def planned(self, seen: Situation) -> tuple[Any, ...]:
        return plan(seen, NOW).steps

    def test_started_again(self) -> None:
        """It is started again without a slot, with one, and while the image is not there."""
        cases: list[dict[str, Any]] = [{}, {"slots": {1: slot(WEB_2)}}, {"images": {}}, {"attempts": FEW}]
        for fields in cases:
            self.assert_steps(self.seen(**fields), AGAIN)

    def test_beside_the_new_one(self) -> None:
        """While the new one is to be proven the former one is started again, and not removed."""
        self.assertIn(AGAIN, self.planned(self.seen(NEW, slots={1: slot(WEB_2)})))

    def test_pause(self) -> None:
        """After a failure it waits for its time."""
        later = {FIRST: Attempts(2, NOW + 3, "died", of=WEB_1.digest)}
        self.assert_waits(self.seen(attempts=later), NOW + 3)

    def test_given_up(self) -> None:
        """One that failed again and again, or cannot be started, is not."""
        self.assert_left(self.seen(attempts=MANY))
        for ended in (
            evolve(EXITED, status=Status.DEAD),
            evolve(EXITED, error="no such file"),
            evolve(EXITED, cut_off="net"),
        ):
            self.assert_left(self.seen(ended=ended))

    def test_stopped_for_room(self) -> None:
        """One that was stopped so that the new one can run is not; it is kept until that one is proven."""
        wanted = definition("web:2", Update={"Order": "stop-first"})
        new = container("new", of=wanted, started=NOW - 0.5)
        self.assert_left(self.seen(wanted=wanted, slots={1: slot(wanted)}))
        self.assert_steps(self.seen(wanted=wanted), AGAIN)
        told = claim(running_record(new))
        fields = {"wanted": wanted, "slots": {1: slot(wanted)}, "claim": told, "verdicts": {"new": True}}
        self.assert_left(self.seen(new, well_since={"new": NOW}, **fields))
        gone = RemoveContainer(FIRST, "c1", "another container of this instance runs", generation=WEB_1.digest)
        self.assertNotIn(gone, self.planned(self.seen(new, well_since={"new": NOW}, **fields)))
        self.assertIn(gone, self.planned(self.seen(new, well_since={"new": NOW - 100}, **fields)))

    def test_at_most_one(self) -> None:
        """Where only one may run it is started again as long as the claim is certain, and without etcd it is not."""
        alone = definition("web:2", OnPartition="stop")
        for wanted, ended in ((alone, EXITED), (WEB_2, evolve(EXITED, on_partition="stop")), (WEB_2, EXITED)):
            seen = self.seen(wanted=wanted, ended=ended)
            found = [former_copy(seen, DIED, wanted, confirmed) for confirmed in (True, False)]
            is_plain = (wanted, ended) == (WEB_2, EXITED)
            self.assertEqual(found, [ended, ended if is_plain else None])

    def test_after_a_reboot(self) -> None:
        """A new claim leads to none: then it is the copy that ran first, unless there is a present one."""
        new = claim(evolve(DIED.record, container=""))
        between = container("between", of=definition("web:3"), status=Status.EXITED, started=EXITED.started + 5)
        self.assert_steps(self.seen(between, claim=new), AGAIN)
        self.assert_left(self.seen(ended=evolve(EXITED, status=Status.CREATED, started=0.0), claim=new))
        self.assert_left(self.seen(evolve(NEW, status=Status.EXITED), claim=new))
