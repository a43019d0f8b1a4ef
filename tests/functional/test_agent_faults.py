"""The agent when a process around it dies, on real parts: nothing that runs is lost."""

from __future__ import annotations

import json
import os
import signal
from contextlib import closing

from docker import APIClient

from daprdockr.etcd.store import EtcdStore
from daprdockr.model.stored.keys import Keys
from tests.build.ports import free_port
from tests.rig.agent_case import HTTP, AgentTestCase
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import PrivateEngine, engine_url, sample_image, until
from tests.rig.etcd_members import EtcdMembers, shared
from tests.rig.kept import healthy_kept


class DeathTests(AgentTestCase):
    """Containers, nginx and the agent itself are killed."""

    def setUp(self) -> None:
        super().setUp()
        self.agent.define(self.web, 2, sample_image(), Http=HTTP)
        self.everyone = {f"{number}.{self.web} 1" for number in (1, 2)}
        until(lambda: self.agent.served_by("demo.test") == self.everyone)

    def test_container_killed(self) -> None:
        """It runs again, as the same container on the same port."""
        ids, before = self.agent.ids(self.web), self.agent.instances(self.web)
        pid = self.agent.pid_of(ids[0])
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.agent.pid_of(ids[0]) not in (0, pid))
        self.agent.command("wait", self.web)
        self.assertEqual(self.agent.ids(self.web), ids)
        self.assertEqual(self.agent.instances(self.web)[0]["Ports"], before[0]["Ports"])

    def test_container_removed(self) -> None:
        """Its instance gets another one on the same port."""
        ids, before = self.agent.ids(self.web), self.agent.instances(self.web)
        with closing(APIClient(base_url=self.agent.engine, version="auto")) as client:
            client.remove_container(ids[0], force=True)
        until(lambda: len(self.agent.ids(self.web)) == 2)
        self.agent.command("wait", self.web)
        self.assertEqual(self.agent.instances(self.web)[0]["Ports"], before[0]["Ports"])

    def test_agent_killed(self) -> None:
        """Containers and HTTP go on without it; the next agent adopts them, and the claims are the same ones."""
        self.agent.stop()
        until(lambda: self.claims() == [])
        self.agent.start(ttl=60)
        self.agent.command("wait", self.web)
        ids, claims = self.agent.ids(self.web), self.claims()
        with self.agent.asked_all_the_time("demo.test") as answers:
            self.agent.kill()
            self.agent.start()
            self.agent.command("wait", self.web)
        self.assertEqual(answers, self.everyone)
        self.assertEqual(self.agent.ids(self.web), ids)
        self.assertEqual(self.claims(), claims)
        self.assertEqual(self.agent.log.count("nginx was started"), 1)

    def test_agent_stopped_for_longer_than_its_lease(self) -> None:
        """The next one claims what it finds running, and restarts none of it."""
        ids, claims = self.agent.ids(self.web), self.claims()
        with self.agent.asked_all_the_time("demo.test") as answers:
            self.agent.stop()
            until(lambda: self.claims() == [])
            self.agent.start()
            self.agent.command("wait", self.web)
        self.assertEqual(answers, self.everyone)
        self.assertEqual(self.agent.ids(self.web), ids)
        self.assertNotEqual(self.claims(), claims)

    def claims(self) -> list[int]:
        """The create revisions of all claims."""
        with closing(EtcdStore(shared().access)) as store:
            listing = store.list(f"/{self.agent.group}/instances/")
        return [entry.create_revision for entry in listing.entries]

    def test_nginx_killed(self) -> None:
        """It serves again, and no worker of the old one is left."""
        master = int(self.agent.log.partition("nginx was started as pid ")[2].split()[0])
        os.kill(master, signal.SIGKILL)
        until(lambda: self.agent.log.count("nginx was started as pid ") == 2)
        until(lambda: self.agent.served_by("demo.test") == self.everyone)


class EtcdAwayTests(AgentTestCase):
    """All members of etcd are frozen for several leases."""

    def setUp(self) -> None:
        sample_image()
        self.members = EtcdMembers(3).__enter__()
        self.addCleanup(self.members.close)
        self.agent = AgentProcess(self.members.urls, engine_url())
        self.addCleanup(self.agent.close)
        self.web = f"web.{self.agent.group}"
        self.agent.start()
        self.agent.define(self.web, 2, sample_image(), Http=HTTP)
        self.everyone = {f"{number}.{self.web} 1" for number in (1, 2)}
        until(lambda: self.agent.served_by("demo.test") == self.everyone)

    def test_nothing_stops(self) -> None:
        """No container stops, names and routes stay, a dead container restarts; the next definition is carried out."""
        until(lambda: healthy_kept(self.agent.state, Keys(f"/{self.agent.group}"), self.web) == 2)
        ids = self.agent.ids(self.web)
        for number in range(3):
            self.members.stop(number)
        until(lambda: "etcd" in self.agent.curl("", f"http://127.0.0.1:{self.agent.api_port}/healthz"))
        pid = self.agent.pid_of(ids[0])
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.agent.pid_of(ids[0]) not in (0, pid))
        self.agent.kill()
        self.agent.spawn()
        until(lambda: self.agent.dig(f"{self.web}.container") == "127.0.0.1")
        until(lambda: self.agent.served_by("demo.test") == self.everyone)
        self.assertEqual(self.agent.ids(self.web), ids)

        for number in range(3):
            self.members.cont(number)
        self.agent.command("-svc", self.web, "-set", "-instances", "3")
        self.agent.command("wait", self.web)
        until(self.agent.is_well)
        self.assertEqual(self.agent.ids(self.web)[:2], ids)

    def test_wiped(self) -> None:
        """An empty etcd at the same endpoints stops nothing; names and routes stay, and the agent says why it waits."""
        ids = self.agent.ids(self.web)
        self.members.wipe()
        until(lambda: "another cluster" in self.agent.log)
        self.assertEqual(self.agent.ids(self.web), ids)
        self.assertEqual(self.agent.dig(f"{self.web}.container"), "127.0.0.1")
        self.assertEqual(self.agent.served_by("demo.test"), self.everyone)
        until(lambda: "frozen" in self.agent.curl("", f"http://127.0.0.1:{self.agent.api_port}/healthz"))

    def test_wiped_under_the_same_id(self) -> None:
        """The same holds when the empty etcd has the cluster id of the former one and grows past its revision."""
        ids = self.agent.ids(self.web)
        self.members.wipe(same_id=True)
        until(lambda: "frozen" in self.agent.curl("", f"http://127.0.0.1:{self.agent.api_port}/healthz"))
        with closing(EtcdStore(self.members.access)) as store:
            for _ in range(200):
                store.put(f"/{self.agent.group}/services/other/broken", b"{")
        self.agent.kill()
        self.agent.spawn()
        until(lambda: "does not hold the identity" in self.agent.log)
        self.assertEqual(self.agent.ids(self.web), ids)
        self.assertEqual(self.agent.served_by("demo.test"), self.everyone)


class EngineRestartTests(AgentTestCase):
    """The Docker Engine is stopped, with its containers, and started again."""

    def setUp(self) -> None:
        self.private = PrivateEngine()
        self.addCleanup(self.private.end)
        sample_image(self.private.url)
        self.agent = AgentProcess(shared().urls, self.private.url)
        self.addCleanup(self.agent.close)
        self.web = f"web.{self.agent.group}"
        self.agent.start()

    def test_converges(self) -> None:
        """
        All instances run again, in the same containers; but one whose start the end of the Engine cut short may be
        left with a task in containerd, and cannot be started any more. It is replaced.
        """
        self.agent.define(self.web, 3, sample_image(self.private.url), Http=HTTP)
        ids = self.agent.ids(self.web)
        self.private.stop()
        until(lambda: not self.agent.is_well())
        self.private.start()
        until(lambda: len(self.agent.ids(self.web)) == len(ids), seen=self.agent.story)
        self.agent.command("wait", self.web)
        for lost in set(ids).difference(self.agent.ids(self.web)):
            self.assertRegex(self.agent.log, f"remove container {lost[:12]} .*: containerd does not let go of it")
        everyone = {f"{number}.{self.web} 1" for number in (1, 2, 3)}
        until(lambda: self.agent.served_by("demo.test") == everyone, seen=self.agent.story)

    def test_rollout_stays(self) -> None:
        """A rollout is not reverted because the Engine stops the new containers, which end with status 0 then."""
        image = sample_image(self.private.url)
        for version in ("1", "2"):
            self.agent.define(self.web, 2, image, Container={"Image": image, "Env": [f"VERSION={version}"]})
        self.private.stop()
        until(lambda: not self.agent.is_well())
        self.private.start()
        self.agent.command("wait", self.web)
        self.assertIn("VERSION=2", self.agent.command("-svc", self.web), self.agent.log)

    def test_run_of_a_job(self) -> None:
        """A run that the Engine stops, and that ends with status 0 then, has failed."""
        image, job = sample_image(self.private.url), f"job.{self.agent.group}"
        program = "trap 'exit 0' TERM; while :; do sleep 1; done"
        container = {"Image": image, "Entrypoint": ["sh", "-c"], "Cmd": [program]}
        definition = {"Name": "job", "Group": self.agent.group, "Container": container, "Schedule": {"Once": True}}
        self.agent.command("-stdin", stdin=json.dumps(definition))
        until(lambda: [c["State"] for c in self.agent.containers()] == ["running"], seen=self.agent.story)
        self.private.stop()
        until(lambda: not self.agent.is_well())
        self.private.start()
        until(lambda: self.agent.containers() == [], seen=self.agent.story)
        (run,) = json.loads(self.agent.command("job", "history", job, "-o", "json"))
        told = "exit status 0, after it was sent a signal"
        self.assertEqual((run["State"], run["Status"], run["Reason"]), ("failed", 0, told), self.agent.log)


class EphemeralTests(AgentTestCase):
    """``--ephemeral --embedded-etcd``: an agent that takes everything with it."""

    def setUp(self) -> None:
        sample_image()
        etcd = f"http://127.0.0.1:{free_port()}"
        self.agent = AgentProcess(etcd, engine_url(), "--embedded-etcd", "--ephemeral")
        self.addCleanup(self.agent.close)
        self.web = f"web.{self.agent.group}"
        self.agent.start()

    def test_leaves_nothing(self) -> None:
        """
        It makes its own cluster key, so that secrets work at once. After its exit there is no container, no nginx and
        no etcd of it.
        """
        key = self.agent.state / "cluster.key"
        until(key.exists)
        self.assertEqual(key.stat().st_mode & 0o777, 0o600)
        until(lambda: not self.agent.run("secret", "set", "token", stdin="xyzzy").returncode)
        secret = [{"Name": "token", "Env": "TOKEN"}]
        self.agent.define(self.web, 2, sample_image(), Http=HTTP, Secrets=secret)
        self.agent.stop()
        self.assertEqual(self.agent.containers(), [])
        self.assertEqual(self.agent.curl("demo.test"), "")
        self.assertEqual(list(self.agent.state.glob("*/process.json")), [])

    def test_closed_terminal(self) -> None:
        """It takes all down as well when its terminal is closed."""
        self.agent.define(self.web, 1, sample_image())
        until(lambda: len(self.agent.ids(self.web)) == 1, seen=self.agent.story)
        self.agent.stop(signal.SIGHUP)
        self.assertEqual(self.agent.containers(), [])
        self.assertEqual(list(self.agent.state.glob("*/process.json")), [])
