"""The law ``rollouts`` of the chaos checker about rollouts whose holder of a slot is gone."""

from __future__ import annotations

from tests.build.chaos_rollouts import RolloutLawCase
from tests.build.chaos_story import FIRST, SECOND, TTL, WEB


class GoingOnTests(RolloutLawCase):
    """host1 replaces the first instance, and its agent is killed; host2 has the second one."""

    def begin(self, second: str = "d1") -> None:
        self.story.claim(FIRST, "host1", Definition="d1")
        self.story.claim(SECOND, "host2", Definition=second)
        self.story.slot(FIRST, "host1")
        self.story.wait(0.5)
        self.story.harm("host1", "agent killed")
        self.story.wait(TTL + 1)
        self.story.free(FIRST)
        self.story.lose(FIRST)

    def later(self) -> None:
        """Something else is seen long afterwards."""
        self.story.wait(3 * TTL)
        self.story.put("cordons/host5", {})

    def test_taken(self) -> None:
        """The next one takes a slot, with the instance that is left."""
        self.begin()
        self.story.wait(0.5)
        self.story.slot(SECOND, "host2")
        self.later()
        self.assert_good()

    def test_late(self) -> None:
        """It must not wait."""
        self.begin()
        self.story.wait(TTL)
        self.story.slot(SECOND, "host2")
        self.assert_broken("it went on only then")

    def test_never(self) -> None:
        """Nor do nothing."""
        self.begin()
        self.later()
        self.assert_broken("it did not go on")

    def test_no_need(self) -> None:
        """If all others are done there is nothing to go on with."""
        self.begin(second="d2")
        self.later()
        self.assert_good()

    def test_another_slot(self) -> None:
        """While another slot is held the rollout goes on."""
        self.story.put("services/chaos/web", {**WEB, "Update": {"Parallelism": 2}})
        self.story.slot(SECOND, "host2", 2)
        self.begin()
        self.later()
        self.assert_good()

    def test_need_ends(self) -> None:
        """A definition that is stored, or a record that stops the rollout, ends the need."""
        for key, value in (("services/chaos/web", WEB), ("rollouts/chaos/web", {"State": "paused"})):
            self.setUp()
            self.begin()
            self.story.put(key, value)
            self.later()
            self.assert_good()

    def test_harmed_too(self) -> None:
        """Nobody has to go on whose own host was harmed."""
        self.story.harm("host2", "agent frozen")
        self.begin()
        self.later()
        self.assert_good()

    def test_back_in_time(self) -> None:
        """A holder that is back before its lease ends goes on by itself."""
        self.story.claim(SECOND, "host2", Definition="d1")
        self.story.slot(FIRST, "host1")
        self.story.harm("host1", "agent killed")
        self.story.wait(1)
        self.story.heal("host1")
        self.story.wait(3 * TTL)
        self.story.free(FIRST)
        self.later()
        self.assert_good()
