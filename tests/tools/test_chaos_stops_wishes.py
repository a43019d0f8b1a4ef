"""The law ``stops`` of the chaos checker: causes by what people want."""

from __future__ import annotations

from typing import Any

from tests.build.chaos_stops import LONG, StopsTestCase
from tests.build.chaos_story import FIRST, SECOND, WEB


class WishCausesTests(StopsTestCase):
    """A person wanted it."""

    def define(self, **more: Any) -> None:
        self.story.put("services/chaos/web", {**WEB, **more})

    def test_deleted(self) -> None:
        """A service that is deleted is stopped."""
        self.story.delete("services/chaos/web")
        self.story.wait(1)
        self.stop()
        self.assert_good()

    def test_other_deleted(self) -> None:
        """That another one is deleted is no cause."""
        self.story.delete("services/chaos/single")
        self.story.wait(1)
        self.stop()
        self.assert_broken()

    def test_absent(self) -> None:
        """An etcd without the definition, which nobody has deleted, is no cause."""
        self.story.wipe()
        self.story.put("identity", 1)
        self.story.wait(LONG)
        self.stop()
        self.assert_broken()

    def test_scaled(self) -> None:
        """Scaled down stops the numbers above, and not those below."""
        self.define(Instances=1)
        self.story.wait(1)
        self.story.stop("c2", SECOND, "host2")
        self.assert_good()
        self.stop()
        self.assert_broken("1.web.chaos")

    def test_scaled_back(self) -> None:
        """A wish that was taken back may be carried out for some seconds, and not for longer."""
        self.define(Instances=1)
        self.story.wait(0.1)
        self.define()
        self.story.wait(1)
        self.story.stop("c2", SECOND, "host2")
        self.assert_good()
        self.story.start("c2", SECOND, "host2")
        self.story.wait(LONG)
        self.story.stop("c2", SECOND, "host2")
        self.assert_broken()

    def test_told_late(self) -> None:
        """A wish may be granted as soon as its command runs, however late the line about etcd is."""
        self.story.wish("delete", service="web.chaos")
        self.story.wait(5)
        self.stop()
        self.story.wait(4)
        self.story.delete("services/chaos/web")
        self.story.wish("delete", service="web.chaos", done=True)
        self.assert_good()

    def test_before_the_wish(self) -> None:
        """But not before the command runs."""
        self.stop()
        self.story.wait(5)
        self.story.wish("delete", service="web.chaos")
        self.story.delete("services/chaos/web")
        self.assert_broken()

    def test_redefined(self) -> None:
        """A definition that wants another container stops the old ones, late too, but not the new ones."""
        self.define(Container={"Image": "sample:2"})
        self.story.wait(LONG)
        self.stop()
        self.story.start("c3", FIRST, "host1", "d2")
        self.assert_good()
        self.story.wait(LONG)
        self.story.stop("c3", FIRST, "host1")
        self.assert_broken("(c3)")

    def test_redefined_at_once(self) -> None:
        """So it is when the new ones start at once, and it is not certain yet what they are made of."""
        self.define(Container={"Image": "sample:2"})
        self.story.wait(1)
        self.stop()
        self.story.start("c3", FIRST, "host1", "d2")
        self.story.wait(LONG)
        self.story.stop("c3", FIRST, "host1")
        self.assert_broken("(c3)")

    def test_old_one_listed(self) -> None:
        """That an old one is seen to run says nothing about what it is made of."""
        self.define(Container={"Image": "sample:2"})
        self.story.wait(LONG)
        self.story.listed("host3", ("c7", FIRST))
        self.story.wait(LONG)
        self.define()
        self.story.wait(LONG)
        self.stop()
        self.assert_broken()

    def test_defined_as_before(self) -> None:
        """A definition that is changed back is no cause to stop what was made of it."""
        self.define(Container={"Image": "sample:2"})
        self.define()
        self.story.wait(LONG)
        self.stop()
        self.assert_broken()

    def test_same_container(self) -> None:
        """A change that the container has no part in stops nothing."""
        self.define(Instances=3, Placement={"OnePerNode": True}, Http={"HostName": "web.test"})
        self.story.wait(1)
        self.stop()
        self.assert_broken()

    def test_other_port(self) -> None:
        """A change of the port stops it, for ports are published when a container is made."""
        self.define(Http={"HostName": "web.test", "ContainerPort": "8081"})
        self.story.wait(1)
        self.stop()
        self.assert_good()

    def test_drained(self) -> None:
        """A node that is drained may stop what it has; a cordoned one, or another, may not."""
        self.story.put("cordons/host1", {"Drain": True})
        self.story.put("cordons/host2", None)
        self.story.wait(LONG)
        self.stop()
        self.assert_good()
        self.story.stop("c2", SECOND, "host2")
        self.assert_broken("2.web.chaos")

    def test_not_drained_any_more(self) -> None:
        """When a drain is over for good it is no cause."""
        self.story.put("cordons/host1", {"Drain": True})
        self.story.wait(LONG)
        self.story.delete("cordons/host1")
        self.story.wait(LONG)
        self.stop()
        self.assert_broken()
