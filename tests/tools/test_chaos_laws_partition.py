"""The law ``partition`` of the chaos checker: what must not run twice never does."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.build.chaos_story import FIRST, LONE, story


class PartitionTests(SynchronousTestCase):
    """The law ``partition``."""

    def test_one_after_the_other(self) -> None:
        """A copy may start as soon as the other has ended, which its Engine reports a little late."""
        told = story()
        told.start("c1", LONE, "host1")
        told.wait(10)
        told.start("c2", LONE, "host2")
        told.wait(0.2)
        told.die("c1", LONE, "host1", 137)
        self.assertEqual([], told.broken("partition"))

    def test_two_hosts(self) -> None:
        """Two copies on two hosts break it."""
        told = story()
        told.start("c1", LONE, "host1")
        told.wait(10)
        told.start("c2", LONE, "host2")
        told.wait(1)
        told.die("c1", LONE, "host1", 137)
        self.assertIn("on host1 and on host2", told.broken("partition")[0].text)

    def test_one_host(self) -> None:
        """So do two on the same one, though neither ever ends."""
        told = story()
        told.start("c1", LONE, "host1")
        told.start("c2", LONE, "host1")
        told.wait(5)
        self.assertEqual(1, len(told.broken("partition")))

    def test_told_late(self) -> None:
        """The time of the event counts, not the time of its line."""
        told = story()
        told.start("c1", LONE, "host1")
        told.wait(30)
        told.start("c2", LONE, "host2", at=told.now - 20)
        told.die("c1", LONE, "host1", at=told.now - 10)
        self.assertEqual(1, len(told.broken("partition")))

    def test_keep(self) -> None:
        """Without ``OnPartition: stop`` two copies may run."""
        told = story()
        told.start("c1", FIRST, "host1")
        told.start("c2", FIRST, "host2")
        self.assertEqual([], told.broken("partition"))

    def test_asked_to_stop_later(self) -> None:
        """A container that was started under another definition is not meant."""
        told = story()
        told.start("c1", FIRST, "host1")
        told.wait(10)
        told.put("services/chaos/web", {"Instances": 2, "Container": {}, "OnPartition": "stop"})
        told.wait(10)
        told.start("c2", FIRST, "host2")
        self.assertEqual([], told.broken("partition"))
        told.start("c3", FIRST, "host3")
        self.assertEqual(1, len(told.broken("partition")))

    def test_engine_frozen(self) -> None:
        """A frozen Engine reports a death when it wakes up, so until when the container ran is not known."""
        told = story()
        told.start("c1", LONE, "host1")
        told.wait(10)
        told.harm("host1", "engine frozen", part="dockerd")
        told.wait(8)
        told.start("c2", LONE, "host2")
        told.wait(5)
        told.heal("host1")
        told.wait(0.5)
        told.die("c1", LONE, "host1", 137)
        self.assertEqual([], told.broken("partition"))

    def test_before_engine_frozen(self) -> None:
        """But it ran until the Engine was frozen."""
        told = story()
        told.start("c1", LONE, "host1")
        told.wait(10)
        told.start("c2", LONE, "host2")
        told.wait(1)
        told.harm("host1", "engine frozen", part="dockerd")
        told.wait(5)
        told.heal("host1")
        told.die("c1", LONE, "host1", 137)
        self.assertEqual(1, len(told.broken("partition")))

    def test_engine_killed(self) -> None:
        """A container under a killed Engine that the next one does not list ended at some time between."""
        told = story()
        told.start("c1", LONE, "host1")
        told.wait(10)
        told.harm("host1", "engine killed", part="dockerd")
        told.wait(8)
        told.start("c2", LONE, "host2")
        told.wait(5)
        told.listed("host1")
        self.assertEqual([], told.broken("partition"))

    def test_listed(self) -> None:
        """A container that a list shows to run runs, though nobody saw it start."""
        told = story()
        told.start("c2", LONE, "host2")
        told.wait(10)
        told.listed("host1", ("c1", LONE))
        told.wait(1)
        self.assertEqual(1, len(told.broken("partition")))

    def test_power_cut(self) -> None:
        """Power that is cut ends all copies."""
        told = story()
        told.start("c1", LONE, "host1")
        told.wait(10)
        told.harm("host1", "power cut")
        told.wait(1)
        told.start("c2", LONE, "host2")
        self.assertEqual([], told.broken("partition"))

    def test_cut_off(self) -> None:
        """A cut line ends none."""
        told = story()
        told.start("c1", LONE, "host1")
        told.wait(10)
        told.harm("host1", "cut off")
        told.wait(8)
        told.start("c2", LONE, "host2")
        self.assertEqual(1, len(told.broken("partition")))

    def test_before_engine_killed(self) -> None:
        """Until the harm it ran, for an Engine that is itself would have reported its end."""
        told = story()
        told.start("c1", LONE, "host1")
        told.wait(10)
        told.start("c2", LONE, "host2")
        told.wait(1)
        told.harm("host1", "engine killed", part="dockerd")
        told.wait(5)
        told.listed("host1")
        self.assertEqual(1, len(told.broken("partition")))

    def test_after_engine_killed(self) -> None:
        """A harm that was before the start says nothing about the run."""
        told = story()
        told.harm("host1", "engine killed", part="dockerd")
        told.wait(5)
        told.heal("host1")
        told.wait(5)
        told.start("c1", LONE, "host1")
        told.wait(5)
        told.start("c2", LONE, "host2")
        self.assertEqual(1, len(told.broken("partition")))

    def test_after_engine_was_frozen(self) -> None:
        """An Engine that was frozen once, and is itself again, reports deaths in time."""
        told = story()
        told.start("c1", LONE, "host1")
        told.wait(10)
        told.harm("host1", "engine frozen", part="dockerd")
        told.wait(5)
        told.heal("host1")
        told.wait(30)
        told.start("c2", LONE, "host2")
        told.wait(10)
        told.die("c1", LONE, "host1", 137)
        self.assertEqual(1, len(told.broken("partition")))

    def test_not_listed(self) -> None:
        """A container that a list does not show has ended, though nobody saw it end."""
        told = story()
        told.start("c1", LONE, "host1")
        told.wait(10)
        told.listed("host1")
        told.wait(10)
        told.start("c2", LONE, "host2")
        self.assertEqual([], told.broken("partition"))

    def test_not_listed_yet(self) -> None:
        """But a list may be older than a start whose line precedes it."""
        told = story()
        told.start("c1", LONE, "host1")
        told.wait(0.2)
        told.listed("host1")
        told.wait(10)
        told.start("c2", LONE, "host2")
        self.assertEqual(1, len(told.broken("partition")))

    def test_started_twice(self) -> None:
        """A container that starts again has ended before, though nobody saw it end."""
        told = story()
        told.start("c1", LONE, "host1")
        told.wait(10)
        told.start("c2", LONE, "host2")
        told.wait(1)
        told.die("c2", LONE, "host2", 0)
        told.wait(10)
        told.start("c1", LONE, "host1")
        self.assertEqual([], told.broken("partition"))
