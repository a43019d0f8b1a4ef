"""Kinds of values as words."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.planning.container_steps import PullImage
from daprdockr.planning.outcome import Done
from daprdockr.runtime.kinds import kind_of


class KindTests(SynchronousTestCase):
    def test_words(self) -> None:
        """The words of a type's name are joined by underscores."""
        self.assertEqual([kind_of(Done()), kind_of(PullImage("web:1"))], ["done", "pull_image"])
