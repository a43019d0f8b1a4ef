"""Properties of a plan that hold in any situation, however odd, and whatever caused it."""

from __future__ import annotations

import itertools
from typing import Any

from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import Port, Status
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.revisioned import Claim, StoredVolumes
from daprdockr.model.stored.volume import UNREADABLE, VolumeRecord
from daprdockr.planning.attempts import Attempts
from daprdockr.planning.candidates import Candidate
from daprdockr.planning.claim_steps import ReleaseClaim, TakeClaim, TakeSuccession, WriteClaim
from daprdockr.planning.container_steps import (
    CreateContainer,
    PullImage,
    RemoveContainer,
    StartContainer,
    StopContainer,
)
from daprdockr.planning.plan import Plan, plan
from daprdockr.planning.situation import Here, Situation
from tests.build.situations import CLUSTER, IMAGES, LEASE, NOW, PORT, changed, container, situation
from tests.build.values import definition, instance

NODES = st.sampled_from("abc")
NUMBERS = range(1, 4)
TIMES = st.sampled_from([0.0, NOW - 1.5, NOW, NOW + 1.5])
KEPT: dict[str, Any] = {"Volumes": ["data:/data"]}
GENERATIONS = (definition("web:1"), definition("web:2"), definition("web:1", Container=KEPT))
ATTEMPTS = st.builds(Attempts, count=st.integers(0, 4), retry_at=TIMES, reason=st.just("died"))
WANTED = st.sampled_from(
    [
        definition(
            image,
            instances,
            Health=health,
            Placement={"Constraints": constraints, "OnePerNode": one_per_node},
            Container=container,
        )
        for image, instances, health, constraints, one_per_node, container in itertools.product(
            ("web:1", "web:2"),
            range(4),
            (None, {"Type": "tcp", "Port": 8080}, {"Type": "docker"}),
            ([], ["node != a"], ["zone == x"]),
            (False, True),
            ({}, KEPT),
        )
    ]
)
VOLUMES = st.builds(
    StoredVolumes,
    record=st.one_of(
        st.builds(VolumeRecord, node=NODES, volumes=st.sampled_from([("data",), ("logs",)]), overdue=st.booleans()),
        st.just(UNREADABLE),
    ),
    revision=st.integers(1, 50),
)
ODD: tuple[dict[str, Any], ...] = (
    {},
    {"volumes": ("data",)},
    {"error": "port is taken"},
    {"health": "healthy"},
    {"health": "unhealthy"},
)
CONTAINERS = st.sampled_from(
    [
        container("", number, of, status, cluster=cluster, revision=revision, ports=ports, started=started, **odd)
        for number, of, status, (cluster, revision), ports, started, odd in itertools.product(
            NUMBERS,
            GENERATIONS,
            (*Status, Status.RUNNING, Status.RUNNING, Status.EXITED),
            ((CLUSTER, 40), (CLUSTER, 60), (8, 40)),
            ((), (PORT,), (Port(8080),)),
            (0.0, 10.0, 20.0),
            ODD,
        )
    ]
)
HERE = st.sampled_from(
    [
        Here("a", ("10.0.0.1",), lease, in_touch, CLUSTER, revision=50)
        for lease, in_touch in ((LEASE, True), (LEASE, True), (0, True), (LEASE, False), (0, False))
    ]
)
RECORDS = st.sampled_from(
    [
        ClaimRecord(node, state, healthy, ports=ports, container=name, started=started)
        for node, state, healthy, ports, name, started in itertools.product(
            "aaabc", State, (False, True), ((), (PORT,)), ("", "c0", "c1"), (0.0, 10.0)
        )
    ]
)
CLAIMS = st.builds(
    Claim,
    instance=st.sampled_from([instance(number) for number in NUMBERS]),
    record=RECORDS,
    fence=st.integers(1, 50),
    revision=st.just(50),
    lease=st.sampled_from([LEASE, LEASE, LEASE, 0, 5]),
)


@st.composite
def situations(draw: st.DrawFn) -> Situation:
    """Anything: claims under any lease, containers of any generation, knowledge of any age."""
    return situation(
        draw(st.one_of(st.none(), WANTED, WANTED, WANTED)),
        tuple(draw(st.lists(CLAIMS, max_size=3, unique_by=lambda claim: claim.instance))),
        tuple(evolve(c, id=f"c{n}") for n, c in enumerate(draw(st.lists(CONTAINERS, max_size=4)))),
        draw(HERE),
        held=draw(st.sampled_from([False] * 5 + [True])),
        images=draw(st.sampled_from([{}, IMAGES, IMAGES])),
        pulls=draw(st.dictionaries(st.sampled_from(["web:1", "web:2"]), ATTEMPTS, max_size=1)),
        attempts=draw(st.dictionaries(st.sampled_from([instance(n) for n in NUMBERS]), ATTEMPTS, max_size=2)),
        verdicts=draw(st.dictionaries(st.sampled_from(["c0", "c1", "c2"]), st.booleans(), max_size=2)),
        candidates=tuple(Candidate(n, {"zone": "xyx"["abc".index(n)]}, 1) for n in draw(st.lists(NODES, unique=True))),
        free_since=draw(st.dictionaries(st.integers(1, 3), TIMES, max_size=2)),
        volumes=draw(st.dictionaries(st.integers(1, 3), VOLUMES, max_size=3)),
    )


class PlanPropertyTests(SynchronousTestCase):
    @given(situations(), st.data())
    def test_order_of_what_is_known(self, seen: Situation, data: st.DataObject) -> None:
        """Equal situations give equal plans, in whatever order they were put together."""
        other = changed(
            seen,
            claims=dict(data.draw(st.permutations(list(seen.claims.owners.items())))),
            containers={
                n: tuple(reversed(c)) for n, c in data.draw(st.permutations(list(seen.host.containers.items())))
            },
            candidates=tuple(data.draw(st.permutations(seen.placing.candidates))),
        )
        self.assertEqual(plan(other, NOW), plan(seen, NOW))

    @settings(max_examples=600)
    @given(situations())
    def test_laws(self, seen: Situation) -> None:
        """No step of any plan breaks one of the laws below."""
        made = plan(seen, NOW)
        lanes = [step.lane for step in made.steps]
        self.assertEqual(len(set(lanes)), len(lanes), "a plan has at most one step for each lane")
        self.assertTrue(made.plan_again_at is None or made.plan_again_at > NOW, "it looks again in the future")
        self.assertFalse(seen.wanted.held and made != Plan(), "nothing is done about a service that is held")
        for step in made.steps:
            match step:
                case TakeClaim():
                    self._takes(seen, step)
                case TakeSuccession():
                    self._has_its_data(seen, step.instance.number)
                case CreateContainer():
                    self._creates(seen, step)
                case StartContainer():
                    self._starts(seen, step)
                case StopContainer() | RemoveContainer():
                    self._ends(seen, step)
                case WriteClaim() | ReleaseClaim():
                    claim = seen.claims.owners[step.instance.number]
                    self.assertEqual((claim.node, claim.lease, claim.fence), ("a", LEASE, step.fence))
                case PullImage():
                    self.assertIsNone(seen.host.image)
            self.assertTrue(seen.here.in_touch or isinstance(step, StartContainer), "out of touch, things only start")
            if not seen.here.lease:
                self.assertIsInstance(step, StartContainer | StopContainer | RemoveContainer)

    def _takes(self, seen: Situation, step: TakeClaim) -> None:
        """A claimed instance is free and wanted, its record names this node; with OnePerNode there is one at most."""
        assert seen.service is not None
        self.assertLessEqual(step.instance.number, seen.service.definition.instances)
        self.assertNotIn(step.instance.number, seen.claims.owners)
        self.assertEqual(step.record.node, "a")
        self._has_its_data(seen, step.instance.number)
        if seen.service.definition.placement.one_per_node:
            held = sum(claim.node == "a" for claim in seen.claims.owners.values())
            taken = sum(isinstance(other, TakeClaim) for other in plan(seen, NOW).steps)
            self.assertLessEqual(held + taken, 1)

    def _has_its_data(self, seen: Situation, number: int) -> None:
        """An instance whose volumes are on another node is claimed, created and taken over by none but that."""
        assert seen.service is not None
        kept = seen.service.definition.container.fields.get("Volumes") == KEPT["Volumes"]
        stored = seen.claims.volumes.get(number)
        if kept and stored is not None and stored.record.volumes == ("data",):
            self.assertEqual(stored.record.node, "a")
        if kept and stored is not None and not stored.record.is_readable:
            self.assertTrue(any("data" in one.volumes for one in seen.host.containers.get(number, ())))

    def _creates(self, seen: Situation, step: CreateContainer) -> None:
        """A container is created under a claim of the present lease, from a known image, beside none that runs."""
        claim = seen.claims.owners[step.instance.number]
        self.assertEqual((claim.node, claim.lease, claim.fence), ("a", LEASE, step.fence))
        self.assertIsNotNone(seen.host.image)
        self._has_its_data(seen, step.instance.number)
        if seen.service is not None and step.definition.container.kept_volumes:
            self.assertEqual(seen.claims.volumes[step.instance.number].record, VolumeRecord("a", ("data",)))
        self.assertFalse(any(c.running for c in seen.of(step.instance)))

    def _starts(self, seen: Situation, step: StartContainer) -> None:
        """
        A container that is started is of an own and wanted instance, current or the former copy to which the claim
        leads (to none after a reboot), and no other one of it runs.
        """
        assert seen.service is not None
        states = {c.id: c for c in seen.of(step.instance)}
        claim = seen.claims.owners[step.instance.number]
        self.assertEqual(claim.node, "a")
        self.assertLessEqual(step.instance.number, seen.service.definition.instances)
        if states[step.container].definition != seen.service.definition.digest:
            self.assertIn(claim.record.container, ("", step.container))
        self.assertFalse(any(c.running for c in states.values()))

    def _ends(self, seen: Situation, step: StopContainer | RemoveContainer) -> None:
        """A running container is stopped before it is removed, and never if it is current, wanted, ours and alone."""
        target = next(c for c in seen.of(step.instance) if c.id == step.container)
        self.assertEqual(target.running, isinstance(step, StopContainer))
        claim = seen.claims.owners.get(step.instance.number)
        if target.running and seen.service and step.instance.number <= seen.service.definition.instances:
            others = [c for c in seen.of(step.instance) if c.running and c != target]
            current = target.definition == seen.service.definition.digest
            assert claim is not None
            self.assertTrue(claim.record.healthy if claim.node != "a" else (others or not current), str(step))
            self.assertTrue(claim.node != "a" or claim.lease == seen.here.lease)
