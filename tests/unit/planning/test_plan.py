"""The planner, situation by situation: what is seen, and exactly which steps come next."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from daprdockr.model.host import Image, Port, Status
from daprdockr.model.stored.claim import State
from daprdockr.planning.attempts import SETTLED, Attempts
from daprdockr.planning.claim_steps import DropSuccession, ReadClaim, ReleaseClaim, TakeClaim, WriteClaim
from daprdockr.planning.claiming import CLAIM_DELAY
from daprdockr.planning.container_steps import (
    CreateContainer,
    PullImage,
    RemoveContainer,
    StartContainer,
    StopContainer,
)
from daprdockr.planning.placing.placement import rank
from daprdockr.planning.plan import Plan, plan
from daprdockr.planning.rollout_steps import TakeSlot
from daprdockr.planning.steps import Step
from tests.build.plans import (
    CHANGED,
    EXITED,
    FIRST,
    OLD,
    OTHERS,
    OURS,
    RUNNING,
    SECOND,
    STARTING,
    PlanTestCase,
    withdrawn,
)
from tests.build.situations import (
    DEFINED,
    FENCE,
    HERE,
    NOW,
    OUT_OF_TOUCH,
    PORT,
    WEB_1,
    WEB_2,
    candidates,
    changed,
    claim,
    container,
    order,
    running_record,
    situation,
    slot,
    starting_record,
)
from tests.build.values import definition, instance


class ConvergedTests(PlanTestCase):
    def test_runs_and_is_told(self) -> None:
        """An instance that runs and is reported leaves nothing to do, and nothing to wait for."""
        self.assertEqual(plan(situation(claims=(OURS,), containers=(RUNNING,)), NOW), Plan())

    def test_runs_elsewhere(self) -> None:
        """An instance that another node owns is that node's business, whatever its state."""
        for record in (OTHERS, starting_record("b")):
            self.assertEqual(plan(situation(claims=(claim(record, lease=99),)), NOW), Plan())

    def test_nothing_wanted(self) -> None:
        """No service, or one scaled to zero, leaves nothing to do."""
        self.assertEqual(plan(situation(None), NOW), Plan())
        self.assertEqual(plan(situation(definition(instances=0)), NOW), Plan())

    def test_held(self) -> None:
        """Of a service whose definition cannot be read nothing is concluded."""
        for service in (None, WEB_1):
            seen = situation(service, (OURS,), (EXITED, OLD), held=True)
            self.assertEqual(plan(seen, NOW), Plan())


class FromNothingTests(PlanTestCase):
    """A new service, step by step."""

    def test_claims(self) -> None:
        """A free instance is claimed first."""
        self.assert_steps(situation(), TakeClaim(FIRST, starting_record()))

    def test_looks_for_the_image(self) -> None:
        """With the claim, the image is looked for if this host is not known to have it."""
        self.assert_steps(situation(claims=(STARTING,), images={}), PullImage("web:1"))

    def test_creates(self) -> None:
        """With claim and image, a container is created, with the ports that definition and image ask for."""
        service = definition(Http={"HostName": "a.b", "ContainerPort": 8080})
        image = Image("sha256:1", exposed=(Port(8080), Port(9000)))
        self.assert_steps(
            situation(service, (STARTING,), images={"web:1": image}),
            CreateContainer(FIRST, service, (Port(8080), Port(9000)), FENCE, DEFINED),
        )

    def test_starts(self) -> None:
        """A container that is there is started."""
        created = container(status=Status.CREATED, started=0.0)
        self.assert_steps(situation(claims=(STARTING,), containers=(created,)), StartContainer(FIRST, "c1"))

    def test_tells(self) -> None:
        """A container that runs is reported."""
        seen = situation(claims=(STARTING,), containers=(RUNNING,))
        self.assert_steps(seen, WriteClaim(FIRST, running_record(RUNNING), FENCE, FENCE))

    def test_several_at_once(self) -> None:
        """Instances do not wait for each other: each takes its own next step."""
        service = definition(instances=3)
        self.assert_steps(
            situation(service, (OURS, claim(starting_record(), 2)), (RUNNING,)),
            CreateContainer(SECOND, service, (), FENCE, DEFINED),
            TakeClaim(instance(3), starting_record()),
        )


class ClaimingTests(PlanTestCase):
    def nodes_in_order(self) -> tuple[str, ...]:
        return order(rank([FIRST.number], WEB_1, {}, candidates("a", "b", "c")), FIRST.number)

    def test_only_the_first_of_the_ranking_at_once(self) -> None:
        """The node ranked first claims at once; each next one waits longer."""
        for place, node in enumerate(self.nodes_in_order()):
            here = evolve(HERE, node=node)
            seen = situation(here=here, candidates=candidates("a", "b", "c"), free_since={1: NOW})
            if place:
                self.assert_waits(seen, NOW + place * CLAIM_DELAY)
            else:
                self.assert_steps(seen, TakeClaim(FIRST, starting_record(node)))

    def test_what_others_left(self) -> None:
        """An instance that was left free for too long is claimed by the next in the ranking."""
        last = evolve(HERE, node=self.nodes_in_order()[-1])
        seen = situation(here=last, candidates=candidates("a", "b", "c"), free_since={1: NOW - 2 * CLAIM_DELAY})
        self.assert_steps(seen, TakeClaim(FIRST, starting_record(last.node)))

    def test_not_without_a_lease_or_touch(self) -> None:
        """A node without a certain lease, or out of touch, claims nothing."""
        for here in (evolve(HERE, lease=0), OUT_OF_TOUCH):
            for containers in ((), (RUNNING,)):
                self.assertEqual(plan(situation(containers=containers, here=here), NOW), Plan())

    def test_not_against_a_constraint(self) -> None:
        """A node that may not have an instance never claims it, however long it is free."""
        seen = situation(definition(Placement={"Constraints": ["node != a"]}), free_since={1: 0.0})
        self.assertEqual(plan(seen, NOW), Plan())

    def test_not_while_cordoned(self) -> None:
        """A node that is no candidate claims nothing new."""
        self.assertEqual(plan(situation(candidates=candidates("b"), free_since={1: 0.0}), NOW), Plan())

    def test_one_per_node(self) -> None:
        """With OnePerNode a node that holds an instance takes no second one, and never two in one plan."""
        service = definition(instances=2, Placement={"OnePerNode": True})
        holding = situation(service, (OURS,), (RUNNING,), candidates=candidates("a", "b"), free_since={2: 0.0})
        self.assertEqual(plan(holding, NOW), Plan())
        late = situation(service, candidates=candidates("a", "b"), free_since={1: 0.0, 2: 0.0})
        self.assertEqual(len(plan(late, NOW).steps), 1)

    def test_its_own_share(self) -> None:
        """Of twelve instances on three nodes each node claims its four at once."""
        service = definition(instances=12)
        taken = []
        for node in "abc":
            here = evolve(HERE, node=node)
            taken.append(plan(situation(service, here=here, candidates=candidates("a", "b", "c")), NOW).steps)
        self.assertEqual([len(steps) for steps in taken], [4, 4, 4])
        self.assertEqual(len({step.lane for steps in taken for step in steps}), 12)


class AdoptionTests(PlanTestCase):
    def test_the_claim_vanished(self) -> None:
        """A node whose claim ended while its container runs claims again at once, at any rank, with the full record."""
        for nodes in (candidates("a", "b", "c"), candidates("b", "c"), ()):
            seen = situation(containers=(RUNNING,), candidates=nodes, free_since={1: NOW})
            self.assert_steps(seen, TakeClaim(FIRST, running_record(RUNNING)))

    def test_a_container_of_the_old_definition(self) -> None:
        """A running container is adopted as it is; it is replaced only when this node holds the claim."""
        self.assert_steps(situation(containers=(OLD,)), TakeClaim(FIRST, running_record(OLD)))

    def test_many_leases_at_once(self) -> None:
        """While nodes that vanished together may come back, only what runs here is claimed."""
        until = NOW + 3.0
        seen = situation(definition(instances=2), containers=(RUNNING,), adopt_until=until)
        self.assertEqual(plan(seen, NOW), Plan((TakeClaim(FIRST, running_record(RUNNING)),), until))
        self.assertEqual(len(plan(changed(seen, adopt_until=NOW), NOW).steps), 2)

    def test_a_stopped_container(self) -> None:
        """After a power cut the node that had an instance goes on with it, whatever its rank, unless it came late."""
        for nodes in (candidates("a", "b", a=9), candidates("b"), ()):
            self.assert_steps(situation(containers=(EXITED,), candidates=nodes), TakeClaim(FIRST, starting_record()))
        self.assert_steps(
            situation(claims=(claim(OTHERS),), containers=(EXITED,)),
            RemoveContainer(FIRST, "c1", "1.web.myapp runs on b"),
        )

    def test_a_stopped_container_without_precedence(self) -> None:
        """It gives no right before others when it could not go on here."""
        failed = {FIRST: Attempts(2, NOW - 1, "died")}
        for fields in (
            {"here": evolve(HERE, cordoned=True)},
            {"service": WEB_2},
            {"service": definition(Placement={"Constraints": ["zone == x"]})},
            {"attempts": failed},
            {"containers": (evolve(EXITED, status=Status.CREATED),)},
            {"containers": (evolve(EXITED, status=Status.DEAD),)},
        ):
            given: dict[str, Any] = {"containers": (EXITED,), "candidates": candidates("b"), **fields}
            self.assertEqual(plan(situation(**given), NOW), Plan(), fields)

    def test_what_is_being_stopped(self) -> None:
        """A container on its way out gives no precedence though it still runs."""
        seen = situation(containers=(RUNNING,), candidates=candidates("b"), stopping={"c1"})
        self.assertEqual(plan(seen, NOW), Plan())

    def test_counts_as_held(self) -> None:
        """A node counts the instances that it is about to adopt when it chooses what else to claim."""
        service = definition(instances=2, Placement={"OnePerNode": True})
        for number in (1, 2):
            seen = situation(service, containers=(container(number=number),), candidates=candidates("a", "b"))
            self.assertEqual([str(step) for step in plan(seen, NOW).steps], [f"claim {number}.web.myapp"])

    def test_counts_in_the_ranking(self) -> None:
        """With what it adopts a node is not the first for another instance any more."""
        seen = situation(definition(instances=2), containers=(RUNNING,), candidates=candidates("a", "b", b=9))
        self.assertEqual(plan(seen, NOW), Plan((TakeClaim(FIRST, running_record(RUNNING)),), NOW + CLAIM_DELAY))

    def test_a_claim_under_the_former_lease(self) -> None:
        """A claim under a lease that is not the present one is written by nobody; it ends, or is renewed."""
        old_lease = claim(running_record(RUNNING), lease=5)
        self.assertEqual(plan(situation(claims=(old_lease,), containers=(RUNNING,)), NOW), Plan())
        self.assertEqual(plan(situation(claims=(claim(starting_record(), lease=5),)), NOW), Plan())
        self.assertEqual(plan(situation(WEB_2, (old_lease,), (RUNNING,)), NOW), Plan())
        self.assertEqual(plan(situation(None, (old_lease,)), NOW), Plan())

    def test_a_claim_without_a_lease(self) -> None:
        """A claim under no lease is not ours to write while this node has none."""
        seen = situation(None, (claim(starting_record(), lease=0),), here=evolve(HERE, lease=0))
        self.assertEqual(plan(seen, NOW), Plan())


class DeathTests(PlanTestCase):
    def test_starts_again_and_tells(self) -> None:
        """A container that died is started again at once, while the claim is written in a lane of its own."""
        seen = situation(claims=(OURS,), containers=(EXITED,), attempts={FIRST: Attempts(1, NOW, "died")})
        record = evolve(running_record(EXITED), state=State.STARTING, healthy=False, reason="died")
        self.assert_steps(seen, WriteClaim(FIRST, record, FENCE, FENCE), StartContainer(FIRST, "c1"))

    def test_needs_no_image(self) -> None:
        """A container that is there is started whatever is known of the image, or of its registry."""
        for pulls in ({}, {"web:1": Attempts(9, NOW + 60, "no registry")}):
            seen = situation(claims=(OURS,), containers=(EXITED,), images={}, pulls=pulls)
            self.assertIn(StartContainer(FIRST, "c1"), plan(seen, NOW).steps)

    def test_out_of_touch(self) -> None:
        """Out of touch, and without a lease, what is known as ours is started again, and nothing else is done."""
        for here in (OUT_OF_TOUCH, evolve(OUT_OF_TOUCH, lease=0), evolve(HERE, lease=0)):
            seen = situation(claims=(OURS,), containers=(EXITED,), here=here)
            self.assert_steps(seen, StartContainer(FIRST, "c1"))

    def test_backing_off(self) -> None:
        """A container that keeps dying is reported as such, and started when it is time."""
        attempts = Attempts(3, NOW + 2, "died: exit status 1")
        record = evolve(running_record(EXITED), state=State.BACKING_OFF, healthy=False, reason=attempts.reason)
        told = situation(claims=(claim(record),), containers=(EXITED,), attempts={FIRST: attempts})
        self.assert_waits(told, NOW + 2)
        self.assert_steps(told, StartContainer(FIRST, "c1"), now=NOW + 2)

    def test_a_new_definition(self) -> None:
        """Failures of an older definition do not delay the present one."""
        attempts = Attempts(9, NOW + 60, "no such driver", of=WEB_1.digest)
        seen = situation(WEB_2, (STARTING,), attempts={FIRST: attempts})
        self.assertEqual([type(step) for step in plan(seen, NOW).steps], [CreateContainer])

    def test_settling(self) -> None:
        """After a crash loop the planner looks again when the container has lasted."""
        attempts = Attempts(3, NOW, "died")
        record = evolve(running_record(EXITED), state=State.STARTING, healthy=False, started=1.0, reason="died")
        seen = situation(claims=(claim(record),), containers=(RUNNING,), attempts={FIRST: attempts})
        self.assert_waits(seen, NOW + SETTLED)

    def test_its_start_failed(self) -> None:
        """A container whose start failed, or that the Engine calls dead, is removed, and made anew in time."""
        broken = container(status=Status.CREATED, error="port is taken", started=0.0)
        dead = container(status=Status.DEAD)
        for one, reason in ((broken, "port is taken"), (dead, "it is dead")):
            seen = situation(claims=(STARTING,), containers=(one,))
            self.assert_steps(seen, RemoveContainer(FIRST, "c1", reason))
        attempts = {FIRST: Attempts(2, NOW + 1, "port is taken")}
        record = starting_record(state=State.BACKING_OFF, reason="port is taken")
        self.assert_waits(situation(claims=(claim(record),), attempts=attempts), NOW + 1)

    def test_on_its_way_out(self) -> None:
        """A container that the Engine is removing is waited for."""
        removing = container(status=Status.REMOVING)
        self.assertEqual(plan(situation(claims=(STARTING,), containers=(removing,)), NOW), Plan())

    def test_paused(self) -> None:
        """A container that a person paused counts as running: it is reported, and neither started nor replaced."""
        paused = container(ports=(PORT,), status=Status.PAUSED)
        seen = situation(claims=(OURS,), containers=(paused,))
        record = running_record(RUNNING, state=State.UNHEALTHY, healthy=False, reason="it is paused")
        self.assert_steps(seen, WriteClaim(FIRST, record, FENCE, FENCE))
        self.assertEqual(plan(changed(seen, claims={1: claim(record)}), NOW), Plan())

    def test_removed_by_a_stranger(self) -> None:
        """A container that is gone is created again, on the host ports it had."""
        service = definition(Http={"HostName": "a.b", "ContainerPort": 8080}, Health={"Type": "none"})
        ours = claim(evolve(running_record(RUNNING), state=State.STARTING, healthy=False))
        self.assert_steps(situation(service, (ours,)), CreateContainer(FIRST, service, (PORT,), FENCE, DEFINED))

    def test_a_pull_that_failed(self) -> None:
        """A failed pull is reported, and tried again when it is time."""
        pulls = {"web:1": Attempts(2, NOW + 0.5, "no such image")}
        record = starting_record(state=State.PULLING, reason="no such image")
        seen = situation(claims=(STARTING,), images={}, pulls=pulls)
        self.assertEqual(plan(seen, NOW), Plan((WriteClaim(FIRST, record, FENCE, FENCE),), NOW + 0.5))
        told = changed(seen, claims={1: claim(record)})
        self.assert_steps(told, PullImage("web:1"), now=NOW + 0.5)


class ChangedDefinitionTests(PlanTestCase):
    """From web:1, which runs, to web:2."""

    NEW_CREATED = container("new", of=WEB_2, status=Status.CREATED, started=0.0)
    NEW_RUNS = container("new", of=WEB_2, started=20.0)

    def test_the_image_first(self) -> None:
        """While the image is fetched the old container serves on, and so it does when there is no such image."""
        self.assert_steps(situation(WEB_2, (OURS,), (RUNNING,), images={}), PullImage("web:2"))
        pulls = {"web:2": Attempts(2, NOW + 9, "no such image")}
        ours = claim(running_record(RUNNING, reason="the changed definition waits for its image: no such image"))
        self.assert_waits(situation(WEB_2, (ours,), (RUNNING,), images={}, pulls=pulls), NOW + 9)

    def test_then_a_slot(self) -> None:
        """With the image there the instance gets a slot, and meanwhile the old container serves on."""
        self.assert_steps(situation(WEB_2, (OURS,), (RUNNING,)), TakeSlot(FIRST, 1, 0, WEB_2.digest))

    def test_then_the_old_one_stops(self) -> None:
        """Where only one may run the old one is withdrawn, and then stopped, with the time it was given."""
        stopped = definition("web:2", Update={"Order": "stop-first"})
        told, slots = withdrawn(RUNNING, CHANGED), {1: slot(stopped)}
        seen = situation(stopped, (OURS,), (RUNNING,), slots=slots)
        self.assert_steps(seen, WriteClaim(FIRST, told.record, FENCE, OURS.revision))
        seen = situation(stopped, (told,), (RUNNING,), slots=slots)
        self.assert_steps(seen, StopContainer(FIRST, "c1", 3, CHANGED))

    def test_then_the_new_one(self) -> None:
        """The new container is created beside the old one, on the same host ports, and started."""
        service = definition("web:2", Container={"ExposedPorts": [8080]})
        told = claim(evolve(running_record(RUNNING), state=State.STARTING, healthy=False, container="gone"))
        again = CreateContainer(FIRST, service, (PORT,), FENCE, DEFINED)
        self.assert_steps(situation(service, (told,), (EXITED,)), again)
        self.assert_steps(situation(WEB_2, (told,), (EXITED, self.NEW_CREATED)), StartContainer(FIRST, "new"))

    def test_the_old_one_goes_last(self) -> None:
        """The old container is removed when the new one runs."""
        seen = situation(WEB_2, (claim(running_record(self.NEW_RUNS)),), (EXITED, self.NEW_RUNS))
        self.assert_steps(seen, RemoveContainer(FIRST, "c1", "another container of this instance runs"))

    def test_back_again(self) -> None:
        """A definition that is changed back finds its container still there."""
        seen = situation(WEB_1, (claim(running_record(OLD)),), (EXITED, OLD), slots={1: slot(WEB_1)})
        self.assert_steps(seen, StartContainer(FIRST, "c1"))

    def test_out_of_touch(self) -> None:
        """Out of touch the running generation stays alone, and is started again if it ended."""
        for ones in ((RUNNING,), (RUNNING, self.NEW_CREATED)):
            self.assertEqual(plan(situation(WEB_2, (OURS,), ones, OUT_OF_TOUCH), NOW), Plan())
        self.assert_steps(situation(WEB_2, (OURS,), (EXITED,), OUT_OF_TOUCH), StartContainer(FIRST, "c1"))

    def test_ports_of_the_latest(self) -> None:
        """Among several containers the host ports of the latest are taken, and none that was never chosen."""
        service = definition("web:2", Container={"ExposedPorts": [8080]})
        older = container("older", started=1.0, status=Status.EXITED, ports=(Port(8080, "tcp", 29999),))
        never = container("never", started=0.0, status=Status.CREATED, of=definition("web:3"), ports=(Port(8080),))
        record = evolve(running_record(RUNNING), state=State.STARTING, healthy=False, container="gone")
        for containers in ((older, EXITED, never), (never, EXITED, older)):
            (step,) = plan(situation(service, (claim(record),), containers), NOW).steps
            self.assertEqual(step, CreateContainer(FIRST, service, (PORT,), FENCE, DEFINED))


class OneTooManyTests(PlanTestCase):
    def test_the_claim_names_one(self) -> None:
        """Of two running containers of an instance that one stays which its claim names, though it is the older one."""
        later = container("c2", started=20.0)
        seen = situation(claims=(OURS,), containers=(RUNNING, later), verdicts={"c1": True, "c2": True})
        self.assert_steps(seen, StopContainer(FIRST, "c2", 3, "another container of this instance runs"))

    def test_two_of_an_instance(self) -> None:
        """Of two running containers of an instance the latest stays."""
        later = container("c2", started=20.0)
        self.assert_steps(
            situation(claims=(claim(running_record(later)),), containers=(RUNNING, later)),
            StopContainer(FIRST, "c1", 3, "another container of this instance runs"),
        )

    def test_runs_elsewhere_and_is_well(self) -> None:
        """When another node has the claim, our copy goes once that one's has been healthy for the drain."""
        drained = {1: NOW - WEB_1.update.drain}
        self.assert_steps(
            situation(claims=(claim(OTHERS),), containers=(RUNNING,), surplus_since=drained),
            StopContainer(FIRST, "c1", 3, "1.web.myapp runs on b"),
        )

    def test_runs_elsewhere_and_drains(self) -> None:
        """Until all routes had time to turn to the other one, our copy serves on."""
        seen = situation(claims=(claim(OTHERS),), containers=(RUNNING,), surplus_since={1: NOW - 1})
        self.assertEqual(plan(seen, NOW), Plan((), NOW - 1 + WEB_1.update.drain))

    def test_a_write_without_an_answer(self) -> None:
        """As long as we may own the instance without knowing it, our copy stays; its key is read."""
        fields: dict[str, Any] = {"surplus_since": {1: 0.0}, "unanswered": {1}}
        self.assert_steps(situation(claims=(claim(OTHERS),), containers=(RUNNING,), **fields), ReadClaim(FIRST))
        self.assertEqual(
            plan(situation(claims=(claim(OTHERS),), containers=(RUNNING,), here=OUT_OF_TOUCH, **fields), NOW), Plan()
        )

    def test_elsewhere_but_not_well(self) -> None:
        """As long as the other node's instance is not healthy our copy stays."""
        seen = situation(claims=(claim(starting_record("b")),), containers=(RUNNING,))
        self.assertEqual(plan(seen, NOW), Plan())

    def test_out_of_touch(self) -> None:
        """Out of touch no copy is too many."""
        later = container("c2", started=20.0)
        for seen in (
            situation(claims=(claim(OTHERS),), containers=(RUNNING,), here=OUT_OF_TOUCH),
            situation(claims=(OURS,), containers=(RUNNING, later), here=OUT_OF_TOUCH),
        ):
            self.assertEqual(plan(seen, NOW), Plan())


class UnwantedTests(PlanTestCase):
    def test_deleted(self) -> None:
        """The container of a deleted service is stopped, then removed, then the claim is released."""
        reason = "web.myapp is deleted"
        self.assert_steps(situation(None, (OURS,), (RUNNING,)), StopContainer(FIRST, "c1", 3, reason))
        self.assert_steps(situation(None, (OURS,), (EXITED,)), RemoveContainer(FIRST, "c1", reason))
        self.assert_steps(situation(None, (OURS,)), ReleaseClaim(FIRST, FENCE))

    def test_scaled_down(self) -> None:
        """Only the instances beyond the wanted number go."""
        second = container("c2", number=2)
        seen = situation(WEB_1, (OURS, claim(running_record(second), 2)), (RUNNING, second))
        self.assert_steps(seen, StopContainer(SECOND, "c2", 3, "web.myapp is scaled down"))

    def test_to_zero(self) -> None:
        """A service scaled to zero stops everywhere."""
        seen = situation(definition(instances=0), (OURS,), (RUNNING,))
        self.assert_steps(seen, StopContainer(FIRST, "c1", 3, "web.myapp is scaled down"))

    def test_the_claim_of_another(self) -> None:
        """A claim of another node is not ours to release."""
        self.assertEqual(plan(situation(None, (claim(OTHERS, lease=99),)), NOW), Plan())

    def test_without_a_lease(self) -> None:
        """A container that is not wanted stops without a lease too; only the claim has to wait for one."""
        here = evolve(HERE, lease=0)
        self.assertEqual(len(plan(situation(None, (OURS,), (RUNNING,), here), NOW).steps), 1)
        self.assertEqual(plan(situation(None, (OURS,), here=here), NOW), Plan())

    def test_out_of_touch(self) -> None:
        """Out of touch the absence of a definition means nothing."""
        for service in (None, definition(instances=0)):
            for containers in ((RUNNING,), (EXITED,), ()):
                self.assertEqual(plan(situation(service, (OURS,), containers, OUT_OF_TOUCH), NOW), Plan())

    def test_an_etcd_that_never_knew_it(self) -> None:
        """A container from another etcd, or from a time this one has not seen, is left alone."""
        for one in (container(cluster=8), container(revision=HERE.revision + 1)):
            for status in (Status.RUNNING, Status.EXITED):
                self.assertEqual(plan(situation(None, containers=(evolve(one, status=status),)), NOW), Plan())

    def test_an_etcd_that_knows_it_by_now(self) -> None:
        """A container from another etcd that was adopted under this one goes on the word of this one."""
        adopted = container(cluster=8)
        seen = situation(None, (claim(running_record(adopted)),), (adopted,))
        self.assert_steps(seen, StopContainer(FIRST, "c1", 3, "web.myapp is deleted"))


class StepTests(PlanTestCase):
    def test_printed(self) -> None:
        """Each step prints as one line that says what is done, to what, and why."""
        steps: tuple[Step, ...] = (
            TakeClaim(FIRST, starting_record()),
            WriteClaim(FIRST, starting_record(state=State.PULLING, reason="no such image"), 1, 1),
            ReleaseClaim(FIRST, 1),
            PullImage("web:1"),
            CreateContainer(FIRST, WEB_1, (), 1),
            StartContainer(FIRST, "0123456789abcdef"),
            StopContainer(FIRST, "0123456789abcdef", 3, "web.myapp is deleted"),
            RemoveContainer(FIRST, "0123456789abcdef", "it is dead"),
        )
        self.assertEqual(
            [str(step) for step in steps],
            [
                "claim 1.web.myapp",
                "report that 1.web.myapp is pulling (no such image)",
                "release 1.web.myapp",
                "pull web:1",
                "create a container of web:1 for 1.web.myapp",
                "start container 0123456789ab of 1.web.myapp",
                "stop container 0123456789ab of 1.web.myapp: web.myapp is deleted",
                "remove container 0123456789ab of 1.web.myapp: it is dead",
            ],
        )


class AtMostOneTests(PlanTestCase):
    """A service with ``OnPartition: stop``."""

    service = definition(OnPartition="stop")
    mine = container(of=service)
    drained = evolve(HERE, cordoned=True)

    def test_runs_elsewhere(self) -> None:
        """Our copy goes at once when another node holds the claim, whether it is well there or not."""
        for record in (OTHERS, starting_record("b")):
            self.assert_steps(
                situation(self.service, (claim(record),), (self.mine,)),
                StopContainer(FIRST, "c1", 3, "1.web.myapp runs on b"),
            )

    def test_out_of_touch(self) -> None:
        """Without etcd nothing is started, nor without a certain lease; and nothing is stopped by the planner."""
        dead = evolve(self.mine, status=Status.EXITED)
        ours = claim(starting_record())
        self.assertEqual(plan(situation(self.service, (ours,), (dead,), here=OUT_OF_TOUCH), NOW), Plan())
        self.assertEqual(plan(situation(self.service, (ours,), (dead,), here=evolve(HERE, lease=0)), NOW), Plan())
        self.assert_steps(situation(self.service, (ours,), (dead,)), StartContainer(FIRST, "c1"))
        told = claim(running_record(self.mine))
        self.assertEqual(plan(situation(self.service, (told,), (self.mine,), here=OUT_OF_TOUCH), NOW), Plan())

    def test_not_known_to_be_ours(self) -> None:
        """After a write whose answer was lost nothing is started: the claim may have been given away by it."""
        dead = evolve(self.mine, status=Status.EXITED)
        seen = situation(self.service, (claim(starting_record()),), (dead,), unanswered={1})
        self.assert_steps(seen, ReadClaim(FIRST))

    def test_leaves_by_stopping(self) -> None:
        """From a drained node it leaves by being withdrawn, stopped, removed, and released, in this order."""
        told = withdrawn(self.mine, "it leaves a")
        fields: dict[str, Any] = {"here": self.drained, "leaving": {1: NOW}, "candidates": candidates("b")}
        self.assert_steps(
            situation(self.service, (claim(running_record(self.mine)),), (self.mine,), **fields),
            WriteClaim(FIRST, told.record, FENCE, FENCE),
        )
        self.assert_steps(
            situation(self.service, (told,), (self.mine,), **fields),
            StopContainer(FIRST, "c1", 3, "it leaves a"),
        )
        starting = claim(evolve(starting_record(), container="c1", definition=self.mine.definition, started=10.0))
        dead = evolve(self.mine, status=Status.EXITED)
        self.assert_steps(
            situation(self.service, (starting,), (dead,), **fields), RemoveContainer(FIRST, "c1", "it leaves a")
        )
        self.assert_steps(situation(self.service, (starting,), **fields), ReleaseClaim(FIRST, FENCE))

    def test_tells_while_it_stops(self) -> None:
        """While it is being stopped it is reported as not healthy, so that nobody is sent there."""
        told = claim(running_record(self.mine))
        seen = situation(self.service, (told,), (self.mine,), here=self.drained, leaving={1: NOW}, stopping={"c1"})
        step = plan(seen, NOW).steps[0]
        assert isinstance(step, WriteClaim)
        self.assertEqual((step.record.healthy, step.record.leaving), (False, False))

    def test_not_taken_over(self) -> None:
        """Nobody prepares to take it over while it runs; who has begun, because it was otherwise then, gives up."""
        other = claim(evolve(OTHERS, leaving=True), lease=99)
        self.assertEqual(plan(situation(self.service, (other,)), NOW), Plan())
        next_is = {1: claim(starting_record(), fence=60)}
        self.assert_steps(situation(self.service, (other,), successors=next_is), DropSuccession(FIRST, 60))


class BeingStoppedTests(PlanTestCase):
    """A container that is being stopped may still answer, but counts as gone."""

    def test_told(self) -> None:
        """It is reported as not healthy: otherwise another node would stop its own copy because of it."""
        record = plan(situation(claims=(OURS,), containers=(RUNNING,), stopping={"c1"}), NOW).steps[0]
        assert isinstance(record, WriteClaim)
        self.assertEqual((record.record.state, record.record.healthy), (State.STARTING, False))

    def test_claimed_again(self) -> None:
        """A claim that is taken meanwhile begins without it."""
        seen = situation(containers=(RUNNING,), stopping={"c1"})
        self.assert_steps(seen, TakeClaim(FIRST, starting_record()))
