"""Which images nothing needs any more."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.images import HeldImage
from daprdockr.planning.pruning import repositories, unneeded

DIGEST = f"sha256:{'5f' * 32}"
OLD = HeldImage("sha256:1", ("shop/web:1",))
NEW = HeldImage("sha256:2", ("shop/web:2",), (f"shop/web@{DIGEST}",))
ONCE = repositories(["shop/web:2"])


class UnneededTests(SynchronousTestCase):
    def found(self, *held: HeldImage, named: tuple[str, ...] = ("shop/web:2",)) -> list[HeldImage]:
        return list(unneeded(held, named, ONCE | repositories(named)))

    def test_named(self) -> None:
        """An image stays that a definition or revision names: by a tag, a digest, or its id."""
        self.assertEqual(self.found(OLD, NEW), [OLD])
        self.assertEqual(self.found(OLD, NEW, named=("docker.io/shop/web:2",)), [OLD])
        self.assertEqual(self.found(OLD, NEW, named=(f"shop/web@{DIGEST}",)), [OLD])
        self.assertEqual(self.found(OLD, NEW, named=(f"shop/web:1@{DIGEST}",)), [OLD])
        self.assertEqual(self.found(OLD, NEW, named=("sha256:1",)), [NEW])
        self.assertEqual(self.found(OLD, NEW, named=()), [OLD, NEW])

    def test_used(self) -> None:
        """An image stays as long as there is a container of it."""
        self.assertEqual(self.found(HeldImage("sha256:1", ("shop/web:1",), is_used=True)), [])

    def test_others(self) -> None:
        """Images stay that no service ever named, by whichever of their names, and those without any."""
        self.assertEqual(self.found(HeldImage("sha256:3", ("shop/api:1",)), HeldImage("sha256:4")), [])
        self.assertEqual(self.found(HeldImage("sha256:1", ("shop/web:1", "mine:latest"))), [])
        two_names = HeldImage("sha256:1", ("shop/web:1", "shop/web:0"))
        self.assertEqual(self.found(two_names), [two_names])

    def test_moved_tag(self) -> None:
        """An image that has lost its tag to a younger one is known by its digest."""
        moved = HeldImage("sha256:5", (), (f"shop/web@sha256:{'00' * 32}",))
        self.assertEqual(self.found(moved, NEW), [moved])
