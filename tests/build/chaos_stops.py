"""The base of tests of the law ``stops``: two containers that have run for long."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.build.chaos_story import FIRST, SECOND, Story, story

LONG = 30.0
"""Seconds after which nothing that was before is news to anybody."""


class StopsTestCase(SynchronousTestCase):
    """``c1`` of 1.web.chaos and ``c2`` of 2.web.chaos run on host1 and host2, as they have for long."""

    def setUp(self) -> None:
        self.story: Story = story()
        self.story.up("c1", FIRST, "host1")
        self.story.up("c2", SECOND, "host2")
        self.story.wait(LONG)

    def assert_good(self) -> None:
        self.assertEqual([], self.story.broken("stops"))

    def assert_broken(self, words: str = "without a cause", times: int = 1) -> None:
        found = self.story.broken("stops")
        self.assertEqual(times, len(found), found)
        self.assertIn(words, found[0].text)

    def stop(self) -> None:
        self.story.stop("c1", FIRST, "host1")
