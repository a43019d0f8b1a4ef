"""The host with an instance's volume dies: the instance waits for it, goes on with its data, and is moved by hand."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.rig.cluster.cluster import missing, shared
from tests.rig.cluster.host import Host
from tests.rig.docker_engine import SAMPLE

DB, FIRST = "db.myapp", "1.db.myapp"
MARK = "/data/mark"


class VolumeTests(SynchronousTestCase):
    timeout = 400
    skip = missing()

    def setUp(self) -> None:
        self.cluster = shared()
        self.cluster.reset()
        container = {"Image": SAMPLE, "Volumes": ["data:/data"]}
        self.cluster.define(DB, 1, Http=[], Container=container, Placement={"WaitForVolume": 1})
        self.cluster.until_settled(DB, 1)
        self.home = self.place()
        self.inside("echo kept > " + MARK)

    def place(self) -> Host:
        node = self.cluster.claims(DB)[FIRST]["Node"]
        return self.cluster.host(int(node.removeprefix("host")))

    def inside(self, command: str) -> str:
        return self.place().exec(self.cluster.claims(DB)[FIRST]["ContainerId"], "sh", "-c", command)

    def lose(self) -> None:
        """Cut the power of the host with the data, and wait until that is said."""
        self.home.cut_power()
        waits = f"{FIRST} is waiting for more than 1 s for {self.home.name}, which has its volume data"
        self.cluster.until(lambda: waits in " ".join(self.cluster.command("why", FIRST).split()), "why says so")
        told = f"still waits for {self.home.name}"
        self.cluster.until(lambda: told in self.cluster.command("events"), "an event says so")
        self.assertEqual((self.cluster.claims(DB), self.cluster.running()), ({}, {}))

    def test_waits(self) -> None:
        """It starts nowhere else; on its own host it has its data; after a move that host takes nothing back."""
        self.lose()
        self.cluster.boot()
        self.cluster.until_settled(DB, 1)
        self.assertEqual((self.place(), self.inside("cat " + MARK).strip()), (self.home, "kept"))

        self.lose()
        other = next(host for host in self.cluster.hosts if host is not self.home)
        self.cluster.command("volume", "move", FIRST, other.name, "-yes")
        self.cluster.until_settled(DB, 1)
        self.assertEqual((self.place(), self.inside("ls /data").strip()), (other, ""))
        self.cluster.boot()
        self.cluster.until_well()
        self.cluster.until(lambda: self.home.containers() == [], "the container that was left is removed")
        self.assertTrue(self.cluster.is_settled(DB, 1))
        self.assertEqual(self.place(), other)
