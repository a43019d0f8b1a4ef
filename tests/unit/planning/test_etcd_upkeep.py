"""The upkeep of etcd: what is due, from what the members say."""

from __future__ import annotations

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.etcd_look import EtcdLook, MemberStatus
from daprdockr.planning.etcd_upkeep import (
    BEHIND,
    BETWEEN,
    KEPT,
    KEPT_FULL,
    LEAST_WASTE,
    MOST_COPIED,
    PAUSE,
    REST,
    REST_FULL,
    Compact,
    Defragment,
    Disarm,
    Past,
    UpkeepStep,
    next_step,
    obstacle,
)
from tests.fakes.etcd_upkeep import MIB, looked, status

WELL = looked(status(1), status(2), status(3))
WASTED = 300 * MIB


class CompactionTests(SynchronousTestCase):
    """Of an etcd that has room."""

    def test_a_day(self) -> None:
        """History older than a day is forgotten, once an hour, and nothing of the last day."""
        past, steps = Past(), []
        for hour in range(30):
            now = hour * BETWEEN
            look = looked(*(status(member, revision=100 + hour) for member in (1, 2, 3)))
            past = past.with_look(look, now)
            step = next_step(look, past, now)
            steps.append(step)
            if step is not None:
                past = past.with_done(step, now)
        first = int(KEPT / BETWEEN)
        self.assertEqual(steps[:first], [None] * first)
        self.assertEqual(steps[first:], [Compact(100 + number) for number in range(30 - first)])
        self.assertLess(len(past.seen), 30)

    def test_idle(self) -> None:
        """Nothing is forgotten twice."""
        past = Past(seen=((0.0, 100),), compacted=100)
        self.assertIsNone(next_step(WELL, past, KEPT))

    def test_behind(self) -> None:
        """Only what all members have reached is noted."""
        past = Past().with_look(looked(status(1, revision=120), status(2)), 0.0)
        self.assertEqual(past.seen, ((0.0, 100),))
        self.assertEqual(EtcdLook(frozenset({1}), ()).revision, 0)

    def test_restored(self) -> None:
        """The revisions that an etcd had count no more when it was restored, and has a smaller one."""
        past = Past(seen=((0.0, 5000), (BETWEEN, 6000)), compacted=4000)
        for now in (KEPT, 2 * KEPT):
            past = past.with_look(WELL, now)
            self.assertEqual(next_step(WELL, past, now), Compact(100) if now > KEPT else None)

    def test_late_member(self) -> None:
        """One member that is behind is no restored etcd."""
        past = Past(seen=((0.0, 100),), compacted=90).with_look(looked(status(1), status(2, revision=50)), 1.0)
        self.assertEqual((past.seen, past.compacted), (((0.0, 100),), 90))

    def test_texts(self) -> None:
        """Each step says what it does."""
        steps: list[UpkeepStep] = [Compact(7), Defragment(255), Disarm(frozenset({1}))]
        self.assertEqual([str(one).split()[0] for one in steps], ["compact", "defragment", "end"])
        self.assertIn("member ff", str(steps[1]))


class DefragmentationTests(SynchronousTestCase):
    """Of an etcd that has room."""

    def step(self, *statuses: MemberStatus, past: Past | None = None, now: float = 0.0) -> UpkeepStep | None:
        return next_step(looked(*statuses), past or Past(), now)

    def wasteful(self, used: int = MIB) -> list[MemberStatus]:
        return [status(member, WASTED, used) for member in (1, 2, 3)]

    def test_leader_last(self) -> None:
        """One after the other, with a pause, and the leader last."""
        past, order, now = Past(), [], 0.0
        for _ in range(3):
            step = self.step(*self.wasteful(), past=past, now=now)
            assert isinstance(step, Defragment)
            order.append(step.member)
            past = past.with_done(step, now)
            self.assertIsNone(self.step(*self.wasteful(), past=past, now=now + PAUSE - 1))
            now += PAUSE
        self.assertEqual(order, [2, 3, 1])
        self.assertIsNone(self.step(*self.wasteful(), past=past, now=now))
        self.assertEqual(self.step(*self.wasteful(), past=past, now=REST), Defragment(2))

    def test_worth_it(self) -> None:
        """Neither a small database, nor one that is half full, nor one that takes long."""
        self.assertIsNone(self.step(*(status(member, LEAST_WASTE, 0) for member in (1, 2, 3))))
        self.assertIsNone(self.step(*self.wasteful(WASTED // 2)))
        self.assertIsNone(self.step(*(status(member, 5 * MOST_COPIED, MOST_COPIED + 1) for member in (1, 2, 3))))
        self.assertEqual(self.step(*self.wasteful(WASTED // 2 - 1)), Defragment(2))

    def test_unwell(self) -> None:
        """None while a member is away, behind, or of another opinion about the leader."""
        one, two, three = self.wasteful()
        others = (
            (one, two),
            (one, two, evolve(three, revision=101 + BEHIND)),
            (one, two, evolve(three, leader=2)),
            tuple(evolve(each, leader=0) for each in (one, two, three)),
            (),
        )
        for statuses in others:
            self.assertIsNone(self.step(*statuses))

    def test_corrupt(self) -> None:
        """Members that disagree are left as they are."""
        self.assertIsNone(next_step(looked(*self.wasteful(), corrupt=True), Past(), 0.0))


class FullTests(SynchronousTestCase):
    """Of an etcd that takes no writes."""

    def setUp(self) -> None:
        self.look = looked(*(status(member, WASTED) for member in (1, 2, 3)), full={2})
        self.past, self.now = Past(seen=((-1.0, 50),)), 0.0

    def turn(self) -> UpkeepStep | None:
        """The step that follows the answers, and has no effect yet."""
        self.past = self.past.with_look(self.look, self.now)
        step = next_step(self.look, self.past, self.now)
        if step is not None:
            self.past = self.past.with_done(step, self.now)
        return step

    def written(self, size: int) -> None:
        self.look = evolve(self.look, statuses=tuple(status(member, size) for member in (1, 2, 3)))

    def test_healed(self) -> None:
        """Followers get some seconds; then all is compacted, written anew, and the alarm ended."""
        self.assertIsNone(self.turn())
        self.now += KEPT_FULL
        self.assertEqual([self.turn() for _ in range(4)], [Compact(100), Defragment(2), Defragment(3), Defragment(1)])
        self.written(WASTED // 2)
        self.assertEqual(self.turn(), Disarm(frozenset({2})))
        self.assertEqual(obstacle(WELL, self.past), "")
        self.assertEqual(self.past.with_look(WELL, self.now).peak, 0)

    def test_in_use(self) -> None:
        """A database that stays as large keeps its alarm, and that is reported; once keys are gone all is repeated."""
        self.assertIsNone(self.turn())
        self.assertEqual(obstacle(self.look, self.past), "")
        self.now += KEPT_FULL
        self.assertEqual([type(self.turn()) for _ in range(4)], [Compact, *[Defragment] * 3])
        self.written(WASTED * 9 // 10)
        self.assertIsNone(self.turn())
        self.assertIn("delete some", obstacle(self.look, self.past))
        gone = [status(member, WASTED * 9 // 10, revision=101) for member in (1, 2, 3)]
        self.look = evolve(self.look, statuses=tuple(gone))
        self.now += KEPT_FULL
        self.assertIsNone(self.turn())
        self.now += KEPT_FULL
        self.assertEqual([self.turn(), self.turn()], [Compact(101), None])
        self.now += REST_FULL
        self.assertEqual(self.turn(), Defragment(2))

    def test_restored(self) -> None:
        """An etcd that was restored, and is full, is compacted and written anew, whatever was done to it before."""
        self.past = Past(compacted=5000, defragmented={member: (-REST_FULL, 4000) for member in (1, 2, 3)})
        self.assertIsNone(self.turn())
        self.now += KEPT_FULL
        self.assertEqual([self.turn() for _ in range(4)], [Compact(100), Defragment(2), Defragment(3), Defragment(1)])

    def test_unwell(self) -> None:
        """With a member away history is compacted, and nothing else is done; the reason is reported."""
        self.look = evolve(self.look, statuses=self.look.statuses[:2])
        self.turn()
        self.now += KEPT_FULL
        self.assertEqual([self.turn(), self.turn()], [Compact(100), None])
        self.assertIn("not all of its members are well", obstacle(self.look, self.past))
        self.assertIn("disagree", obstacle(evolve(self.look, corrupt=True), self.past))
