"""The law ``stops`` of the chaos checker: no container is stopped without a cause."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.build.chaos_stops import LONG, StopsTestCase
from tests.build.chaos_story import FIRST, SECOND, key_of, story


class OrdersTests(StopsTestCase):
    """The events that count as a stop."""

    def test_without_cause(self) -> None:
        """A container that is stopped for nothing breaks the law."""
        self.stop()
        self.assert_broken("1.web.chaos (c1) was stopped on host1 without a cause; its claim was host1's")

    def test_restarted(self) -> None:
        """So does one that is restarted, which is the same violation and is reported with it."""
        self.stop()
        self.story.wait(1)
        self.story.start("c1", FIRST, "host1")
        self.assert_broken("started again 1.1 s later")

    def test_signalled(self) -> None:
        """A container that dies of KILL without an order to its Engine was ended by somebody too."""
        self.story.die("c1", FIRST, "host1", 137)
        self.assert_broken("was ended from outside on host1")

    def test_destroyed(self) -> None:
        """A container that is destroyed while it runs is stopped thereby."""
        self.story.tell("container", host="host1", action="destroy", id="c1", instance=FIRST, definition="d1")
        self.assert_broken("was ended from outside")

    def test_each_run(self) -> None:
        """Each run of a container is judged by itself."""
        self.stop()
        self.story.wait(LONG)
        self.story.start("c1", FIRST, "host1")
        self.story.wait(LONG)
        self.stop()
        self.assert_broken(times=2)

    def test_exit(self) -> None:
        """A container that exits is not stopped, and may be started again."""
        self.story.die("c1", FIRST, "host1", 1)
        self.story.start("c1", FIRST, "host1")
        self.story.wait(1)
        self.story.die("c1", FIRST, "host1", 0)
        self.assert_good()

    def test_gone_unseen(self) -> None:
        """How it ended is not known of a container that is not there any more when its Engine comes into sight."""
        self.story.listed("host1")
        self.story.wait(0.3)
        self.story.tell("container", host="host1", action="destroy", id="c1", instance=FIRST, definition="d1")
        self.assert_good()

    def test_removed(self) -> None:
        """A container that does not run may be removed."""
        self.story.die("c1", FIRST, "host1", 1)
        self.story.tell("container", host="host1", action="destroy", id="c1", instance=FIRST, definition="d1")
        self.assert_good()


class SuiteTests(StopsTestCase):
    """Actions of the suite itself."""

    def test_container_killed(self) -> None:
        """The suite kills a container; only that one, and once."""
        self.story.harm("host1", "container killed", id="c1")
        self.story.wait(0.2)
        self.story.die("c1", FIRST, "host1", 137)
        self.story.wait(0.3)
        self.story.start("c1", FIRST, "host1")
        self.assert_good()
        self.story.wait(LONG)
        self.stop()
        self.assert_broken()

    def test_other_container_killed(self) -> None:
        """That the suite kills one container is no cause to stop another."""
        self.story.start("c3", SECOND, "host1")
        self.story.harm("host1", "container killed", id="c3")
        self.story.die("c3", SECOND, "host1", 137)
        self.stop()
        self.assert_broken("1.web.chaos")

    def test_engine_killed(self) -> None:
        """A container that ran under a killed Engine is ended by the next one, and started again."""
        self.story.harm("host1", "engine killed", part="dockerd")
        self.story.wait(5)
        self.story.heal("host1")
        self.story.wait(3)
        self.story.die("c1", FIRST, "host1", 137)
        self.story.start("c1", FIRST, "host1")
        self.assert_good()

    def test_after_engine_killed(self) -> None:
        """That excuses nothing of what starts under the next one."""
        self.test_engine_killed()
        self.story.wait(3)
        self.stop()
        self.assert_broken()

    def test_power_cut(self) -> None:
        """The end of a container that ran when the power was cut may never be reported; nobody stopped it."""
        self.story.harm("host1", "power cut")
        self.story.wait(5)
        self.story.heal("host1")
        self.story.wait(5)
        self.story.listed("host1")
        self.story.tell("container", host="host1", action="destroy", id="c1", instance=FIRST, definition="d1")
        self.assert_good()

    def test_freeze_on_doubt(self) -> None:
        """A host that was cut off, or whose agent was harmed, stops nothing for that."""
        for number, harm in enumerate(("cut off", "cut off from etcd", "agent killed", "agent frozen"), 1):
            self.story.harm("host1", harm)
            self.story.wait(5)
            self.stop()
            self.story.heal("host1")
            self.story.wait(LONG)
            self.story.start("c1", FIRST, "host1")
            self.assert_broken(times=number)

    def test_etcd_away(self) -> None:
        """Nor when etcd is away."""
        for host in ("host1", "host2", "host3"):
            self.story.harm(host, "etcd killed", part="etcd")
        self.story.wait(10)
        self.stop()
        self.assert_broken()


class ClaimlessTests(SynchronousTestCase):
    """A copy of an instance that nobody ever claimed."""

    def test_never_claimed(self) -> None:
        """It is not stopped either."""
        told = story()
        told.start("c1", FIRST, "host1")
        told.wait(LONG)
        told.stop("c1", FIRST, "host1")
        self.assertEqual([], [line for line in told.lines if line.data.get("key") == key_of(FIRST)])
        self.assertEqual(1, len(told.broken("stops")))
