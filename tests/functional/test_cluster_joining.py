"""
A cluster made of hosts that have an Engine and nothing else, by ``daprdockrcmd init`` and ``join``: HTTP from every
host, one host lost and replaced, two of three lost and recovered from, one that leaves. etcd, Engines, agents and nginx
are real.
"""

from __future__ import annotations

import json
import signal
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.picture.nodes import LOST
from tests.rig.cluster.cluster import missing
from tests.rig.cluster.founding import FoundingHosts
from tests.rig.cluster.host import AGENT, ETCD, NGINX, RELAY, Host
from tests.rig.docker_engine import SAMPLE

WEB = {
    "Name": "web",
    "Group": "myapp",
    "Instances": 3,
    "Container": {"Image": SAMPLE},
    "Http": {"HostName": "web.test", "ContainerPort": "8080"},
}
EVERYONE = {f"{number}.web.myapp 1" for number in (1, 2, 3)}


class JoiningTests(SynchronousTestCase):
    """Four hosts: three make a cluster, the last takes the place of one that is lost. Two more come at the end."""

    skip = missing()

    def setUp(self) -> None:
        self.hosts = FoundingHosts(4)
        self.addCleanup(self.hosts.close)
        self.hosts.open()

    def make_part(self, host: Host, *words: str) -> list[str]:
        """Run ``init`` or ``join``, and start the agent as soon as the host has its part; the lines printed."""
        running = self.hosts.begin(host, *words)
        files = ClusterFiles(Path(self.hosts.state(host)))
        self.hosts.until(lambda: files.host.exists() or running.poll() is not None, f"{host.name} has its part")
        self.hosts.start_agent(host)
        printed, complaint = running.communicate(timeout=120)
        self.assertEqual(running.returncode, 0, f"{host.name}: {printed}{complaint}{self.hosts.report()}")
        return printed.splitlines()

    def until_vote(self, asked: Host, names: list[str]) -> None:
        """Wait until the members of these nodes vote, and there are no other nodes."""

        def is_so() -> bool:
            rows = self.hosts.rows(asked, "nodes")
            there = [(row["Node"], row["Etcd"]) for row in rows if row["Etcd"] != LOST]
            return there == [(name, "votes") for name in names]

        self.hosts.until(is_so, f"{names} vote")

    def until_served(self, hosts: list[Host]) -> None:
        for host in hosts:
            served: set[str] = set()

            def all_served(asked: Host = host, found: set[str] = served) -> bool:
                found.update(asked.asked.served_by("web.test", 24))
                return found >= EVERYONE

            self.hosts.until(all_served, f"{host.name} serves all instances")

    def test_made_and_mended(self) -> None:
        """
        Two commands make a cluster that any host serves. The second host's member only copies until the third comes. A
        lost host needs nobody; the next that joins takes its place in etcd. A host that has its part is refused.
        """
        one, two, three, four = self.hosts.hosts
        line = self.make_part(one, "init")[-1].split()
        self.assertEqual(line[:2], ["daprdockrcmd", "join"])
        self.make_part(two, *line[1:])
        self.hosts.until(lambda: [r["Etcd"] for r in self.hosts.rows(one, "nodes")] == ["votes", "copies"], "a copy")
        self.make_part(three, *line[1:])
        self.until_vote(three, ["host1", "host2", "host3"])
        self.assertIn("of a cluster already", self.hosts.command(two, *line[1:], status=1))

        self.hosts.command(three, "-stdin", stdin=json.dumps(WEB))
        self.hosts.command(three, "wait", "web.myapp")
        self.until_served([one, two, three])

        before = {id: start for host in (two, three) for id, start in host.starts().items()}
        one.cut_power()
        self.until_vote(two, ["host2", "host3"])
        self.assertEqual([r["Node"] for r in self.hosts.rows(two, "nodes") if r["Etcd"] == LOST], ["host1"])
        self.hosts.command(two, "wait", "web.myapp")
        self.until_served([two, three])
        now = {id: start for host in (two, three) for id, start in host.starts().items()}
        self.assertEqual({id: now.get(id) for id in before}, before)

        self.make_part(four, *self.hosts.command(two, "invite").split()[1:])
        self.until_vote(three, ["host2", "host3", "host4"])
        self.until_served([two, three, four])
        self.recovered(four, lost=[two, three])

    def test_first_of_two_leaves(self) -> None:
        """The host with the only member that votes leaves: the other one's votes, and its agent knows it by then."""
        one, two = self.hosts.hosts[:2]
        line = self.make_part(one, "init")[-1].split()
        self.make_part(two, *line[1:])
        self.hosts.until(lambda: [r["Etcd"] for r in self.hosts.rows(one, "nodes")] == ["votes", "copies"], "a copy")
        self.hosts.command(two, "-stdin", stdin=json.dumps(WEB))
        self.hosts.command(two, "wait", "web.myapp")
        self.left(one, stay=[two])

    def test_client(self) -> None:
        """A host may join without a member of etcd, and without the program: it does all the rest, and leaves."""
        one, two = self.hosts.hosts[:2]
        line = self.make_part(one, "init")[-1].split()
        self.assertIn("is in the cluster, as a client of etcd", self.make_part(two, *line[1:], "-client")[-1])
        self.hosts.until(lambda: [r["Etcd"] for r in self.hosts.rows(two, "nodes")] == ["votes", ""], "one that votes")
        self.hosts.command(two, "-stdin", stdin=json.dumps(WEB))
        self.hosts.command(two, "wait", "web.myapp")
        self.until_served([one, two])
        self.assertFalse(two.runs(ETCD))
        self.left(two, stay=[one])

    def test_begins_late(self) -> None:
        """A host whose agent starts some time after it joined has its member, though another one has left meanwhile."""
        one, two, three = self.hosts.hosts[:3]
        line = self.make_part(one, "init")[-1].split()
        self.make_part(two, *line[1:])
        running = self.hosts.begin(three, *line[1:])
        part = ClusterFiles(Path(self.hosts.state(three))).host
        self.hosts.until(lambda: part.exists() or running.poll() is not None, "host3 has its part")
        self.leave(two)
        self.hosts.start_agent(three)
        self.assertIn("is in the cluster", running.communicate(timeout=120)[0])
        self.hosts.until(lambda: [r["Etcd"] for r in self.hosts.rows(one, "nodes")] == ["votes", "copies"], "a copy")

    def recovered(self, left: Host, lost: list[Host]) -> None:
        """
        Two of three are lost for good: ``recover`` has etcd go on with the one that is left, where no container is
        stopped, and two new hosts make it three again. Then one of them leaves.
        """
        known = ClusterFiles(Path(self.hosts.state(left))).endpoints
        self.hosts.until(lambda: left.address in known.read_text(), f"{left.name} knows that its member votes")
        self.assertIn("answers, and nothing is given up", self.hosts.command(left, "recover", "-yes", status=1))
        before = left.starts()
        for host in lost:
            host.machine.pull_plug()
        for host in lost:
            host.cut_power()
        self.assertIn("add -yes", self.hosts.command(left, "recover", status=1))
        printed = self.hosts.command(left, "recover", "-yes")
        self.assertIn(f"etcd goes on with {left.name} alone", printed)
        for host in lost:
            self.assertIn(f"{host.name} at https://{host.address}:2379 is given up", printed)
        self.until_vote(left, [left.name])
        new = self.hosts.more(2)
        line = self.hosts.command(left, "invite").split()[1:]
        for host in new:
            self.make_part(host, *line)
        self.until_vote(left, sorted(host.name for host in (left, *new)))
        self.hosts.command(left, "wait", "web.myapp")
        self.until_served([left, *new])
        now = left.starts()
        self.assertEqual({id: now.get(id) for id in before}, before)
        self.left(new[1], stay=[left, new[0]])

    def leave(self, host: Host) -> None:
        """Run ``leave``, and end the agent as soon as it has handed over."""
        running = self.hosts.begin(host, "leave")
        state = ClusterFiles(Path(self.hosts.state(host)))
        self.hosts.until(lambda: state.leaving.exists() or running.poll() is not None, f"{host.name} has handed over")
        host.machine.signal(AGENT, signal.SIGTERM)
        printed, complaint = running.communicate(timeout=120)
        self.assertEqual(running.returncode, 0, f"{printed}{complaint}{self.hosts.report()}")

    def left(self, host: Host, stay: list[Host]) -> None:
        """A host that leaves hands over what it has; nothing of the cluster runs there, and the others serve on."""
        self.leave(host)
        self.assertEqual([part for part in (AGENT, ETCD, NGINX, RELAY) if host.runs(part)], [])
        self.assertEqual((host.containers(), list(Path(self.hosts.state(host)).iterdir())), ([], []))
        self.until_vote(stay[0], sorted(one.name for one in stay))
        self.until_served(stay)
        self.assertIn("in no cluster", self.hosts.command(host, "leave"))
