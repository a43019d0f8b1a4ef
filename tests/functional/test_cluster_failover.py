"""A host falls silent, in one way or another: its instances run elsewhere; it comes back: no copy too many stays."""

from __future__ import annotations

from daprdockr.agent.reporting.own_course import BACK
from daprdockr.model.stored.events import Event
from tests.rig.cluster.case import WEB, ClusterTestCase
from tests.rig.cluster.host import AGENT, ENGINE


class PlacementTests(ClusterTestCase):
    """Twelve new instances on three equal hosts."""

    def test_even(self) -> None:
        """Each host claims four, and runs them."""
        self.assertEqual(self.cluster.shares(WEB), [4, 4, 4])
        self.assertEqual([len(host.running()) for host in self.cluster.hosts], [4, 4, 4])


class SilentHostTests(ClusterTestCase):
    """For etcd and the other hosts one host is gone, while its containers run on."""

    def take_over_and_return(self, number: int) -> None:
        """The host was made silent: see it replaced; ``give_back`` ends the silence."""
        silent = self.cluster.host(number)
        before, reported = silent.starts(), self.reported(silent.name)
        self.until_taken_over(number)
        self.cluster.outlive_leases()
        self.assertEqual(silent.starts(), before)
        others = [host for host in self.cluster.hosts if host is not silent]
        running = {id: start for host in others for id, start in host.starts().items()}
        self.assertEqual({id: running.get(id) for id in self.starts if id not in before}, without(self.starts, before))

        self.cluster.network.heal(number)
        silent.thaw(AGENT)
        self.until_settled()
        self.assertEqual(self.cluster.starts(), running)
        self.cluster.until_well()
        self.cluster.until(lambda: BACK in self.reported(silent.name)[len(reported) :], "its return is an event")
        self.assertEqual(
            self.reported(silent.name)[len(reported) :],
            [f"is gone: its lease ended; {len(before)} instances became free", BACK],
        )

    def reported(self, node: str) -> list[str]:
        """The texts of the events about a node, in the order of their times."""
        events = sorted(Event.decode(value) for value in self.cluster.stored("events/").values())
        return [event.text for event in events if event.subject == node]

    def test_cut_off(self) -> None:
        """Its four run elsewhere as well; after its return the surplus copies go, and no other container is touched."""
        number = next(host.number for host in self.cluster.hosts if host is not self.cluster.etcd.leader())
        self.cluster.network.cut_from_all(number)
        self.take_over_and_return(number)

    def test_leader_cut_off(self) -> None:
        """It does not matter that etcd's leader is on that host."""
        number = self.cluster.etcd.leader().number
        self.cluster.network.cut_from_all(number)
        self.take_over_and_return(number)

    def test_cut_off_from_etcd(self) -> None:
        """A node that reaches no member of etcd counts as gone, even if all hosts reach each other."""
        self.cluster.network.cut_from_etcd(3)
        self.take_over_and_return(3)

    def test_agent_paused(self) -> None:
        """An agent that wakes up after its lease does not fight for what it had."""
        self.cluster.host(2).freeze(AGENT)
        self.take_over_and_return(2)


class CutFromHostsTests(ClusterTestCase):
    """A host reaches etcd and no other host."""

    def test_nothing_moves(self) -> None:
        """Its instances are as healthy as before: nothing is moved or touched."""
        self.cluster.network.cut_from_hosts(2)
        self.cluster.outlive_leases()
        self.assertEqual(self.cluster.starts(), self.starts)
        self.assertEqual(self.cluster.shares(WEB), [4, 4, 4])
        self.cluster.network.heal(2)
        self.until_serving()


class DeadHostTests(ClusterTestCase):
    """A host loses its power, or a part of it dies for good."""

    def test_power_cut(self) -> None:
        """Its four run elsewhere; when it is back its dead containers go, and no other is touched."""
        dead = self.cluster.host(3)
        lost = dead.starts()
        dead.cut_power()
        self.until_taken_over(3)
        running = {id: start for host in self.cluster.hosts[:2] for id, start in host.starts().items()}
        self.assertEqual({id: running.get(id) for id in self.starts if id not in lost}, without(self.starts, lost))

        self.cluster.boot()
        self.until_settled()
        self.cluster.until(lambda: dead.containers() == [], "the dead containers are removed")
        self.assertEqual(self.cluster.starts(), running)

    def test_engine_ended(self) -> None:
        """An Engine that ends in good order takes its containers with it; the next one starts them again."""
        host = self.cluster.host(1)
        host.end(ENGINE)
        self.cluster.start_missing()
        self.until_settled()
        self.cluster.until_well()

    def test_engine_killed(self) -> None:
        """A new Engine ends the containers that outlived the old one; they are started again."""
        self.cluster.host(1).kill(ENGINE)
        self.cluster.start_missing()
        self.until_settled()
        self.cluster.until_well()


def without(starts: dict[str, str], some: dict[str, str]) -> dict[str, str]:
    return {container: start for container, start in starts.items() if container not in some}
