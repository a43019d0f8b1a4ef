"""The law ``rollouts`` of the chaos checker about instances: none is taken out, and all end with what was stored."""

from __future__ import annotations

from typing import Any

from tests.build.chaos_rollouts import RolloutLawCase
from tests.build.chaos_stops import LONG
from tests.build.chaos_story import FIRST, LONE, SECOND, SINGLE, WEB

NEWER: dict[str, Any] = {**WEB, "Container": {"Image": "sample:1", "Env": ["CHAOS=2"]}}
NEWEST: dict[str, Any] = {**WEB, "Container": {"Image": "sample:1", "Env": ["CHAOS=3"]}}


class RolloutsTestCase(RolloutLawCase):
    """``c1`` of 1.web.chaos and ``s1`` of 1.single.chaos run on host1, as they have for long."""

    def setUp(self) -> None:
        super().setUp()
        self.story.up("c1", FIRST, "host1", Definition="d1")
        self.story.up("s1", LONE, "host1", Definition="d1")
        self.story.wait(LONG)

    def redefine(self, definition: dict[str, Any] = NEWER, **more: Any) -> None:
        self.story.wish("set", service="web.chaos", definition=definition, **more)
        self.story.put("services/chaos/web", definition)
        self.story.slot(FIRST, "host1")

    def healthy(self, container: str = "c2", digest: str = "d2") -> None:
        """The claim leads to another container from now on."""
        self.story.claim(FIRST, "host1", container=container, Definition=digest)


class ReplacingTests(RolloutsTestCase):
    """A container that serves stays until another one does."""

    def test_after(self) -> None:
        """The old one is stopped when the claim leads to a healthy new one."""
        self.redefine()
        self.story.start("c2", FIRST, "host1", "d2")
        self.story.wait(3)
        self.healthy()
        self.story.wait(1)
        self.story.stop("c1", FIRST, "host1")
        self.assert_good()

    def test_before(self) -> None:
        """One that is stopped while the new one only runs breaks the law; the claim says so too late."""
        self.redefine()
        self.story.start("c2", FIRST, "host1", "d2")
        self.story.wait(3)
        self.story.stop("c1", FIRST, "host1")
        self.story.wait(3)
        self.healthy()
        self.assert_broken("1.web.chaos (c1) was replaced on host1 before its claim led to another one")

    def test_unhealthy(self) -> None:
        """One that is started anew because its check goes on failing was not replaced for the new definition."""
        self.redefine()
        self.story.claim(FIRST, "host1", healthy=False, Due=True)
        self.story.wait(1)
        self.story.stop("c1", FIRST, "host1")
        self.assert_good()

    def test_first(self) -> None:
        """So does one that is stopped before there is a new one."""
        self.redefine()
        self.story.wait(1)
        self.story.stop("c1", FIRST, "host1")
        self.story.wait(3)
        self.story.start("c2", FIRST, "host1", "d2")
        self.assert_broken("was replaced on host1 before")

    def test_in_between(self) -> None:
        """The container of a definition that was superseded goes, for it never served."""
        self.redefine()
        self.story.start("c2", FIRST, "host1", "d2")
        self.story.wait(1)
        self.redefine(NEWEST)
        self.story.stop("c2", FIRST, "host1")
        self.assert_good()

    def test_taken_back(self) -> None:
        """After a revert the new one, which served, goes as the old one would have."""
        self.redefine()
        self.story.start("c2", FIRST, "host1", "d2")
        self.story.wait(LONG)
        self.healthy()
        self.story.put("services/chaos/web", WEB)
        self.story.wait(1)
        self.healthy("c1", "d1")
        self.story.wait(1)
        self.story.stop("c2", FIRST, "host1")
        self.assert_good()

    def test_other_causes(self) -> None:
        """A container that is stopped for another reason needs no successor here."""
        self.redefine()
        self.story.put("cordons/host1", {"Drain": True})
        self.story.wait(1)
        self.story.stop("c1", FIRST, "host1")
        self.assert_good()


class StopFirstTests(RolloutsTestCase):
    """Where no two copies may run, the old one goes first, but only with a slot."""

    def redefine_single(self) -> None:
        self.story.put("services/chaos/single", {**SINGLE, "Container": {"Image": "sample:2"}})
        self.story.wait(1)

    def test_with_slot(self) -> None:
        """The holder of a slot for this instance may stop it."""
        self.redefine_single()
        self.story.slot(LONE, "host1")
        self.story.stop("s1", LONE, "host1")
        self.assert_good()

    def test_without_slot(self) -> None:
        """Another one may not, though it holds a slot for another service's instance."""
        self.redefine_single()
        self.story.slot(FIRST, "host1")
        self.story.stop("s1", LONE, "host1")
        self.assert_broken("1.single.chaos (s1) was replaced on host1 without a slot")


class BadTests(RolloutsTestCase):
    """A definition of which nothing works."""

    def setUp(self) -> None:
        super().setUp()
        self.redefine(bad=True)
        self.story.wait(LONG)
        self.story.start("c2", FIRST, "host1", "d2")

    def test_replaced(self) -> None:
        """Its containers may come and go, and the old one stays."""
        self.story.wait(1)
        self.story.stop("c2", FIRST, "host1")
        self.assert_good()
        self.assertEqual([], self.story.broken("stops"))

    def test_healthy(self) -> None:
        """It breaks the law that one of them is said to be healthy."""
        self.healthy()
        self.assert_broken("is made of what cannot work, and its claim says healthy")


class EndTests(RolloutsTestCase):
    """When all is well every instance is made of the definition that was stored last."""

    def end(self) -> None:
        """Some time after the latest changes all is said to be well."""
        self.story.wait(LONG)
        self.story.fault("settled", seconds=1)

    def roll(self) -> None:
        """The first instance gets the newer definition."""
        self.redefine()
        self.story.wait(LONG)
        self.story.start("c2", FIRST, "host1", "d2")
        self.healthy()

    def test_all_new(self) -> None:
        """Every instance has the newer definition."""
        self.roll()
        self.end()
        self.assert_good()

    def test_claimed_later(self) -> None:
        """An instance that is claimed for the first time later on is not judged yet."""
        self.end()
        self.story.wait(LONG)
        self.story.up("o2", SECOND, "host2", Definition="d1")
        self.assert_good()

    def test_old_one_left(self) -> None:
        """An instance of the former definition is left."""
        self.story.up("o2", SECOND, "host2", Definition="d1")
        self.roll()
        self.end()
        self.assert_broken("2.web.chaos is made of another definition than the stored one")

    def test_reverted(self) -> None:
        """After a revert the former definition is the one that was stored last."""
        self.redefine(bad=True)
        self.story.wait(LONG)
        self.story.start("c2", FIRST, "host1", "d2")
        self.story.put("services/chaos/web", WEB)
        self.end()
        self.assert_good()

    def test_not_taken_back(self) -> None:
        """An instance that goes on with the definition that was taken back breaks the law."""
        self.roll()
        self.story.put("services/chaos/web", WEB)
        self.end()
        self.assert_broken("1.web.chaos is made of another definition")
