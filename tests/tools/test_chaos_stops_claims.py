"""The law ``stops`` of the chaos checker: causes by what stands in a claim."""

from __future__ import annotations

from tests.build.chaos_stops import LONG, StopsTestCase
from tests.build.chaos_story import FIRST, SECOND, WEB


class ClaimCausesTests(StopsTestCase):
    """Its claim is another node's, and that one is healthy."""

    def lose_to(self, node: str, healthy: bool, container: str = "c3") -> None:
        """host1 loses its claim, and another node takes it and starts a copy."""
        self.story.lose(FIRST)
        self.story.claim(FIRST, node, healthy=False)
        self.story.start(container, FIRST, node)
        self.story.wait(0.5)
        if healthy:
            self.story.claim(FIRST, node, container=container)

    def test_surplus(self) -> None:
        """Lease lost, another claims it and gets healthy: the old copy goes."""
        self.lose_to("host3", healthy=True)
        self.story.wait(LONG)
        self.stop()
        self.assert_good()

    def test_never_healthy(self) -> None:
        """As long as the other was never healthy the copy stays."""
        self.lose_to("host3", healthy=False)
        self.story.wait(LONG)
        self.stop()
        self.assert_broken("its claim was host3's")

    def test_healthy_only_later(self) -> None:
        """A copy that goes before the other is even started breaks the law, however late the lines about etcd are."""
        self.story.lose(FIRST)
        self.story.claim(FIRST, "host3", healthy=False)
        self.stop()
        self.story.wait(0.5)
        self.story.start("c3", FIRST, "host3")
        self.story.wait(0.5)
        self.story.claim(FIRST, "host3", container="c3")
        self.assert_broken()

    def test_told_late(self) -> None:
        """Word of the other's health may come a moment after the stop."""
        self.lose_to("host3", healthy=False)
        self.story.wait(1)
        self.stop()
        self.story.wait(1)
        self.story.claim(FIRST, "host3", container="c3")
        self.assert_good()

    def test_order_of_etcd(self) -> None:
        """A change that etcd orders behind one that came after the stop was not made before the stop either."""
        self.lose_to("host3", healthy=False)
        self.story.wait(1)
        self.stop()
        self.story.wait(0.5)
        self.story.start("c4", SECOND, "host4")
        self.story.wait(0.5)
        self.story.put("instances/chaos/other/1", {"Node": "host4", "Healthy": True, "ContainerId": "c4"}, "host4")
        self.story.claim(FIRST, "host3", container="c3")
        self.assert_broken()

    def test_told_much_too_late(self) -> None:
        """But not any later, as long as etcd can be reached."""
        self.lose_to("host3", healthy=False)
        self.story.wait(1)
        self.stop()
        self.story.wait(5)
        self.story.claim(FIRST, "host3", container="c3")
        self.assert_broken()

    def test_told_late_after_etcd_was_away(self) -> None:
        """When etcd was away its word may be some seconds older."""
        self.lose_to("host3", healthy=False)
        self.story.harm("host2", "etcd frozen", part="etcd")
        self.story.wait(1)
        self.stop()
        self.story.wait(5)
        self.story.claim(FIRST, "host3", container="c3")
        self.assert_good()

    def test_healthy_once(self) -> None:
        """It is enough that the other was healthy once since."""
        self.lose_to("host3", healthy=True)
        self.story.claim(FIRST, "host3", healthy=False)
        self.story.wait(LONG)
        self.stop()
        self.assert_good()

    def test_healthy_then_gone(self) -> None:
        """Even if nobody holds it now."""
        self.lose_to("host3", healthy=True)
        self.story.lose(FIRST)
        self.story.wait(LONG)
        self.stop()
        self.assert_good()

    def test_held_again(self) -> None:
        """A node keeps an instance that it holds again, whichever node was healthy before."""
        self.lose_to("host3", healthy=True)
        self.story.lose(FIRST)
        self.story.claim(FIRST, "host1", container="c1")
        self.story.wait(5)
        self.stop()
        self.assert_broken("its claim was host1's")

    def test_held_again_too_late(self) -> None:
        """But an order that is on its way cannot be called back."""
        self.lose_to("host3", healthy=True)
        self.story.wait(2)
        self.story.lose(FIRST)
        self.story.claim(FIRST, "host1", container="c1")
        self.story.wait(0.5)
        self.stop()
        self.assert_good()

    def test_own_again_after_loss(self) -> None:
        """A claim that was lost and is claimed again by the same node is no cause at all."""
        self.story.lose(FIRST)
        self.story.wait(0.1)
        self.story.claim(FIRST, "host1", container="c1")
        self.story.wait(1)
        self.stop()
        self.assert_broken()

    def test_order_in_a_frozen_engine(self) -> None:
        """An Engine that was frozen does what it was asked before, though that is not wanted any more."""
        self.lose_to("host3", healthy=True)
        self.story.wait(2)
        self.story.harm("host1", "engine frozen", part="dockerd")
        self.story.wait(10)
        self.story.lose(FIRST)
        self.story.claim(FIRST, "host1", container="c1")
        self.story.wait(3)
        self.story.heal("host1")
        self.story.wait(0.2)
        self.stop()
        self.assert_good()

    def test_moved(self) -> None:
        """After a move the copy of the former owner goes."""
        self.story.claim(FIRST, "host1", Leaving=True)
        self.story.succession(FIRST, "host3")
        self.story.start("c3", FIRST, "host3")
        self.story.wait(1)
        self.story.succeed(FIRST, "host3", container="c3")
        self.story.wait(2)
        self.stop()
        self.assert_good()

    def test_before_the_move(self) -> None:
        """As long as the successor prepares it stays."""
        self.story.claim(FIRST, "host1", Leaving=True)
        self.story.succession(FIRST, "host3")
        self.story.start("c3", FIRST, "host3")
        self.story.wait(1)
        self.stop()
        self.assert_broken()

    def test_successor_gives_up(self) -> None:
        """A successor whose owner keeps the instance stops its own copy."""
        self.story.start("c3", FIRST, "host3")
        self.story.wait(5)
        self.story.stop("c3", FIRST, "host3")
        self.assert_good()

    def test_another_etcd(self) -> None:
        """A claim in an etcd that took the place of the one before is no cause to stop what ran before."""
        self.story.wipe()
        self.story.claim(FIRST, "host3", healthy=False)
        self.story.start("c3", FIRST, "host3")
        self.story.wait(1)
        self.story.claim(FIRST, "host3", container="c3")
        self.story.wait(LONG)
        self.stop()
        self.assert_broken()
        self.story.wait(LONG)
        self.story.start("c1", FIRST, "host1")
        self.story.wait(LONG)
        self.stop()
        self.assert_broken(times=1)

    def test_due(self) -> None:
        """One whose claim says that it is unhealthy and due is started anew."""
        self.story.claim(FIRST, "host1", healthy=False, Due=True)
        self.story.wait(2)
        self.stop()
        self.assert_good()

    def test_unhealthy_is_not_due(self) -> None:
        """To be unhealthy is not enough; nor is it that another instance is due, or that this one was long ago."""
        self.story.claim(SECOND, "host2", healthy=False, Due=True)
        self.story.claim(FIRST, "host1", healthy=False, Due=True)
        self.story.claim(FIRST, "host1", healthy=False, Due=False)
        self.story.wait(LONG)
        self.stop()
        self.assert_broken()

    def test_successor_due(self) -> None:
        """While the owner is due, the copy of its successor may be started anew; that of another node may not."""
        sick = "1.sick.chaos"
        self.story.put("services/chaos/sick", {**WEB, "Name": "sick"})
        self.story.claim(sick, "host1", healthy=False, Due=True, Leaving=True)
        self.story.succession(sick, "host3")
        for host in ("host3", "host4"):
            self.story.start(f"on {host}", sick, host)
        self.story.wait(LONG)
        self.story.stop("on host3", sick, "host3")
        self.assert_good()
        self.story.stop("on host4", sick, "host4")
        self.assert_broken()

    def test_too_many_on_one_host(self) -> None:
        """Of two containers of an instance on one host one may go."""
        self.story.start("c3", FIRST, "host1")
        self.story.wait(1)
        self.stop()
        self.assert_good()
