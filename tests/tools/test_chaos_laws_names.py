"""The law ``names`` of the chaos checker: no answer names a host that has been dead for more than TTL + 2 seconds."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.build.chaos_story import TTL, Story, story

GONE = TTL + 2.0


class NamesTests(SynchronousTestCase):
    """host1 is asked, host4 and host5 have no member of etcd."""

    def setUp(self) -> None:
        self.story: Story = story()

    def assert_good(self) -> None:
        self.assertEqual([], self.story.broken("names"))

    def assert_broken(self, words: str, times: int = 1) -> None:
        found = self.story.broken("names")
        self.assertEqual(times, len(found), found)
        self.assertIn(words, found[0].text)

    def test_alive(self) -> None:
        """Hosts that live are named."""
        self.story.ask("host1", "host1", "host4", "host5")
        self.assert_good()

    def test_dead(self) -> None:
        """A host that has been dead for longer is not; many answers are one violation."""
        self.story.harm("host4", "power cut")
        self.story.wait(GONE + 0.1)
        self.story.ask("host1", "host5", "host4")
        self.story.wait(0.1)
        self.story.ask("host1", "host4")
        self.story.ask("host1", "host5")
        self.assert_broken(
            "host1 named host4 for web.chaos.container, 7.1 s after power cut, and 1 times more",
        )

    def test_just_dead(self) -> None:
        """Until then it may be."""
        self.story.harm("host4", "power cut")
        self.story.wait(GONE - 0.1)
        self.story.ask("host1", "host4")
        self.assert_good()

    def test_each_way_to_die(self) -> None:
        """Dead is who cannot renew its lease, and nobody else."""
        dying = ("cut off", "cut off from etcd", "agent frozen", "agent killed", "agent stopped", "power cut")
        living = ("cut off from hosts", "bad line", "engine killed", "engine frozen", "nginx killed", "etcd frozen")
        for harm in (*dying, *living):
            told = story()
            told.harm("host4", harm)
            told.wait(GONE + 1)
            told.ask("host1", "host4")
            self.assertEqual(int(harm in dying), len(told.broken("names")), harm)

    def test_healed(self) -> None:
        """A host that is back may be named."""
        self.story.harm("host4", "agent frozen")
        self.story.wait(20)
        self.story.heal("host4")
        self.story.ask("host1", "host4")
        self.assert_good()

    def test_dead_again(self) -> None:
        """The time counts from the last death."""
        self.story.harm("host4", "agent killed")
        self.story.wait(20)
        self.story.heal("host4")
        self.story.wait(1)
        self.story.harm("host4", "agent killed")
        self.story.wait(GONE - 1)
        self.story.ask("host1", "host4")
        self.assert_good()
        self.story.wait(2)
        self.story.ask("host1", "host4")
        self.assert_broken("8.0 s after agent killed")

    def test_answered_late(self) -> None:
        """An answer that is on its way while the host returns is none of a dead host's."""
        self.story.harm("host4", "agent frozen")
        self.story.wait(20)
        self.story.ask("host1", "host4", seconds=1.0)
        self.story.wait(0.5)
        self.story.heal("host4")
        self.assert_good()

    def test_asked_host_is_out_of_touch(self) -> None:
        """A host that is cut off names what it knows, and does so until all has settled and it has had its time."""
        self.story.harm("host4", "power cut")
        self.story.harm("host1", "cut off from etcd")
        self.story.wait(GONE + 1)
        self.story.ask("host1", "host4")
        self.story.heal("host1")
        self.story.wait(GONE + 1)
        self.story.ask("host1", "host4")
        self.assert_good()

    def test_asked_host_is_back_in_touch(self) -> None:
        """After that it counts again."""
        self.story.harm("host1", "cut off from etcd")
        self.story.wait(1)
        self.story.heal("host1")
        self.story.fault("settled", seconds=0.0)
        self.story.wait(5 + GONE)
        self.story.harm("host4", "power cut")
        self.story.wait(GONE + 1)
        self.story.ask("host1", "host4")
        self.assert_broken("8.0 s after power cut")

    def test_asked_host_lost_its_engine(self) -> None:
        """An Engine, or nginx, has no part in what a host knows of others."""
        self.story.harm("host4", "power cut")
        self.story.harm("host5", "engine killed")
        self.story.wait(GONE + 1)
        self.story.ask("host5", "host4")
        self.assert_broken("host5 named host4")

    def test_itself(self) -> None:
        """A host names itself for its own copies, whatever etcd thinks of it."""
        self.story.delete("nodes/host5")
        self.story.wait(20)
        self.story.ask("host5", "host5")
        self.assert_good()

    def test_etcd_away(self) -> None:
        """While etcd is away nobody learns of a death."""
        self.story.harm("host4", "power cut")
        for host in ("host1", "host2", "host3"):
            self.story.harm(host, "etcd killed", part="etcd")
        self.story.wait(30)
        self.story.ask("host5", "host4")
        self.assert_good()

    def test_etcd_back(self) -> None:
        """When it is back the leases count from their beginning again."""
        self.test_etcd_away()
        for host in ("host1", "host2", "host3"):
            self.story.heal(host)
        self.story.wait(5 + GONE - 0.1)
        self.story.ask("host5", "host4")
        self.assert_good()
        self.story.wait(0.2)
        self.story.ask("host5", "host4")
        self.assert_broken("after power cut")

    def test_perhaps_the_leader(self) -> None:
        """With a member's host etcd may have lost its leader: a death takes as much longer as an election."""
        self.story.harm("host2", "power cut")
        self.story.wait(GONE + 1.4)
        self.story.ask("host1", "host2")
        self.assert_good()
        self.story.wait(0.2)
        self.story.ask("host1", "host2")
        self.assert_broken("8.6 s after power cut")

    def test_member_returns(self) -> None:
        """A member that comes back may have the others elect a leader once more."""
        self.story.harm("host3", "etcd killed", part="etcd")
        self.story.wait(60)
        self.story.harm("host4", "power cut")
        self.story.wait(GONE)
        self.story.heal("host3")
        self.story.wait(1)
        self.story.ask("host1", "host4")
        self.assert_good()

    def test_bad_line_of_a_member(self) -> None:
        """As long as a member's line is bad they may elect one at any time."""
        self.story.harm("host3", "bad line")
        self.story.wait(10)
        self.story.harm("host4", "power cut")
        self.story.wait(20)
        self.story.ask("host1", "host4")
        self.assert_good()

    def test_one_member_twice(self) -> None:
        """A member that is harmed in two ways is one member."""
        self.story.harm("host3", "etcd killed", part="etcd")
        self.story.harm("host3", "power cut")
        self.story.wait(20)
        self.story.ask("host1", "host3")
        self.assert_broken("host1 named host3")

    def test_settled(self) -> None:
        """A harm that nobody heals is over when all has settled."""
        self.story.harm("host4", "agent killed")
        self.story.wait(20)
        self.story.fault("settled", seconds=1.0)
        self.story.wait(20)
        self.story.ask("host1", "host4")
        self.assert_good()

    def test_one_member_less(self) -> None:
        """Two members of three are an etcd like any other."""
        self.story.harm("host3", "etcd killed", part="etcd")
        self.story.wait(10)
        self.story.harm("host4", "power cut")
        self.story.wait(GONE + 1)
        self.story.ask("host1", "host4")
        self.assert_broken("host1 named host4")

    def test_record_deleted(self) -> None:
        """A host that lost its lease is not named, though nothing was done to it."""
        self.story.delete("nodes/host4")
        self.story.wait(1.9)
        self.story.ask("host1", "host4")
        self.assert_good()
        self.story.wait(0.2)
        self.story.ask("host1", "host4")
        self.assert_broken("2.1 s after its record deleted")

    def test_record_put_again(self) -> None:
        """Until it has another."""
        self.story.delete("nodes/host4")
        self.story.wait(5)
        self.story.ask("host1", "host4")
        self.story.wait(1)
        self.story.put("nodes/host4", {}, "host4-2")
        self.story.wait(5)
        self.story.ask("host1", "host4")
        self.assert_good()
