"""Two machines that publish one address: which of them has to yield it."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.revisioned import Node
from daprdockr.planning.placing.clashes import clashes


def node(name: str, created: int, machine: str, *addresses: str, **record: Any) -> Node:
    return Node(name, NodeRecord(addresses or ("10.0.0.1",), machine=machine, **record), 77, created)


class ClashesTests(SynchronousTestCase):
    def assert_yield(self, nodes: list[Node], *names: str) -> None:
        """Whichever is seen first."""
        self.assertEqual([set(clashes(nodes)), set(clashes(nodes[::-1]))], [set(names)] * 2)

    def test_two_machines(self) -> None:
        """The node that was there first keeps the address."""
        nodes = [node("b", 5, "m1"), node("a", 6, "m2")]
        self.assert_yield(nodes, "a")
        self.assertIn("10.0.0.1 is the address of node b on another machine", clashes(nodes)["a"])

    def test_one_machine(self) -> None:
        """Agents of one machine may share its addresses."""
        self.assert_yield([node("a", 5, "m1"), node("b", 6, "m1")])

    def test_both(self) -> None:
        """A node that shares the owner's machine shares its right, however late it came."""
        self.assert_yield([node("a", 5, "m1"), node("b", 6, "m2"), node("c", 7, "m1")], "b")

    def test_one_of_several(self) -> None:
        """One address in common is enough."""
        self.assert_yield([node("a", 5, "m1", "10.0.0.1", "::2"), node("b", 6, "m2", "::2", "10.0.0.2")], "b")

    def test_of_two(self) -> None:
        """One that publishes the addresses of two others yields both."""
        nodes = [node("a", 5, "m1", "10.0.0.1"), node("b", 6, "m2", "10.0.0.2")]
        self.assert_yield([*nodes, node("c", 7, "m3", "10.0.0.1", "10.0.0.2")], "c")

    def test_moved(self) -> None:
        """A node that came to the address later yields, though its record is older."""
        self.assert_yield([node("a", 5, "m1", since=9), node("b", 6, "m2")], "a")

    def test_same_moment(self) -> None:
        """Of two of the same age the name decides."""
        self.assert_yield([node("a", 5, "m1", since=6), node("b", 6, "m2")], "b")

    def test_loopback(self) -> None:
        """Each machine has its own loopback addresses."""
        self.assert_yield([node("a", 5, "m1", "127.0.0.1", "::1"), node("b", 6, "m2", "127.0.0.1", "::1")])

    def test_unknown(self) -> None:
        """An older agent, which does not say where it is, is in nobody's way; nor is what is no address."""
        self.assert_yield([node("a", 5, ""), node("b", 6, "m2")])
        self.assert_yield([node("a", 5, "m1", "x"), node("b", 6, "m2", "x")])
