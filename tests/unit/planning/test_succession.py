"""The plans of owner and successor while an instance changes hands."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import ContainerState, Status
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.revisioned import Claim
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.claim_steps import (
    DropSuccession,
    ReadClaim,
    ReleaseClaim,
    Succeed,
    TakeClaim,
    TakeSuccession,
    WriteClaim,
)
from daprdockr.planning.container_steps import (
    CreateContainer,
    PullImage,
    RemoveContainer,
    StartContainer,
    StopContainer,
)
from daprdockr.planning.plan import Plan, plan
from tests.build.situations import (
    DEFINED,
    FENCE,
    HERE,
    LEASE,
    NOW,
    OUT_OF_TOUCH,
    WEB_1,
    WEB_2,
    candidates,
    claim,
    container,
    running_record,
    situation,
    starting_record,
)
from tests.build.values import definition, fixing, instance

THEIRS = 99
"""The other node's lease."""
NEXT = 60
"""The create revision of our succession."""
CHECKED = definition(Health={"Type": "tcp", "Port": 8080})
MINE = container("mine")
ONE = instance(1)


def owned_by(node: str = "b", number: int = 1, of: Definition = WEB_1, **fields: Any) -> Claim:
    """Another node's claim of an instance that is well there."""
    record = ClaimRecord(node, State.RUNNING, healthy=True, container="theirs", definition=of.digest)
    return claim(evolve(record, **fields), number, lease=THEIRS, fence=FENCE)


def planned(*claims: Claim, next_is: str = "", containers: tuple[ContainerState, ...] = (), **fields: Any) -> Plan:
    """The plan at ``NOW``; ``next_is`` is the node that takes instance 1 over."""
    if next_is:
        lease = LEASE if next_is == "a" else THEIRS
        fields["successors"] = {1: claim(starting_record(next_is), lease=lease, fence=NEXT)}
    service = fields.pop("service", WEB_1)
    return plan(situation(service, claims, containers, **fields), NOW)


class TakeTests(SynchronousTestCase):
    """An instance leaves its owner, and nobody has begun to take it over."""

    leaving = owned_by(leaving=True)

    def test_first(self) -> None:
        """The node that ranks first begins at once."""
        self.assertEqual(planned(self.leaving), Plan((TakeSuccession(ONE, starting_record()),)))

    def test_rank_order(self) -> None:
        """Others wait a second for each place before them, and begin then."""
        others: dict[str, Any] = {"candidates": candidates("a", "c", "d", a=2, d=1)}
        self.assertEqual(planned(self.leaving, **others), Plan((), NOW + 2.0))
        since: dict[str, Any] = {"free_since": {1: NOW - 1.5}}
        self.assertEqual(planned(self.leaving, **others, **since), Plan((), NOW + 0.5))
        since = {"free_since": {1: NOW - 2.0}}
        self.assertEqual(planned(self.leaving, **others, **since).steps, (TakeSuccession(ONE, starting_record()),))

    def test_owner_is_no_taker(self) -> None:
        """The owner is not ranked, drained or not: a node is first though the owner has less of the service."""
        held = owned_by(number=2, node="a")
        self.assertEqual(
            planned(self.leaving, evolve(held, record=evolve(held.record, node="c")), service=definition(instances=2)),
            Plan((TakeSuccession(ONE, starting_record()),)),
        )

    def test_evening_out(self) -> None:
        """From an owner that is not drained a node takes over only what leaves it with less than the owner has."""
        for load, steps in ((3, (TakeSuccession(ONE, starting_record()),)), (4, ())):
            made = planned(self.leaving, candidates=candidates("a", "b", a=load, b=5))
            self.assertEqual(made, Plan(steps))

    def test_forbidden_owner(self) -> None:
        """From an owner that constraints forbid by now a node takes over also if that leaves it with more."""
        elsewhere = definition(Placement={"Constraints": ["node != b"]})
        made = planned(self.leaving, service=elsewhere, candidates=candidates("a", "b", a=7, b=1))
        self.assertEqual(made.steps, (TakeSuccession(ONE, starting_record()),))

    def test_not_for_us(self) -> None:
        """Nobody begins who may not claim, is cordoned, does not fit, or finds another at it."""
        for fields in (
            {"here": OUT_OF_TOUCH},
            {"here": evolve(HERE, lease=0)},
            {"here": evolve(HERE, cordoned=True)},
            {"candidates": candidates("c")},
            {"service": definition(Placement={"Constraints": ["node != a"]})},
            {"next_is": "c"},
        ):
            self.assertEqual(planned(self.leaving, **fields), Plan(), fields)

    def test_not_leaving(self) -> None:
        """An instance that does not leave, or is not wanted, is nobody's to take over."""
        self.assertEqual(planned(owned_by()), Plan())
        self.assertEqual(planned(self.leaving, service=definition(instances=0)), Plan())
        self.assertEqual(planned(self.leaving, service=None), Plan())

    def test_one_per_node(self) -> None:
        """A node that has one, or takes one over, takes no other of a service that spreads."""
        spread = definition(instances=2, Placement={"OnePerNode": True})
        other = owned_by(number=2, node="a")
        self.assertEqual(
            [s for s in planned(self.leaving, other, service=spread).steps if isinstance(s, TakeSuccession)], []
        )

    def test_only_one_of_two(self) -> None:
        """Where a node may have one, it claims the one that is free, prepares no other, and claims none it prepares."""
        for members in ({"Placement": {"OnePerNode": True}}, {"Container": fixing(5432)}):
            spread = definition(instances=2, **members)
            made = planned(self.leaving, service=spread)
            self.assertEqual(made.steps, (TakeClaim(instance(2), starting_record()),))
            for under_way in ({"next_is": "a"}, {"unanswered": {1}}):
                made = planned(self.leaving, service=spread, **under_way)
                self.assertEqual([s for s in made.steps if isinstance(s, TakeClaim | TakeSuccession)], [], under_way)

    def test_only_one_of_two_owners(self) -> None:
        """Where a node may have one, and two owners leave one each at the same moment, it prepares one of them."""
        owners = self.leaving, owned_by("c", 2, leaving=True)
        for members in ({"Placement": {"OnePerNode": True}}, {"Container": fixing(5432)}):
            spread = definition(instances=2, **members)
            for nodes in (candidates("a"), candidates("a", "d"), candidates("a", "d", d=1)):
                made = planned(*owners, service=spread, candidates=nodes, free_since={1: NOW - 60.0, 2: NOW - 60.0})
                self.assertEqual([type(step) for step in made.steps], [TakeSuccession])

    def test_two_owners(self) -> None:
        """Instances that two owners leave at the same moment are shared out like those of one."""
        owners = self.leaving, owned_by("c", 2, leaving=True)
        made = planned(*owners, service=definition(instances=2), candidates=candidates("a", "d"))
        self.assertEqual(len(made.steps), 1)

    def test_one_of_two_each(self) -> None:
        """Where a node may have one, two nodes prepare one each at once, in whatever order they saw the claims."""
        owners = self.leaving, owned_by("c", 2, leaving=True)
        spread = definition(instances=2, Placement={"OnePerNode": True})
        for seen in (owners, owners[::-1]):
            made = {
                node: planned(*seen, service=spread, candidates=candidates("a", "d"), here=evolve(HERE, node=node))
                for node in "ad"
            }
            taken = [s for one in made.values() for s in one.steps if isinstance(s, TakeSuccession)]
            self.assertEqual(sorted(step.instance.number for step in taken), [1, 2])
            self.assertEqual(made["a"], planned(*owners, service=spread, candidates=candidates("a", "d")))

    def test_several(self) -> None:
        """A node prepares as many at once as are left to it, though it has one already."""
        service, own = definition(instances=3), owned_by("a", 3)
        made = planned(self.leaving, owned_by(number=2, leaving=True), own, service=service)
        self.assertEqual([s.instance.number for s in made.steps if isinstance(s, TakeSuccession)], [1, 2])

    def test_unanswered(self) -> None:
        """Where a node may have one, and the answer about one that it was to prepare was lost, it prepares no other."""
        owners = self.leaving, owned_by("c", 2, leaving=True)
        made = planned(*owners, service=definition(instances=2, Placement={"OnePerNode": True}), unanswered={2})
        self.assertEqual([s for s in made.steps if isinstance(s, TakeSuccession)], [])

    def test_another_prepares_one(self) -> None:
        """A node that prepares one is not ranked for the free one, so nobody waits for it."""
        spread = definition(instances=2, Placement={"OnePerNode": True})
        nodes = candidates("a", "c", a=5)
        made = planned(self.leaving, next_is="c", service=spread, candidates=nodes)
        self.assertEqual(made.steps, (TakeClaim(instance(2), starting_record()),))


class PrepareTests(SynchronousTestCase):
    """This node takes instance 1 over from ``b``."""

    leaving = owned_by(leaving=True)

    def prepared(self, *containers: ContainerState, **fields: Any) -> Plan:
        return planned(self.leaving, next_is="a", containers=containers, **fields)

    def test_container_comes_up(self) -> None:
        """It pulls the image, creates its container and starts it as an owner does; the fence is the succession's."""
        self.assertEqual(self.prepared(images={}).steps, (PullImage("web:1"),))
        self.assertEqual(self.prepared().steps, (CreateContainer(ONE, WEB_1, (), NEXT, defined=DEFINED),))
        created = container("mine", status=Status.CREATED)
        self.assertEqual(self.prepared(created).steps, (StartContainer(ONE, "mine"),))

    def test_not_healthy_yet(self) -> None:
        """As long as its container is not healthy it changes nothing."""
        mine = container("mine", of=CHECKED)
        for verdicts in ({}, {"mine": False}):
            self.assertEqual(self.prepared(mine, service=CHECKED, verdicts=verdicts), Plan())

    def test_healthy(self) -> None:
        """When it is healthy it takes the owner's place, by both create revisions."""
        step = Succeed(ONE, running_record(MINE), FENCE, THEIRS, NEXT)
        self.assertEqual(self.prepared(MINE), Plan((step,)))

    def test_changed_meanwhile(self) -> None:
        """When the definition changed it brings up a container of the new one, and takes over with no other."""
        self.assertEqual(self.prepared(MINE, service=WEB_2, images={}).steps, (PullImage("web:2"),))
        stop = StopContainer(ONE, "mine", 3, "the definition of web.myapp changed")
        self.assertEqual(self.prepared(MINE, service=WEB_2).steps, (stop,))

    def test_changed_and_stopped(self) -> None:
        """A copy of the former definition, to which nothing leads, is not started again: the present one is made."""
        made = self.prepared(evolve(MINE, status=Status.EXITED), service=WEB_2)
        self.assertEqual([type(step) for step in made.steps], [CreateContainer])

    def test_under_another_lease(self) -> None:
        """Under a lease that is not the present one it neither creates nor takes over."""
        here = evolve(HERE, lease=LEASE + 1)
        self.assertEqual(self.prepared(MINE, here=here), Plan())
        self.assertEqual(self.prepared(here=here), Plan())

    def test_out_of_touch(self) -> None:
        """Out of touch it stops, creates, starts and writes nothing, nor does it start under another lease."""
        for containers in ((), (MINE,), (container("mine", status=Status.CREATED),)):
            self.assertEqual(self.prepared(*containers, here=OUT_OF_TOUCH), Plan())
            self.assertEqual(self.prepared(*containers, here=evolve(HERE, lease=LEASE + 1)), Plan())


class PointlessTests(SynchronousTestCase):
    """A succession of this node that has lost its reason."""

    drop = DropSuccession(ONE, NEXT)

    def test_owner_died(self) -> None:
        """The owner's claim is gone: the succession is dropped, and the instance claimed like any free one."""
        self.assertEqual(planned(next_is="a", containers=(MINE,)).steps, (self.drop,))
        after = planned(containers=(MINE,))
        self.assertEqual(after.steps, (TakeClaim(ONE, running_record(MINE)),))

    def test_owner_keeps_it(self) -> None:
        """It does not leave any more: the copy here goes after the seconds of Drain, as any surplus one."""
        made = planned(owned_by(), next_is="a", containers=(MINE,), surplus_since={1: NOW})
        self.assertEqual(made, Plan((self.drop,), NOW + 10))
        stop = StopContainer(ONE, "mine", 3, "1.web.myapp runs on b")
        self.assertEqual(planned(owned_by(), containers=(MINE,), surplus_since={1: NOW - 10}).steps, (stop,))

    def test_not_wanted(self) -> None:
        """Its service is deleted or scaled down: copy and succession go."""
        for service, why in ((None, "deleted"), (definition(instances=0), "scaled down")):
            made = planned(owned_by(leaving=True), next_is="a", containers=(MINE,), service=service)
            stop = StopContainer(ONE, "mine", 3, f"web.myapp is {why}")
            self.assertEqual(made.steps, (self.drop, stop))

    def test_already_ours(self) -> None:
        """It is the owner itself: there is nobody to succeed."""
        for leaving in (False, True):
            own = claim(running_record(MINE, leaving=leaving))
            made = planned(own, next_is="a", containers=(MINE,), leaving={1: NOW} if leaving else {})
            self.assertEqual(made.steps, (self.drop,))

    def test_not_ours_to_drop(self) -> None:
        """Out of touch, or under a former lease, it is left to end with that lease."""
        for here in (OUT_OF_TOUCH, evolve(HERE, lease=LEASE + 1), evolve(HERE, lease=0)):
            self.assertEqual([s for s in planned(next_is="a", here=here).steps if isinstance(s, DropSuccession)], [])


class OwnerTests(SynchronousTestCase):
    """This node owns instance 1, which should leave."""

    own = claim(running_record(MINE))

    def test_tells(self) -> None:
        """It states so in the claim, and keeps the container."""
        made = planned(self.own, containers=(MINE,), leaving={1: NOW})
        self.assertEqual(made, Plan((WriteClaim(ONE, running_record(MINE, leaving=True), FENCE, FENCE),)))

    def test_not_yet(self) -> None:
        """Before its time it writes nothing, and is planned again then."""
        self.assertEqual(planned(self.own, containers=(MINE,), leaving={1: NOW + 5}), Plan((), NOW + 5))

    def test_taken_back(self) -> None:
        """An instance that need not leave any more is reported as staying."""
        told = claim(running_record(MINE, leaving=True))
        made = planned(told, containers=(MINE,))
        self.assertEqual(made.steps, (WriteClaim(ONE, running_record(MINE), FENCE, FENCE),))

    def test_while_another_prepares(self) -> None:
        """While its successor prepares it goes on as before, and starts again what dies."""
        told = claim(running_record(MINE, leaving=True))
        self.assertEqual(planned(told, next_is="b", containers=(MINE,), leaving={1: NOW}), Plan())
        dead = container("mine", status=Status.EXITED)
        made = planned(told, next_is="b", containers=(dead,), leaving={1: NOW})
        self.assertIn(StartContainer(ONE, "mine"), made.steps)

    def test_succeeded(self) -> None:
        """After the loss the copy here serves for the seconds of Drain, then it is stopped and removed."""
        self.assertEqual(planned(owned_by(), containers=(MINE,), surplus_since={1: NOW - 9}), Plan((), NOW + 1))
        made = planned(owned_by(), containers=(MINE,), surplus_since={1: NOW - 10})
        self.assertEqual(made.steps, (StopContainer(ONE, "mine", 3, "1.web.myapp runs on b"),))
        dead = container("mine", status=Status.EXITED)
        made = planned(owned_by(), containers=(dead,))
        self.assertEqual(made.steps, (RemoveContainer(ONE, "mine", "1.web.myapp runs on b"),))

    def test_unanswered(self) -> None:
        """While a write of ours has no answer the copy here stays: the instance may be ours by now."""
        for of in (WEB_1, definition(OnPartition="stop")):
            copy = container("mine", of=of)
            made = planned(owned_by(), service=of, containers=(copy,), surplus_since={1: NOW - 10}, unanswered={1})
            self.assertEqual(made.steps, (ReadClaim(ONE),))

    def test_successor_falls_ill(self) -> None:
        """As long as the new owner's is not healthy the copy here stays, however long ago it succeeded."""
        made = planned(owned_by(healthy=False), containers=(MINE,), surplus_since={1: NOW - 99})
        self.assertEqual(made, Plan())

    def test_between_others(self) -> None:
        """A copy that is left here of an instance that moves from one other node to another goes."""
        dead = container("mine", status=Status.EXITED)
        made = planned(owned_by(leaving=True), next_is="c", containers=(dead,))
        self.assertEqual(made.steps, (RemoveContainer(ONE, "mine", "1.web.myapp runs on b"),))

    def test_nothing_is_released(self) -> None:
        """No claim is given up before somebody took it, whether a container is there or not."""
        starting = claim(starting_record(leaving=True))
        made = planned(starting, next_is="b", leaving={1: NOW})
        self.assertEqual([step for step in made.steps if isinstance(step, ReleaseClaim)], [])
        made = planned(self.own, next_is="b", containers=(MINE,), leaving={1: NOW})
        self.assertEqual([step for step in made.steps if isinstance(step, ReleaseClaim)], [])
