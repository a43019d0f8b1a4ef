"""The law ``rollouts`` of the chaos checker about slots: how many there may be, and whose."""

from __future__ import annotations

from tests.build.chaos_rollouts import RolloutLawCase
from tests.build.chaos_story import FIRST, LONE, SECOND, TTL, WEB


class NumberTests(RolloutLawCase):
    """There never are more slots than the definition allows."""

    def test_one_after_another(self) -> None:
        """A slot that is free may be taken by another node for another instance."""
        self.story.slot(FIRST, "host1")
        self.story.free(FIRST)
        self.story.slot(SECOND, "host2")
        self.assert_good()

    def test_one_each(self) -> None:
        """Two services have a slot each."""
        self.story.slot(FIRST, "host1")
        self.story.slot(LONE, "host2")
        self.assert_good()

    def test_one_too_many(self) -> None:
        """Two slots at once, where one is allowed, break the law, though both ended soon."""
        self.story.slot(FIRST, "host1")
        self.story.slot(SECOND, "host2", 2)
        self.story.free(FIRST)
        self.assert_broken("is one too many: 2 of 1 are held")

    def test_number_too_large(self) -> None:
        """So does a slot with a number above the allowed ones, though it is the only one."""
        self.story.slot(FIRST, "host1", 2)
        self.assert_broken("is one too many: 1 of 1 are held")

    def test_more_allowed(self) -> None:
        """A definition allows more; one that allowed more a moment ago does too, but not for long."""
        self.story.put("services/chaos/web", {**WEB, "Update": {"Parallelism": 2}})
        self.story.slot(FIRST, "host1")
        self.story.slot(SECOND, "host2", 2)
        self.story.free(SECOND, 2)
        self.story.put("services/chaos/web", WEB)
        self.story.wait(1)
        self.story.slot(SECOND, "host2", 2)
        self.assert_good()
        self.story.free(SECOND, 2)
        self.story.wait(3 * TTL)
        self.story.slot(SECOND, "host2", 2)
        self.assert_broken("is one too many")

    def test_same_instance(self) -> None:
        """An instance never has two slots."""
        self.story.put("services/chaos/web", {**WEB, "Update": {"Parallelism": 2}})
        self.story.slot(FIRST, "host1")
        self.story.slot(FIRST, "host2", 2)
        self.assert_broken(f"is the second one of {FIRST}")


class HolderTests(RolloutLawCase):
    """A slot keeps its holder, and does not outlive it."""

    def test_newer_definition(self) -> None:
        """Its holder may keep it for a newer definition."""
        self.story.slot(FIRST, "host1")
        self.story.slot(FIRST, "host1")
        self.assert_good()

    def test_passed_on(self) -> None:
        """It goes to nobody else, and to no other instance, while it lives."""
        self.story.slot(FIRST, "host1")
        self.story.slot(FIRST, "host2")
        self.assert_broken("passed on while it lived")

    def kept(self, seconds: float) -> None:
        """The holder's agent is killed, and the slot ends so much later."""
        self.story.slot(FIRST, "host1")
        self.story.harm("host1", "agent killed")
        self.story.wait(seconds)
        self.story.free(FIRST)

    def test_ended_with_lease(self) -> None:
        """The slot of a node that is gone ends with its lease."""
        self.kept(TTL + 1)
        self.assert_good()

    def test_kept_by_the_dead(self) -> None:
        """One that stays for longer breaks the law."""
        self.kept(2 * TTL + 3)
        self.assert_broken("was kept by host1 for")

    def test_kept_until_now(self) -> None:
        """So does one that is never seen to end."""
        self.story.slot(FIRST, "host1")
        self.story.harm("host1", "cut off")
        self.story.wait(3 * TTL)
        self.story.put("cordons/host5", {})
        self.assert_broken("was kept by host1 for")

    def test_back_in_time(self) -> None:
        """A node that is back before its lease ended keeps its slot."""
        self.story.slot(FIRST, "host1")
        self.story.harm("host1", "agent killed")
        self.story.wait(TTL - 1)
        self.story.heal("host1")
        self.story.wait(3 * TTL)
        self.story.free(FIRST)
        self.assert_good()

    def test_etcd_away(self) -> None:
        """No lease ends while etcd is away."""
        for host in ("host1", "host2"):
            self.story.harm(host, "etcd killed")
        self.kept(3 * TTL)
        self.assert_good()
