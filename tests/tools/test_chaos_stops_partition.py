"""The law ``stops`` of the chaos checker: further causes with ``OnPartition: stop``."""

from __future__ import annotations

from tests.build.chaos_stops import LONG, StopsTestCase
from tests.build.chaos_story import FIRST, LONE, SINGLE


class OnPartitionTests(StopsTestCase):
    """A container that must not run beside another has more causes to be stopped, but not any cause."""

    def setUp(self) -> None:
        super().setUp()
        self.story.up("c9", LONE, "host1")
        self.story.wait(LONG)

    def stop(self) -> None:
        self.story.die("c9", LONE, "host1", 137)

    def test_without_cause(self) -> None:
        """It is not stopped while nothing speaks for its node being out of touch."""
        self.stop()
        self.assert_broken("1.single.chaos")

    def test_agents_stop_without_cause(self) -> None:
        """Neither by the agent; nor is the harm of another host a cause."""
        self.story.harm("host4", "cut off")
        self.story.wait(3)
        self.story.stop("c9", LONE, "host1")
        self.assert_broken("1.single.chaos")

    def test_due(self) -> None:
        """It may be started anew because its claim says that it is due."""
        self.story.claim(LONE, "host1", healthy=False, Due=True)
        self.story.wait(2)
        self.story.stop("c9", LONE, "host1")
        self.assert_good()

    def test_out_of_touch(self) -> None:
        """A node that is cut off, or whose agent was harmed, ends it in time."""
        for harm in ("cut off", "cut off from etcd", "agent killed", "agent frozen", "agent stopped", "bad line"):
            self.story.harm("host1", harm)
            self.story.wait(4)
            self.stop()
            self.story.heal("host1")
            self.story.fault("settled", seconds=1.0)
            self.story.wait(LONG)
            self.story.start("c9", LONE, "host1")
            self.story.wait(LONG)
        self.assert_good()

    def test_etcd_away(self) -> None:
        """So do all when etcd is away."""
        for host in ("host2", "host3"):
            self.story.harm(host, "etcd killed", part="etcd")
        self.story.wait(10)
        self.stop()
        self.assert_good()

    def test_lease_ends(self) -> None:
        """The end of the lease, which follows, shows that it was right; one long ago does not."""
        self.stop()
        self.story.wait(2)
        self.story.delete("nodes/host1")
        self.story.lose(LONE)
        self.assert_good()
        self.story.put("nodes/host1", {}, "host1")
        self.story.claim(LONE, "host1", healthy=False)
        self.story.start("c9", LONE, "host1")
        self.story.wait(LONG)
        self.stop()
        self.assert_broken()

    def test_taken(self) -> None:
        """It goes as soon as another has the claim, healthy or not."""
        self.story.lose(LONE)
        self.story.wait(LONG)
        self.story.claim(LONE, "host3", healthy=False)
        self.story.wait(1)
        self.stop()
        self.assert_good()

    def test_move(self) -> None:
        """It moves stop-first."""
        self.story.claim(LONE, "host1", Leaving=True)
        self.story.wait(LONG)
        self.stop()
        self.assert_good()

    def test_keep_next_to_it(self) -> None:
        """Another service's container on the same node does not go with it."""
        self.story.harm("host1", "cut off")
        self.story.wait(4)
        self.stop()
        self.story.die("c1", FIRST, "host1", 137)
        self.assert_broken("1.web.chaos")

    def test_changed_to_keep(self) -> None:
        """A container that was started with ``stop`` is made anew when the definition is changed to ``keep``."""
        self.story.put("services/chaos/single", {**SINGLE, "OnPartition": "keep"})
        self.story.wait(LONG)
        self.stop()
        self.assert_good()
