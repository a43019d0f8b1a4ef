"""From when on a node claims which free instances: its own share, what others left, and what gives it precedence."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from daprdockr.model.host import ContainerState
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.secrets import stamped
from daprdockr.planning.attempts import Attempts
from daprdockr.planning.claim_steps import TakeClaim
from daprdockr.planning.claiming import CLAIM_DELAY
from daprdockr.planning.plan import Plan, plan
from tests.build.plans import EXITED, FIRST, PlanTestCase
from tests.build.situations import HERE, NOW, WEB_1, candidates, situation
from tests.build.values import definition

LONG_AGO = {1: NOW - 9.0, 2: NOW - 9.0}


class ShareTests(PlanTestCase):
    def test_others_find_etcd_later(self) -> None:
        """After an outage of etcd each node claims its share at once, and leaves the others theirs a while longer."""
        until = NOW + 3.0
        service, nodes = definition(instances=2), candidates("a", "b")
        planned = plan(situation(service, candidates=nodes, free_since=LONG_AGO, own_share_until=until), NOW)
        self.assertEqual((len(planned.steps), planned.plan_again_at), (1, until + CLAIM_DELAY))
        planned = plan(situation(service, candidates=nodes, free_since=LONG_AGO, own_share_until=NOW - 3.0), NOW)
        self.assertEqual(len(planned.steps), 2)

    def test_others_may_come_back(self) -> None:
        """While nodes that vanished together may come back, what others rank first for is not claimed, either."""
        until = NOW + 3.0
        seen = situation(definition(instances=2), candidates=candidates("a", "b"), free_since=LONG_AGO)
        for own_share_until in (0.0, until - 1.0):
            placing = evolve(seen.placing, adopt_until=until, own_share_until=own_share_until)
            self.assertEqual(plan(evolve(seen, placing=placing), NOW), Plan((), until))

    def test_plans_again_for_the_first(self) -> None:
        """Of several instances that others have left free, a node plans again for the one that is due first."""
        failing = tuple(evolve(one, dark=one.name == "a") for one in candidates("a", "b"))
        for since in ({1: NOW, 2: NOW - 0.5}, {1: NOW - 0.5, 2: NOW}):
            seen = situation(definition(instances=2), candidates=failing, free_since=since)
            self.assert_waits(seen, NOW - 0.5 + CLAIM_DELAY)

    def test_one_per_node(self) -> None:
        """With OnePerNode each node claims the one that it ranks first for, and none of a lower number before it."""
        service, taken = definition(instances=2, Placement={"OnePerNode": True}), []
        for node in "ab":
            seen = situation(service, here=evolve(HERE, node=node), candidates=candidates("a", "b"))
            taken += [step.instance.number for step in plan(seen, NOW).steps if isinstance(step, TakeClaim)]
        self.assertEqual(sorted(taken), [1, 2])

    def test_not_while_cordoned(self) -> None:
        """A node that takes none, because another agent has its name, claims none though others see it as ready."""
        seen = situation(here=evolve(HERE, cordoned=True), candidates=candidates("a", "b"), free_since={1: 0.0})
        self.assertEqual(plan(seen, NOW), Plan())


class PrecedenceTests(PlanTestCase):
    """A container that ended here, while another node is the one that ranks first."""

    def taken(self, service: Definition = WEB_1, ended: ContainerState = EXITED, **seen: Any) -> bool:
        ended = evolve(ended, definition=service.digest)
        made = plan(situation(service, containers=(ended,), candidates=candidates("b"), **seen), NOW)
        return [type(step) for step in made.steps] == [TakeClaim]

    def test_its_first_failure(self) -> None:
        """That it died once gives precedence, as a power cut is one; that it has to wait for its retry does not."""
        for attempts, taken in (
            (Attempts(1, NOW, "died"), True),
            (Attempts(2, NOW, "died"), False),
            (Attempts(1, NOW + 1, "died"), False),
        ):
            self.assertEqual(self.taken(attempts={FIRST: attempts}), taken)

    def test_privileges(self) -> None:
        """It gives none if this node does not allow any more what the definition needs."""
        needy = definition(Container={"Privileged": True})
        for allow, taken in ((None, True), (frozenset({"privileged"}), True), (frozenset[str](), False)):
            self.assertEqual(self.taken(needy, here=evolve(HERE, allow=allow)), taken)

    def test_keys(self) -> None:
        """It gives none if this node cannot open the secrets."""
        wish = definition(Secrets=[{"Name": "x"}])
        sealed = evolve(wish, secrets=stamped(wish.secrets, {"x": ("s", "k1")}))
        for keys, taken in ((frozenset({"k1"}), True), (frozenset({"k2"}), False)):
            self.assertEqual(self.taken(sealed, here=evolve(HERE, keys=keys)), taken)
