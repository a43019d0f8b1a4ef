"""Placement: the same answer everywhere, even, and never against a constraint."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.placement import Constraint
from daprdockr.planning.candidates import Candidate, mark
from daprdockr.planning.fitting import meets
from daprdockr.planning.placing.placement import rank
from tests.build.situations import candidates, order
from tests.build.values import definition

NODES = st.lists(st.sampled_from("abcdefg"), min_size=1, max_size=7, unique=True)
LABELS = st.dictionaries(st.sampled_from(["zone", "disk"]), st.sampled_from(["x", "y"]))
ROOM = st.one_of(st.just(math.inf), st.integers(0, 700))
CONSTRAINTS = st.lists(st.sampled_from(["zone == x", "zone != x", "disk == y", "node != a", "node == b"]), max_size=2)


def orders(free: Sequence[int], *known: Any) -> dict[int, tuple[str, ...]]:
    """The whole ranking: for each free instance the nodes that may take it, in order."""
    ranking = rank(free, *known)
    return {number: order(ranking, number) for number in free}


def placed(**members: Any) -> Definition:
    return definition(Placement=members)


class MeetsTests(SynchronousTestCase):
    def test_labels(self) -> None:
        """A constraint compares the value of a label; a label that is not there equals nothing."""
        node = Candidate("a", {"zone": "x"}, 0)
        table = (("zone", True, "x", True), ("zone", True, "y", False), ("zone", False, "x", False))
        absent = (("disk", True, "x", False), ("disk", False, "x", True))
        itself = (("node", True, "a", True), ("node", False, "a", False))
        for label, equal, value, expected in (*table, *absent, *itself):
            self.assertEqual(meets(Constraint(label, equal, value), node), expected, (label, equal, value))


class RankTests(SynchronousTestCase):
    def test_fewest_instances_of_the_service_first(self) -> None:
        """The node with the fewest instances of the service comes first, before the one with the fewest claims."""
        ranking = orders([2], definition(), {"a": 1}, candidates("a", "b", a=1, b=9))
        self.assertEqual(ranking, {2: ("b", "a")})

    def test_fewest_claims_next(self) -> None:
        """Among nodes with equally many instances of the service, the one with the fewest claims comes first."""
        self.assertEqual(orders([1], definition(), {}, candidates("a", "b", a=1))[1], ("b", "a"))
        self.assertEqual(orders([1], definition(), {}, candidates("a", "b", b=1))[1], ("a", "b"))

    def test_twelve_on_three(self) -> None:
        """Twelve new instances on three nodes are four for each."""
        ranking = orders(range(1, 13), definition(), {}, candidates("a", "b", "c"))
        self.assertEqual(Counter(order[0] for order in ranking.values()), Counter(a=4, b=4, c=4))

    def test_nobody_may(self) -> None:
        """An instance that no node may take is ranked with nobody."""
        self.assertEqual(orders([1], placed(Constraints=["zone == x"]), {}, candidates("a"))[1], ())
        self.assertEqual(orders([1], definition(), {}, ()), {1: ()})

    def test_ties_fall_differently(self) -> None:
        """No node is the first of equals for every service."""
        services = [definition(Name=f"s{number}") for number in range(40)]
        firsts = Counter(orders([1], service, {}, candidates("a", "b", "c"))[1][0] for service in services)
        self.assertEqual(set(firsts), {"a", "b", "c"})

    def test_image_next(self) -> None:
        """Among nodes with equally many claims the one that has the image comes first, however it is written."""
        for node in "abc":
            nodes = [evolve(c, images=frozenset({mark("web:1")} if c.name == node else ())) for c in candidates(*"abc")]
            for reference in ("web:1", "docker.io/library/web:1"):
                self.assertEqual(orders([1], definition(reference), {}, nodes)[1][0], node)

    def test_room(self) -> None:
        """A node gets no more than it has memory and processors for; what fits nowhere is nobody's."""
        wish = definition(Container={"Memory": 100, "NanoCpus": 500_000_000})
        nodes = [Candidate("a", {}, 0, memory=250.0), Candidate("b", {}, 0, cpus=1.5), Candidate("c", {}, 0, memory=99)]
        ranking = orders(range(1, 8), wish, {}, nodes)
        self.assertEqual(Counter(order[:1] for order in ranking.values()), {("a",): 2, ("b",): 3, (): 2})
        self.assertEqual({node for order in ranking.values() for node in order}, {"a", "b"})

    def test_failing(self) -> None:
        """A node on which the service fails is the last, and gets what the others have no room for."""
        self.assertEqual(orders([1], definition(), {"b": 5}, candidates("a", "b"), {"a"})[1], ("b", "a"))
        ranking = orders([1, 2], placed(OnePerNode=True), {}, candidates("a", "b"), {"a"})
        self.assertEqual(Counter(order[0] for order in ranking.values()), Counter(a=1, b=1))
        self.assertEqual(orders([1], definition(), {}, candidates("a", "b", b=1), {"a", "b"})[1][0], "a")

    @given(NODES, st.lists(st.integers(1, 20), unique=True, max_size=8), st.dictionaries(st.sampled_from("abc"), ROOM))
    def test_places(self, names: list[str], numbers: list[int], memory: dict[str, float]) -> None:
        """The place of a node is how many come before it in the order; it has none where it may not take part."""
        nodes = [Candidate(name, {}, 0, memory=memory.get(name, math.inf)) for name in names]
        ranking = rank(numbers, definition(Container={"Memory": 100}), {}, nodes)
        for number in range(1, 21):
            expected = order(ranking, number)
            for node in "abcdefg":
                place = expected.index(node) if node in expected else None
                self.assertEqual(ranking.place(number, node), place)

    @given(st.data())
    def test_order_of_what_is_known(self, data: st.DataObject) -> None:
        """All nodes that know the same agree, in whatever order they know it."""
        names = data.draw(NODES)
        nodes = [
            Candidate(
                name,
                data.draw(LABELS),
                data.draw(st.integers(0, 9)),
                memory=data.draw(ROOM),
                images=frozenset(data.draw(st.sets(st.just(mark("web:1"))))),
            )
            for name in names
        ]
        failing = data.draw(st.sets(st.sampled_from(names)))
        numbers = data.draw(st.lists(st.integers(1, 20), unique=True, max_size=8))
        held = {name: data.draw(st.integers(0, 3)) for name in names}
        wish = definition(
            Placement={"Constraints": data.draw(CONSTRAINTS), "OnePerNode": data.draw(st.booleans())},
            Container={"Memory": data.draw(st.sampled_from([0, 100]))},
        )
        expected = orders(numbers, wish, held, nodes, failing)
        other = orders(
            data.draw(st.permutations(numbers)),
            wish,
            dict(data.draw(st.permutations(list(held.items())))),
            data.draw(st.permutations(nodes)),
            data.draw(st.permutations(sorted(failing))),
        )
        self.assertEqual(other, expected)

    @given(NODES, st.integers(0, 30), st.dictionaries(st.sampled_from("abcdefg"), st.just(1)))
    def test_even(self, names: list[str], count: int, held: dict[str, int]) -> None:
        """Over equal nodes no node ends with two instances of a service more than another."""
        totals = Counter({name: held.get(name, 0) for name in names})
        ranking = orders(range(1, count + 1), definition(), totals, candidates(*names))
        totals.update(order[0] for order in ranking.values())
        self.assertLessEqual(max(totals.values()) - min(totals.values()), 1)

    @given(NODES, st.lists(st.integers(0, 12), max_size=10))
    def test_even_over_services(self, names: list[str], counts: list[int]) -> None:
        """Services placed one after another leave equal nodes with claims that differ by one at the most."""
        loads = Counter(dict.fromkeys(names, 0))
        for number, count in enumerate(counts):
            service = definition(Name=f"s{number}")
            ranking = orders(range(1, count + 1), service, {}, candidates(*names, **loads))
            loads.update(order[0] for order in ranking.values())
        self.assertLessEqual(max(loads.values()) - min(loads.values()), 1)

    @given(st.data())
    def test_claims_one_by_one(self, data: st.DataObject) -> None:
        """While some nodes have claimed their share, in any order, everybody's share of the rest is what it was."""
        names = data.draw(NODES)
        held = {name: data.draw(st.integers(0, 3)) for name in names}
        loads = {name: held[name] + data.draw(st.integers(0, 3)) for name in names}
        wish = definition(Placement={"OnePerNode": data.draw(st.booleans())}, Container={"Memory": 100})
        memory = {name: data.draw(ROOM) for name in names}
        before = [Candidate(name, {}, loads[name], memory=memory[name]) for name in names]
        ranking = orders(range(1, 13), wish, held, before)
        firsts = {name: order[0] for name, order in ranking.items() if order}
        claimed = data.draw(st.sets(st.sampled_from(sorted(firsts)))) if firsts else set()
        taken = Counter(firsts[name] for name in claimed)
        rest = orders(
            [name for name in ranking if name not in claimed],
            wish,
            Counter(held) + taken,
            [evolve(c, load=c.load + taken[c.name], memory=c.memory - 100 * taken[c.name]) for c in before],
        )
        self.assertEqual(
            {name: order[0] for name, order in rest.items() if order},
            {name: first for name, first in firsts.items() if name not in claimed},
        )

    @given(st.data())
    def test_one_per_node(self, data: st.DataObject) -> None:
        """With OnePerNode no node is first for two instances, nor ranked at all when it holds one."""
        names = data.draw(NODES)
        held = data.draw(st.dictionaries(st.sampled_from(names), st.just(1)))
        ranking = orders(range(1, 10), placed(OnePerNode=True), held, candidates(*names))
        firsts = [order[0] for order in ranking.values() if order]
        self.assertEqual(len(set(firsts)), len(firsts))
        self.assertEqual(set(firsts), set(names) - set(held))
        self.assertFalse({name for order in ranking.values() for name in order} & set(held))

    @given(st.data())
    def test_constraints(self, data: st.DataObject) -> None:
        """Exactly the nodes that meet all constraints are ranked."""
        nodes = [Candidate(name, data.draw(LABELS), 0) for name in data.draw(NODES)]
        wish = placed(Constraints=data.draw(CONSTRAINTS))
        able = {node.name for node in nodes if all(meets(c, node) for c in wish.placement.constraints)}
        ranking = orders([1, 2, 3], wish, {}, nodes)
        self.assertEqual({number: set(order) for number, order in ranking.items()}, dict.fromkeys((1, 2, 3), able))

    @given(st.data())
    def test_room_is_kept(self, data: st.DataObject) -> None:
        """No node is first for more than fits, and nothing is left over while somebody has room."""
        memory = {name: data.draw(st.integers(0, 500)) for name in data.draw(NODES)}
        nodes = [Candidate(name, {}, 0, memory=left) for name, left in memory.items()]
        wish = definition(Container={"Memory": data.draw(st.integers(1, 200))})
        ranking = orders(range(1, 10), wish, {}, nodes)
        firsts = Counter(order[0] for order in ranking.values() if order)
        fits = {name: left // wish.container.memory for name, left in memory.items()}
        self.assertTrue(all(count <= fits[name] for name, count in firsts.items()), (firsts, fits))
        self.assertEqual(firsts.total(), min(9, sum(fits.values())))
