"""Logs of real containers on three nodes, read through the agents' peer listeners."""

from __future__ import annotations

import json
import signal
import subprocess
import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from twisted.trial.unittest import TestCase

from tests.rig.agent_process import PROGRAMS, AgentProcess
from tests.rig.docker_engine import engine_url, sample_image, unique_prefix, until
from tests.rig.etcd_members import missing, shared

BURSTS, LINES, INSTANCES = 60, 17, 6
CHATTY = f"""
i=0
while [ $i -lt {BURSTS} ]; do
  j=0
  while [ $j -lt {LINES} ]; do echo "line $i $j of this instance, which is as long as lines are"; j=$((j+1)); done
  i=$((i+1)); usleep 50000
done
exec sleep 1000
"""
"""Every instance logs 340 lines a second for three seconds, so six of them 2,040."""
ORDER = 0.05
TTL = 10
"""Seconds; an agent that misses its lease in the rush of lines would have an instance log anew elsewhere."""


class LogsTests(TestCase):
    """Three agents at one Engine."""

    timeout = 300
    skip = missing()

    def setUp(self) -> None:
        sample_image()
        group = unique_prefix()
        self.agents = [
            AgentProcess(shared().urls, engine_url(), prefix=group, node=f"{group}-{name}") for name in "abc"
        ]
        for agent in self.agents:
            self.addCleanup(agent.close)
            agent.spawn(TTL)
        for agent in self.agents:
            until(agent.is_well, seen=lambda: self.agents[0].log[-3000:])
        self.group = group
        until(self.are_ready)  # or instances would move to those that are ready later, and log anew

    def are_ready(self) -> bool:
        nodes = json.loads(self.agents[0].command("nodes", "-o", "json"))
        return [node["Ready"] for node in nodes] == [True] * len(self.agents)

    def seen(self) -> str:
        """Return what distinguishes an instance that logged anew from lines that came twice."""
        return "".join(self.agents[0].command(one) for one in ("ps", "nodes", "events"))

    def define(self, service: str, instances: int, program: str, **more: Any) -> str:
        container = {"Image": sample_image(), "Entrypoint": ["sh", "-c", program]}
        definition = {"Name": service, "Group": self.group, "Instances": instances, "Container": container}
        self.agents[0].command("-stdin", stdin=json.dumps({**definition, "Health": {"Type": "none"}, **more}))
        return f"{service}.{self.group}"

    @contextmanager
    def following(self, *words: str) -> Iterator[tuple[list[str], subprocess.Popen[str]]]:
        """Run a command; the list fills with the lines that it prints."""
        agent = self.agents[0]
        command = [str(PROGRAMS / "daprdockrcmd"), "-etcd", agent.etcd, "-prefix", f"/{agent.group}", *words]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        lines: list[str] = []
        assert process.stdout is not None
        reader = threading.Thread(target=lambda: lines.extend(process.stdout or ()))
        reader.start()
        try:
            yield lines, process
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(20)
            reader.join()
            process.stdout.close()
            if process.stderr is not None:
                process.stderr.close()

    def test_followed(self) -> None:
        """
        The lines of six instances on three nodes, 2,000 a second, are all there, in order within 50 ms; an instance
        that is new joins, ``-grep`` and ``-tail`` leave lines out, and the log of a container that stopped is there.
        """
        chat = self.define("chat", INSTANCES, CHATTY)
        expected = INSTANCES * BURSTS * LINES
        with self.following("logs", "-f", chat, "-o", "json") as (lines, _):
            until(lambda: len(lines) >= expected, 180, seen=lambda: f"{len(lines)} of {expected}")
        found = [json.loads(line) for line in lines]
        counts = Counter(one["Instance"] for one in found)
        self.assertEqual(set(counts.values()), {BURSTS * LINES}, f"{counts} {self.seen()}")
        by_instance: dict[str, list[str]] = defaultdict(list)
        latest, worst = 0.0, 0.0
        for one in found:
            by_instance[one["Instance"]].append(one["Line"])
            moment = datetime.fromisoformat(one["Time"]).timestamp()
            worst, latest = max(worst, latest - moment), max(latest, moment)
        self.assertTrue(worst <= ORDER, f"{worst} s late")
        said = [
            f"line {i} {j} of this instance, which is as long as lines are" for i in range(BURSTS) for j in range(LINES)
        ]
        self.assertEqual({tuple(one) for one in by_instance.values()}, {tuple(said)})
