"""When a container hangs in which no command begins."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.stuck import STUCK, StuckCommands


class StuckCommandsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.commands = StuckCommands()

    def test_slow(self) -> None:
        """Commands that begin late for a while say nothing, and one that begins ends that."""
        self.assertFalse(self.commands.did_not_begin("a", asked=100.0, now=105.0))
        self.assertFalse(self.commands.did_not_begin("a", asked=110.0, now=99.9 + STUCK))
        self.commands.began("a")
        self.assertFalse(self.commands.did_not_begin("a", asked=200.0, now=205.0))

    def test_stuck(self) -> None:
        """The time counts from the first command that did not begin, and for each container by itself."""
        self.assertFalse(self.commands.did_not_begin("a", asked=100.0, now=105.0))
        self.assertTrue(self.commands.did_not_begin("a", asked=125.0, now=100.0 + STUCK))
        self.assertTrue(self.commands.did_not_begin("a", asked=140.0, now=145.0))
        self.assertFalse(self.commands.did_not_begin("b", asked=140.0, now=145.0))

    def test_gone(self) -> None:
        """One that was not asked for long is forgotten, and begins anew if it is there after all."""
        self.commands.did_not_begin("a", asked=100.0, now=105.0)
        self.assertFalse(self.commands.did_not_begin("b", asked=9000.0, now=9005.0))
        self.assertFalse(self.commands.did_not_begin("a", asked=9000.0, now=9005.0))
