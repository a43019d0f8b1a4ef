"""
The guard on real processes: containers end before their deadlines, whatever becomes of agent and Engine, and nobody
else is hit. The kernel reports each death (a pidfd), and it is timed on the clock of the deadlines.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Thread
from typing import Any

from docker import APIClient
from docker.errors import APIError
from twisted.trial.unittest import TestCase

from daprdockr.agent.statedir import StateDir
from daprdockr.guard.clock import boot_id, boottime
from daprdockr.guard.orders import Order, Orders
from daprdockr.guard.presence import is_on_guard
from daprdockr.guard.processes import Processes
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import (
    PATIENCE,
    PrivateEngine,
    engine_url,
    remove,
    sample_image,
    unique_prefix,
    until,
)
from tests.rig.etcd_members import EtcdMembers, missing, shared

DEAF = ["/bin/sh", "-c", "trap '' TERM; while :; do sleep 1; done"]
MARGIN = 0.2
TTL = 15
"""Seconds. KILL comes half a second before such a lease ends, which a machine may lose while all of it stands still."""
BOOT = boot_id()


def run_first() -> None:
    """Have this thread run before ordinary ones, if that is allowed: others load the machine too."""
    with contextlib.suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


class Life:
    """A process that lives now."""

    def __init__(self, pid: int) -> None:
        self._descriptor = os.pidfd_open(pid)

    @property
    def is_over(self) -> bool:
        return self._ends_within(0.0)

    def end(self) -> float:
        """Wait until it is over; the boottime then, read by a thread that waits for no other process."""
        with ThreadPoolExecutor(1, initializer=run_first) as thread:
            return thread.submit(self._end).result()

    def _end(self) -> float:
        assert self._ends_within(PATIENCE), "the process did not end"
        return boottime()

    def close(self) -> None:
        os.close(self._descriptor)

    def _ends_within(self, seconds: float) -> bool:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLIN)
        return bool(poll.poll(seconds * 1000))


class GuardCase(TestCase):
    """A guard without an agent, and containers of the test's own on the Engine at ``url``."""

    timeout = 300

    def setUp(self) -> None:
        self.state = StateDir(Path(self.mktemp()).absolute())
        self.state.path.mkdir(parents=True)
        self.orders: dict[str, Order] = {}
        self.use(engine_url())

    def use(self, url: str) -> None:
        sample_image(url)
        self.url = url
        self.client = APIClient(base_url=url, version="auto")
        self.addCleanup(self.client.close)

    def guard(self) -> subprocess.Popen[bytes]:
        """One that is on guard."""
        command = [sys.executable, "-P", "-m", "daprdockr.guard", str(self.state.path)]
        with (self.state.path / "output.log").open("ab") as output:
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        until(lambda: is_on_guard(process.pid))
        return process

    def created(self, command: Sequence[str] = DEAF, **host: Any) -> str:
        configuration = self.client.create_host_config(**host)
        made = self.client.create_container(
            sample_image(self.url), list(command), name=unique_prefix(), host_config=configuration
        )
        container = str(made["Id"])
        self.addCleanup(self.remove, container)
        return container

    def remove(self, container: str) -> None:
        remove(self.client, container)

    def running(self, command: Sequence[str] = DEAF, **host: Any) -> tuple[str, Life]:
        """A container, and its first process."""
        container = self.created(command, **host)
        self.client.start(container)
        return container, self.life(self.pid(container))

    def life(self, pid: int) -> Life:
        life = Life(pid)
        self.addCleanup(life.close)
        return life

    def pid(self, container: str) -> int:
        return int(self.client.inspect_container(container)["State"]["Pid"])

    def order(self, container: str, seconds: float, grace: float = 0.0) -> float:
        """This container may run for so long; until when."""
        deadline = boottime() + seconds
        self.orders[container] = Order(deadline, grace)
        self.write()
        return deadline

    def write(self) -> None:
        self.state.write_guard(Orders(BOOT, MARGIN, self.orders).encode())

    @property
    def told(self) -> str:
        return (self.state.path / "output.log").read_text()


class DeadlineTests(GuardCase):
    """Containers and their deadlines."""

    def test_killed(self) -> None:
        """A container that does not heed TERM is dead before its deadline, and not much too soon."""
        container, life = self.running()
        self.guard()
        deadline = self.order(container, 2.0, grace=0.5)
        ended = life.end()
        self.assertLess(ended, deadline)
        self.assertGreater(ended, deadline - 2 * MARGIN)
        until(lambda: "KILL" in self.told)
        self.assertEqual((self.told.count("TERM"), self.told.count("KILL")), (1, 1))

    def test_stops_by_itself(self) -> None:
        """One that heeds TERM ends in its own way, with its own exit status."""
        container, life = self.running(["/bin/start"])
        self.guard()
        deadline = self.order(container, 11.0, grace=10.0)
        self.assertLess(life.end(), deadline - MARGIN)
        self.assertEqual(self.client.wait(container)["StatusCode"], 0)

    def test_hosts_processes(self) -> None:
        """One that has the PID namespace of the host ends as well, with all that it started."""
        container, life = self.running(pid_mode="host")
        self.guard()
        deadline = self.order(container, 1.5, grace=0.5)
        self.assertLess(life.end(), deadline)
        until(lambda: Processes().of([container]) == {})

    def test_beats(self) -> None:
        """As long as the deadline moves on in time the container runs, and ends when that stops."""
        container, life = self.running()
        self.guard()
        for _ in range(15):
            deadline = self.order(container, 2.0)
            with contextlib.suppress(AssertionError):
                until(lambda: life.is_over, seconds=0.2)
        self.assertFalse(life.is_over)
        self.assertLess(life.end(), deadline)

    def test_others(self) -> None:
        """Nobody else is hit: no other container, and no process that only names the container's id."""
        container, life = self.running()
        _, other = self.running()
        namesake = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)", container])
        self.addCleanup(namesake.wait)
        self.addCleanup(namesake.kill)
        self.guard()
        deadline = self.order(container, 1.0)
        self.assertLess(life.end(), deadline)
        until(lambda: not Processes().of([container]))
        self.assertFalse(other.is_over)
        self.assertIsNone(namesake.poll())


class GuardsLifeTests(GuardCase):
    """The guard itself."""

    def test_killed(self) -> None:
        """A guard that is killed and started anew keeps the deadline."""
        container, life = self.running()
        first = self.guard()
        deadline = self.order(container, 3.0)
        first.kill()
        first.wait()
        self.guard()
        self.assertLess(life.end(), deadline)

    def test_started_late(self) -> None:
        """One that starts after the deadline kills at once."""
        container, life = self.running()
        self.order(container, 0.0)
        self.guard()
        life.end()
        self.assertEqual(self.client.wait(container)["StatusCode"], 137)

    def test_told_to_end(self) -> None:
        """SIGTERM ends it, but only when it has nothing to guard."""
        container, life = self.running()
        guard = self.guard()
        deadline = self.order(container, 1.5)
        guard.terminate()
        self.assertLess(life.end(), deadline)
        self.assertIsNone(guard.poll())
        self.orders = {}
        self.write()
        self.assertEqual(guard.wait(PATIENCE), 0)

    def test_small(self) -> None:
        """It is under its own name, and takes little of the machine."""
        guard = self.guard()
        status = Path(f"/proc/{guard.pid}/status").read_text()
        resident = int(status.partition("VmRSS:")[2].split()[0])
        self.assertLess(resident, 32 * 1024)

    def test_another_namespace(self) -> None:
        """From another PID namespace no container is seen, which an agent takes as its reason to start none."""
        container, _ = self.running()
        look = "from daprdockr.guard.processes import Processes; import sys; print(Processes().of(sys.argv[1:]))"
        command = [sys.executable, "-c", look, container]
        self.assertIn(container, subprocess.run(command, capture_output=True, text=True, check=True).stdout)
        elsewhere = ["unshare", "--pid", "--fork", "--mount-proc", *command]
        self.assertEqual(subprocess.run(elsewhere, capture_output=True, text=True, check=True).stdout, "{}\n")


class EngineAwayTests(GuardCase):
    """An Engine of the test's own, which hangs or dies."""

    def setUp(self) -> None:
        super().setUp()
        self.engine = PrivateEngine()
        self.addCleanup(self.engine.end)
        self.use(self.engine.url)
        self.guard()

    def remove(self, container: str) -> None:
        """The Engine goes, and its containers with it."""

    def test_frozen(self) -> None:
        """The deadline is kept while the Engine hangs."""
        container, life = self.running()
        with self.engine.frozen():
            deadline = self.order(container, 1.5)
            self.assertLess(life.end(), deadline)

    def test_killed(self) -> None:
        """The deadline is kept when the Engine was killed and its containers run on."""
        container, life = self.running()
        self.engine.kill()
        self.assertFalse(life.is_over)
        deadline = self.order(container, 1.5)
        self.assertLess(life.end(), deadline)

    def test_late_start(self) -> None:
        """A start that the Engine carries out after the deadline is undone, also when it is asked for again."""
        container = self.created()
        with self.engine.frozen():
            asked = self.start_in_thread(container)
            self.order(container, 0.0)
        asked.join(PATIENCE)
        until(lambda: "KILL" in self.told)
        until(lambda: not self.client.inspect_container(container)["State"]["Running"])
        self.start_in_thread(container).join(PATIENCE)
        until(lambda: self.told.count("KILL") == 2)

    def start_in_thread(self, container: str) -> Thread:
        """Ask for a start, however long the answer takes and whatever it is."""

        def start() -> None:
            # A version of "auto" would be asked for first, and the start only after the Engine's return.
            with closing(APIClient(base_url=self.url, version=version)) as client, contextlib.suppress(APIError):
                client.start(container)

        version = self.client.api_version
        thread = Thread(target=start)
        thread.start()
        return thread


class AgentCase(TestCase):
    """An agent with one instance that may not outlive its lease."""

    timeout = 300
    skip = missing()

    def setUp(self) -> None:
        sample_image()
        self.agent = AgentProcess(self.etcd(), engine_url())
        self.addCleanup(self.agent.close)
        self.db = f"db.{self.agent.group}"
        self.agent.start(TTL)
        self.agent.define(
            self.db, 1, sample_image(), Container={"Image": sample_image(), "Cmd": DEAF}, OnPartition="stop"
        )
        (self.container,) = self.agent.ids(self.db)
        self.life = Life(self.agent.pid_of(self.container))
        self.addCleanup(self.life.close)

    def etcd(self) -> str:
        return shared().urls

    @property
    def deadline(self) -> float:
        content = (self.agent.state / "guard.json").read_bytes()
        return Orders.decode(content, BOOT).containers[self.container].deadline

    @property
    def guard(self) -> int:
        return int(json.loads((self.agent.state / "guard" / "process.json").read_text())["pid"])

    @property
    def told(self) -> str:
        return (self.agent.state / "guard" / "output.log").read_text()

    def ends_in_time(self) -> None:
        """The container ends before the deadline that was ordered last."""
        ended = self.life.end()
        self.assertLess(ended, self.deadline, self.told)

    def runs_again(self) -> None:
        until(lambda: self.agent.ids(self.db) != [] and self.agent.pid_of(self.agent.ids(self.db)[0]) > 0)
        until(self.agent.is_well)


class AgentTests(AgentCase):
    """The container when its agent is not there."""

    def test_agent_killed(self) -> None:
        """It ends in time, and the next agent starts it again."""
        self.agent.kill()
        self.ends_in_time()
        self.agent.start(TTL)
        self.runs_again()

    def test_agent_stopped(self) -> None:
        """It ends in time while the agent is stopped by a signal, and is started again by it."""
        self.agent.suspend()
        self.ends_in_time()
        self.agent.resume()
        self.runs_again()

    def test_guard_killed(self) -> None:
        """A guard that dies is replaced, and the container has noticed nothing."""
        guard = self.guard
        os.kill(guard, signal.SIGKILL)
        until(lambda: (self.agent.state / "guard" / "process.json").exists() and self.guard != guard)
        until(self.agent.is_well)
        self.assertFalse(self.life.is_over)
        self.agent.kill()
        self.ends_in_time()

    def test_deleted(self) -> None:
        """When its service is deleted it is gone, and the guard has nothing left."""
        self.agent.command("-svc", self.db, "-del")
        until(lambda: not self.agent.containers())
        until(lambda: json.loads((self.agent.state / "guard.json").read_text())["containers"] == {})
        os.kill(self.guard, signal.SIGTERM)
        until(self.agent.is_well)


class NextAgentTests(AgentCase):
    """An agent that takes over in time."""

    def test_runs_on(self) -> None:
        """The container has noticed nothing, and neither has its guard."""
        guard, first = self.guard, self.deadline
        until(lambda: self.deadline > first)
        self.agent.kill()
        self.agent.start(TTL)
        later = self.deadline
        until(lambda: self.deadline > later)
        self.assertFalse(self.life.is_over)
        self.assertEqual(self.guard, guard)


class ElsewhereTests(TestCase):
    """An agent whose guard could not see the Engine's containers."""

    timeout = 300
    skip = missing()

    def test_refused(self) -> None:
        """It runs none that may not outlive the lease, and reports why; it runs all others."""
        elsewhere = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc"]
        agent = AgentProcess(shared().urls, engine_url(), within=elsewhere)
        self.addCleanup(agent.close)
        agent.start(TTL)
        db, web = f"db.{agent.group}", f"web.{agent.group}"
        agent.define(web, 1, sample_image())
        name, group = db.split(".")
        definition = {"Name": name, "Group": group, "Container": {"Image": sample_image()}, "OnPartition": "stop"}
        agent.command("-stdin", stdin=json.dumps(definition))
        until(lambda: "PID namespace" in agent.command("events"))
        until(lambda: "PID namespace" in (agent.run("ps", db).stdout))
        self.assertEqual((agent.ids(db), len(agent.ids(web))), ([], 1))


class EtcdAwayTests(AgentCase):
    """etcd does not answer."""

    def etcd(self) -> str:
        self.members = EtcdMembers(1).__enter__()
        self.addCleanup(self.members.close)
        return self.members.urls

    def test_ends_in_time(self) -> None:
        """It ends in time, stays away as long as etcd does, and runs again afterwards."""
        self.members.stop(0)
        self.ends_in_time()
        until(lambda: self.agent.ids(self.db) == [])
        until(lambda: "trouble with etcd began" in self.agent.log)
        self.assertEqual(self.agent.ids(self.db), [])
        self.members.cont(0)
        self.runs_again()
