"""A person takes a node out of service and back: instances move, and there are never too few of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from subprocess import Popen

from tests.rig.cluster.case import COUNT, WEB, ClusterTestCase
from tests.rig.cluster.host import AGENT
from tests.rig.docker_engine import SAMPLE

SINGLE = "single.myapp"
TIED = "tied.myapp"


class Requests:
    """HTTP requests and DNS questions to a host, one after another for as long as it is entered, and what was wrong."""

    def __init__(self, case: ClusterTestCase, number: int, least: int) -> None:
        self.wrong: list[str] = []
        self.asked = 0
        self._host = case.cluster.host(number)
        self._claims = lambda: case.cluster.claims(WEB)
        self._least = least
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask), threading.Thread(target=self._count)]

    def __enter__(self) -> Requests:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        while not self._over.wait(0.05):
            self.asked += 1
            if not self._host.asked.served_by(f"{WEB}.test", 1):
                self.wrong.append("a request was not answered")
            if not self._host.asked.dig(f"{WEB}.container"):
                self.wrong.append("a name was not answered")

    def _count(self) -> None:
        while not self._over.wait(0.05):
            healthy = sum(claim["Healthy"] for claim in self._claims().values())
            if healthy < self._least:
                self.wrong.append(f"{healthy} instances are healthy")


class DrainTests(ClusterTestCase):
    """``daprdockrcmd drain``."""

    def drain(self, number: int) -> str:
        return self.cluster.command("drain", f"host{number}", "-wait", "-timeout", "90")

    def test_all_leave(self) -> None:
        """Its four leave one after another, start-first: always twelve are healthy, and every request is answered."""
        others = {id: start for host in self.cluster.hosts[:2] for id, start in host.starts().items()}
        with Requests(self, 1, least=COUNT) as requests:
            told = self.drain(3)
            self.until_settled()
        self.assertEqual(requests.wrong, [])
        self.assertGreater(requests.asked, 10)
        self.assertEqual(self.cluster.shares(WEB), [6, 6, 0])
        self.assert_untouched(others)
        self.assertIn("host3 is cordoned: 4 instances leave it, 0 stay", told)
        self.assertEqual(told.count(" runs on host"), 4)
        self.cluster.until(lambda: self.cluster.host(3).containers() == [], "those that have ended are removed")

        self.cluster.command("uncordon", "host3")
        self.cluster.define(WEB, COUNT + 3)
        self.until_settled(COUNT + 3)
        self.assertEqual(self.cluster.shares(WEB), [6, 6, 3])

    def test_what_can_not_move(self) -> None:
        """An instance with data on the node stays, as does one that fits nowhere else: both are named, and run on."""
        container = {"Container": {"Image": SAMPLE, "Volumes": ["data:/data"]}}
        self.cluster.define(TIED, 1, Placement={"Constraints": ["node == host2"]}, **container)
        self.cluster.define(SINGLE, 1, Placement={"Constraints": ["node == host2"]})
        self.cluster.until_settled(TIED, 1)
        self.cluster.until_settled(SINGLE, 1)
        stay = self.cluster.running()
        drain = ("drain", "host2", "-wait", "-timeout", "30")
        done = self.cluster.try_command(*drain)
        self.assertIn("host2 is cordoned: 4 instances leave it, 2 stay", done.stdout)
        self.assertIn("1.tied.myapp stays: it keeps data in data:/data", done.stdout)
        self.assertIn("1.single.myapp stays: no other node meets its constraints", done.stdout)
        self.assertEqual(done.returncode, 4)
        self.assertIn("not done after 30 s: 1.single.myapp is on host2 (no other node meets", done.stderr)
        self.until_settled()
        for instance in (f"1.{TIED}", f"1.{SINGLE}"):
            self.assertEqual(self.cluster.running()[instance], stay[instance])
        self.cluster.command("scale", f"{SINGLE}=0")
        self.cluster.until_settled(SINGLE, 0)
        done = self.cluster.try_command(*drain)
        self.assertEqual(done.returncode, 1)
        self.assertIn("host2 still has 1 instance that would stop with it: 1.tied.myapp (it keeps", done.stderr)

    def test_owner_dies_meanwhile(self) -> None:
        """The agent of the node that is drained dies in the middle: when it is back the drain goes on to its end."""
        waiting = self.cluster.begin_command("drain", "host1", "-wait", "-timeout", "90")
        with ended(waiting):
            self.cluster.until(lambda: self.cluster.shares(WEB)[0] < 4, "the first instance has left")
            self.cluster.host(1).kill(AGENT)
            self.cluster.start_missing()
            self.assertEqual(waiting.wait(90), 0)
        self.until_settled()
        self.assertEqual(self.cluster.shares(WEB)[0], 0)

    def test_successor_dies_meanwhile(self) -> None:
        """A host that takes instances over loses its power: the others take them, and nothing is lost."""
        waiting = self.cluster.begin_command("drain", "host1", "-wait", "-timeout", "90")
        with ended(waiting):
            self.cluster.until(lambda: bool(self.cluster.successors(WEB)), "somebody prepares to take one over")
            number = next(iter(self.cluster.successors(WEB).values()))["Node"].removeprefix("host")
            self.cluster.host(int(number)).cut_power()
            self.assertEqual(waiting.wait(90), 0)
        self.cluster.boot()
        self.cluster.until_well()
        self.until_settled()
        self.assertEqual(self.cluster.shares(WEB)[0], 0)


class RebalanceTests(ClusterTestCase):
    """Agents that even out the load."""

    def setUp(self) -> None:
        super().setUp()
        for host in self.cluster.hosts:
            host.end(AGENT)
            self.cluster.start_agent(host, ())
        self.addCleanup(self.restore)
        self.cluster.until_well()

    def restore(self) -> None:
        for host in self.cluster.hosts:
            host.end(AGENT)
            self.cluster.start_agent(host)

    def test_node_comes_back(self) -> None:
        """A node that comes back empty is given its share, start-first; then all is quiet."""
        self.cluster.host(3).cut_power()
        self.until_taken_over(3)
        self.cluster.boot()
        with Requests(self, 1, least=COUNT) as requests:
            self.cluster.until(lambda: self.cluster.shares(WEB) == [4, 4, 4], "the load is even")
            self.until_settled()
        self.assertEqual(requests.wrong, [])
        starts = self.cluster.starts()
        self.cluster.outlive_leases()
        self.assertEqual(self.cluster.starts(), starts)


@contextmanager
def ended(process: Popen[str]) -> Iterator[None]:
    """It does not outlive the test."""
    try:
        yield
    finally:
        process.kill()
        process.communicate()
