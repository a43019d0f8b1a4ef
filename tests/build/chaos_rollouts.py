"""The case of all tests of the law ``rollouts`` of the chaos checker."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.build.chaos_story import Story, story


class RolloutLawCase(SynchronousTestCase):
    """A history, judged by the law ``rollouts``."""

    def setUp(self) -> None:
        self.story: Story = story()

    def assert_good(self) -> None:
        self.assertEqual([], self.story.broken("rollouts"))

    def assert_broken(self, words: str) -> None:
        found = self.story.broken("rollouts")
        self.assertEqual(1, len(found), found)
        self.assertIn(words, found[0].text)
