"""The holder of a state directory: the node, machine and clusters that it belongs to."""

from __future__ import annotations

from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.holder import MOST_NAMES, Holder, machine_id
from daprdockr.model.errors import BadInput

HERE = Holder(node="a", prefix="/p", machine="m1", cluster=0xAB)


class HolderTests(SynchronousTestCase):
    """``Holder``."""

    def test_difference(self) -> None:
        """Each member in which another holder differs is named; what one of them does not know differs from nothing."""
        self.assertEqual(HERE.difference(HERE), "")
        self.assertEqual(HERE.difference(Holder()), "")
        self.assertEqual(Holder().difference(HERE), "")
        other = evolve(HERE, node="b", cluster=0xCD)
        self.assertEqual(HERE.difference(other), "node 'b', and this is 'a', cluster 'cd', and this is 'ab'")

    def test_after(self) -> None:
        """A node that was renamed on the same machine keeps its former names, the latest of many, never its own."""
        renamed = evolve(HERE, node="b").after(HERE)
        self.assertEqual(renamed.former, ("a",))
        self.assertEqual(HERE.after(renamed).former, ("b",))
        many = evolve(HERE, former=tuple(f"n{number}" for number in range(MOST_NAMES)))
        self.assertEqual(evolve(HERE, node="b").after(many).former[-2:], (f"n{MOST_NAMES - 1}", "a"))
        self.assertEqual(len(evolve(HERE, node="b").after(many).former), MOST_NAMES)

    def test_after_another_machine(self) -> None:
        """A state directory of another machine, or of another prefix, gives no former names."""
        for former in (evolve(HERE, node="b", machine="m2"), evolve(HERE, node="b", prefix="/q")):
            self.assertEqual(HERE.after(former).former, ())

    def test_in_another_cluster(self) -> None:
        """The identities that etcd had before are kept, the latest of many, never the present one."""
        self.assertEqual(HERE.in_cluster(0xCD).clusters, (0xAB,))
        self.assertEqual(HERE.in_cluster(0xCD).in_cluster(0xAB).clusters, (0xCD,))
        self.assertEqual(evolve(HERE, cluster=0).in_cluster(0xCD).clusters, ())
        begun = evolve(HERE, cluster=0).after(HERE.in_cluster(0xCD))
        self.assertEqual(begun.clusters, (0xAB, 0xCD))
        many = evolve(HERE, clusters=tuple(range(1, MOST_NAMES + 1)))
        self.assertEqual(many.in_cluster(0xCD).clusters, (*range(2, MOST_NAMES + 1), 0xAB))

    def test_round_trip(self) -> None:
        """A holder that is written is read back the same; members that are not known are not written."""
        whole = evolve(HERE, former=("b", "c"), clusters=(1, 0xCD))
        self.assertEqual(Holder.read(whole.write()), whole)
        self.assertEqual(Holder().write(), {})
        self.assertEqual(Holder.read({"Novelty": 1}), Holder())

    def test_damaged(self) -> None:
        """A member of another shape is bad input; a cluster that is no number is not known."""
        for members in ({"Node": 1}, {"Former": "a"}, {"Former": [1]}, {"Clusters": 5}):
            self.assertRaises(BadInput, Holder.read, members)
        self.assertEqual(Holder.read({"Cluster": "no number"}), Holder())


class MachineTests(SynchronousTestCase):
    """``machine_id``."""

    def test_machines(self) -> None:
        """Machines differ, none shows its own id, and one without an id is not known."""
        root = Path(self.mktemp())
        root.mkdir()
        self.assertEqual(machine_id(root), "")
        found = set()
        for text in ("1f", "2f", "2f\n"):
            (root / "machine-id").write_text(text)
            found.add(machine_id(root))
            self.assertNotIn(text.strip(), machine_id(root))
        self.assertEqual(len(found), 2)
        (root / "machine-id").write_text("\n")
        self.assertEqual(machine_id(root), "")
