"""The law ``claims`` of the chaos checker: never two holders of an instance at once, in etcd's order."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.build.chaos_story import FIRST, SECOND, Story, key_of, story


class ClaimsTests(SynchronousTestCase):
    """The order of holders that the law allows."""

    def setUp(self) -> None:
        self.story: Story = story()
        self.story.claim(FIRST, "host1", healthy=False)
        self.story.claim(FIRST, "host1")

    def assert_broken(self, words: str) -> None:
        found = self.story.broken("claims")
        self.assertEqual(1, len(found), found)
        self.assertIn(words, found[0].text)

    def move(self, **more: Any) -> None:
        """All of a succession: asked for, prepared, done."""
        self.story.claim(FIRST, "host1", Leaving=True)
        self.story.succession(FIRST, "host2")
        self.story.succeed(FIRST, "host2", **more)

    def test_ended_between(self) -> None:
        """A claim that ended may become anybody's, its former holder's too."""
        self.story.lose(FIRST)
        self.story.claim(FIRST, "host2")
        self.story.lose(FIRST)
        self.story.claim(FIRST, "host2")
        self.assertEqual([], self.story.broken("claims"))

    def test_own_again(self) -> None:
        """A node that lost its lease claims the same under another."""
        self.story.lose(FIRST)
        self.story.leases["host1"] = "-2"
        self.story.claim(FIRST, "host1")
        self.assertEqual([], self.story.broken("claims"))

    def test_taken(self) -> None:
        """A claim that lives does not become another node's."""
        self.story.claim(FIRST, "host2")
        self.assert_broken("passed from host1 (lease host1) to host2 (lease host2) while it lived")

    def test_other_lease(self) -> None:
        """Nor does it hang on another lease of the same node."""
        self.story.leases["host1"] = "-2"
        self.story.claim(FIRST, "host1")
        self.assert_broken("passed from host1 (lease host1) to host1 (lease host1-2) while it lived")

    def test_told_late(self) -> None:
        """The order of etcd counts, not that of the lines."""
        self.story.lose(FIRST)
        self.story.claim(FIRST, "host2")
        lines = self.story.lines
        lines[-1], lines[-2] = lines[-2], lines[-1]
        self.assertEqual([], self.story.broken("claims"))

    def test_succession(self) -> None:
        """The successor takes the place of an owner who asked for it; then it owns the claim like any other."""
        self.move()
        self.story.claim(FIRST, "host2", healthy=False)
        self.assertEqual([], self.story.broken("claims"))

    def test_back_again(self) -> None:
        """The former owner writes nothing more."""
        self.move()
        self.story.claim(FIRST, "host1")
        self.assert_broken("while it lived")

    def test_not_asked_for(self) -> None:
        """Nobody succeeds an owner who never asked for it."""
        self.story.succession(FIRST, "host2")
        self.story.succeed(FIRST, "host2")
        self.assert_broken("which host1 had not asked for")

    def test_asked_for_before(self) -> None:
        """A wish to leave that was over when the successor came counts for nothing."""
        self.story.claim(FIRST, "host1", Leaving=True)
        self.story.claim(FIRST, "host1")
        self.story.succession(FIRST, "host2")
        self.story.succeed(FIRST, "host2")
        self.assert_broken("which host1 had not asked for")

    def test_changed_its_mind(self) -> None:
        """A wish that ended while the successor prepared may come too late."""
        self.story.claim(FIRST, "host1", Leaving=True)
        self.story.succession(FIRST, "host2")
        self.story.claim(FIRST, "host1")
        self.story.succeed(FIRST, "host2")
        self.assertEqual([], self.story.broken("claims"))

    def test_each_needs_its_own_wish(self) -> None:
        """The next owner has to ask itself."""
        self.move()
        self.story.succession(FIRST, "host3")
        self.story.succeed(FIRST, "host3")
        self.assert_broken("which host2 had not asked for")

    def test_two_steps(self) -> None:
        """Claim and successor's key change in one revision, not in two."""
        self.story.claim(FIRST, "host1", Leaving=True)
        self.story.succession(FIRST, "host2")
        self.story.claim(FIRST, "host2")
        self.story.delete(f"{key_of(FIRST)}/next")
        self.assert_broken("while it lived")

    def test_other_successor(self) -> None:
        """The node that takes the claim over is the one that was the successor."""
        self.story.claim(FIRST, "host1", Leaving=True)
        self.story.succession(FIRST, "host3")
        self.story.succeed(FIRST, "host2")
        self.assert_broken("but the successor was host3")

    def test_other_lease_of_the_successor(self) -> None:
        """And under the lease that it was under."""
        self.story.leases["host2"] = ""
        self.story.claim(FIRST, "host1", Leaving=True)
        self.story.succession(FIRST, "host2")
        self.story.succeed(FIRST, "host2", lease="host2-2")
        self.assert_broken("but the successor was host2 (lease host2)")

    def test_successors_key(self) -> None:
        """The successor's key does not change hands while it lives."""
        self.story.claim(FIRST, "host1", Leaving=True)
        self.story.succession(FIRST, "host2")
        self.story.succession(FIRST, "host3")
        self.assert_broken("next passed from host2")

    def test_lease_ends(self) -> None:
        """A lease that ends takes all claims in one revision."""
        self.story.claim(SECOND, "host1")
        self.story.delete(key_of(FIRST))
        self.story.delete(key_of(SECOND), same=True)
        self.story.claim(FIRST, "host2")
        self.story.claim(SECOND, "host3")
        self.assertEqual([], self.story.broken("claims"))

    def test_another_etcd(self) -> None:
        """An etcd that was wiped begins anew: all is free."""
        self.story.wipe()
        self.story.claim(FIRST, "host2")
        self.assertEqual([], self.story.broken("claims"))
        self.story.claim(FIRST, "host1")
        self.assert_broken("while it lived")

    def test_created_anew(self) -> None:
        """As long as a claim lives its create revision stays."""
        self.story.lose(FIRST)
        del self.story.lines[-1]
        self.story.claim(FIRST, "host1")
        self.assert_broken("was created anew without having ended")

    def test_no_lease(self) -> None:
        """A claim hangs on a lease."""
        self.story.claim(SECOND, "host1", lease="0")
        self.assert_broken("hangs on no lease")

    def test_no_node(self) -> None:
        """A record names its node."""
        self.story.put(key_of(SECOND), None, "host1")
        self.assert_broken("names no node")

    def test_borrowed_lease(self) -> None:
        """No node claims anything under another's lease."""
        self.story.claim(SECOND, "host2", lease="host1")
        self.assert_broken("has a lease of host1 and names host2")
