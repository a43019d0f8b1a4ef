"""An etcd that is restored from a real snapshot, as the same cluster: nothing is removed until a person says so."""

from __future__ import annotations

import json
import time
from contextlib import closing

from twisted.trial.unittest import TestCase

from daprdockr.etcd.store import EtcdStore
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, until
from tests.rig.etcd_members import EtcdMembers, missing


class RestoredTests(TestCase):
    """Service ``old`` is in the snapshot, ``new`` was set after it."""

    timeout = 300
    skip = missing()

    def setUp(self) -> None:
        sample_image()
        self.members = EtcdMembers(1).__enter__()
        self.addCleanup(self.members.close)
        self.agent = AgentProcess(self.members.urls, engine_url())
        self.addCleanup(self.agent.close)
        self.old, self.new = (f"{name}.{self.agent.group}" for name in ("old", "new"))
        self.agent.start()
        self.agent.define(self.old, 1, sample_image())
        snapshot = self.members.save()
        self.agent.define(self.new, 2, sample_image())
        self.ids = self.running()
        self.snapshot = snapshot

    def running(self) -> dict[str, str]:
        """The containers that run, by instance."""
        found = [one for one in self.agent.containers() if one["State"] == "running"]
        return {one["Labels"]["io.daprdockr.instance"]: one["Id"] for one in found}

    def restore(self, place: str = "services/other") -> int:
        """Restore, and write on until the revision is past all that the agent knew; the last revision."""
        self.members.restore(self.snapshot)
        with closing(EtcdStore(self.members.access)) as store:
            return max(store.put(f"/{self.agent.group}/{place}/s{number}", b"{") for number in range(300))

    def health(self) -> str:
        return self.agent.curl("", f"http://127.0.0.1:{self.agent.api_port}/healthz")

    def assert_doubted(self) -> None:
        """The agent says what it doubts and which command ends that, and removes nothing in several rounds."""
        until(lambda: "frozen" in self.health() and "trust-etcd" in self.health())
        self.assertNotIn("another cluster", self.health())
        until(lambda: "trust-etcd" in self.agent.run("nodes").stdout)
        self.assertIn("trust-etcd", self.agent.run("status").stdout)
        deadline = time.monotonic() + 3  # nothing is to happen, so there is no event to wait for
        while time.monotonic() < deadline:
            self.assertEqual(self.running(), self.ids)
            time.sleep(0.1)

    def assert_trusted(self) -> None:
        """The operator sees what would go, says yes, and that goes, and nothing else."""
        (row,) = json.loads(self.agent.run("trust-etcd", "-o", "json").stdout)
        self.assertEqual(sorted(row["Removed"]), [f"1.{self.new}", f"2.{self.new}"])
        self.assertEqual(row["Kept"], [f"1.{self.old}"])
        self.assertEqual(self.running(), self.ids)
        self.agent.command("trust-etcd", "-yes")
        until(lambda: self.running() == {f"1.{self.old}": self.ids[f"1.{self.old}"]}, 90)
        until(self.agent.is_well)

    def test_agent_up(self) -> None:
        """The agent runs all the time; a restart of it changes nothing about its doubt."""
        self.restore()
        self.assert_doubted()
        self.agent.kill()
        self.agent.spawn()
        self.assert_doubted()
        self.assert_trusted()

    def test_agent_down(self) -> None:
        """The agent starts when all is over, and finds a larger revision than the one it knew."""
        self.agent.stop()
        self.restore()
        self.agent.spawn()
        self.assert_doubted()
        self.assertNotIn("went back from revision", self.health())
        self.assert_trusted()

    def test_bumped(self) -> None:
        """All that it knew was compacted away too, as a restore by ``--bump-revision --mark-compacted`` leaves it."""
        self.agent.stop()
        self.members.compact(self.restore("nothing-of-ours"))
        self.agent.spawn()
        self.assert_doubted()
        self.assertIn("nothing shows that this etcd", self.health())
        self.assert_trusted()

    def test_state_damaged(self) -> None:
        """The agent has lost what it knew as well: the containers on its host bear witness."""
        self.agent.stop()
        (self.agent.state / "cluster.json").write_bytes(b"{")
        self.restore()
        self.agent.spawn()
        self.assert_doubted()
        self.assertIn("it does not define", self.health())
        self.assert_trusted()
