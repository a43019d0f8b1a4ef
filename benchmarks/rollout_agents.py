"""daprdockr on the hosts of a cluster, and its nginx on each of them as the door."""

from __future__ import annotations

import json

from benchmarks.rollout_report import Case
from benchmarks.rollout_team import PROVEN, STOP_TIMEOUT, VERSION, command
from tests.rig.cluster.cluster import Cluster, in_parallel
from tests.rig.cluster.host import AGENT
from tests.rig.python_image import PORT
from tests.rig.strict_client import Target

SERVICE = "web.bench"
HOST_NAME = "web.bench.test"
DRAIN = 2
"""Seconds that a replaced instance goes on for those who still know its address."""


class RolledByAgents:
    """:param image: the one of ``python_image``, on every host."""

    name = "daprdockr"

    def __init__(self, cluster: Cluster, image: str) -> None:
        self._cluster = cluster
        self._image = image
        self._placed = (Case(0, ""), 1)

    def come(self) -> None:
        for host in self._cluster.hosts:
            if not host.runs(AGENT):
                self._cluster.start_agent(host)
        self._cluster.until_well()

    def place(self, case: Case, parallelism: int) -> None:
        self._placed = (case, parallelism)
        self.roll(0)
        self._cluster.until_settled(SERVICE, case.instances)

    def roll(self, version: int) -> None:
        case, parallelism = self._placed
        container = {"Image": self._image, "Cmd": command(case), "Labels": {VERSION: str(version)}}
        update = {"Parallelism": parallelism, "MinHealthy": PROVEN, "Drain": DRAIN}
        name, _, group = SERVICE.partition(".")
        definition = {"Name": name, "Group": group, "Instances": case.instances, "Container": container}
        http = {"HostName": HOST_NAME, "ContainerPort": str(PORT)}
        more = {"Http": http, "Update": update, "StopTimeout": STOP_TIMEOUT}
        self._cluster.command("-stdin", stdin=json.dumps(definition | more))

    def targets(self) -> tuple[Target, ...]:
        return tuple(Target(80, HOST_NAME, host.address) for host in self._cluster.hosts)

    def clear(self) -> None:
        self._cluster.command("-svc", SERVICE, "-del")

    def go(self) -> None:
        """End the agents, and let their leases end too."""
        in_parallel(lambda host: host.end(AGENT), self._cluster.hosts)
        self._cluster.until(lambda: not self._cluster.stored("nodes/"), "all leases have ended")
