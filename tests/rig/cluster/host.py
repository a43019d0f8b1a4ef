"""
One host of a cluster: a machine with the programs of a node, each of which can be killed, frozen and started again.

Every host has a Docker Engine, an agent and the nginx that the agent starts; the first three a member of etcd too.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from attrs import field, frozen
from docker import APIClient

from tests.rig.cluster.asked import Asked
from tests.rig.cluster.home import Home, remove_cgroups
from tests.rig.cluster.machine import INSIDE, Machine
from tests.rig.cluster.network import CLIENT, PEER, Network
from tests.rig.docker_engine import sample_image, until
from tests.rig.suspension import suspend

TWISTD = str(Path(sys.executable).with_name("twistd"))
AGENT, ENGINE, ETCD, NGINX, RELAY = "twistd", "dockerd", "etcd", "nginx: master", "daprd-relay"
"""The parts of a host, by the names of their processes."""

NODE_LABEL, INSTANCE_LABEL = "io.daprdockr.node", "io.daprdockr.instance"


@frozen
class Member:
    """
    How a member of etcd starts: with which others, as a new cluster or into one that exists.

    :ivar election: milliseconds without a beat after which another leader is elected; a beat comes ten times as often.
    """

    cluster: str
    token: str
    state: str
    election: int


@frozen
class Wishes:
    """The settings that all agents share; ``environment`` has other variables of the process."""

    etcd: str
    ttl: int
    options: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(factory=dict)


class Host:
    """:param number: from 1; the host is called ``host<number>``."""

    def __init__(self, number: int, home: Home, network: Network) -> None:
        self.number = number
        self.name = f"host{number}"
        self.machine = Machine(self.name, home.lock)
        self.asked = Asked(network.address(number))
        self.address = self.asked.address
        self.directory = home.path / self.name
        self._cgroup = home.cgroup(self.name)
        self._network = network
        self.directory.mkdir()

    @property
    def engine(self) -> str:
        """The URL of its Docker Engine."""
        return f"unix://{self.directory}/docker.sock"

    def log(self, part: str) -> str:
        """The log that a part has written so far."""
        return (self.directory / f"{part}.log").read_text("utf-8", "replace")

    def boot(self) -> None:
        self.machine.boot()
        self._network.connect(self.number, self.machine)

    def cut_power(self) -> None:
        """End all of it at once; what a boot would not find on a real host is gone."""
        if self.machine.is_on:
            self.machine.cut_power()
            self._network.disconnect(self.number)
            remove_cgroups(self._cgroup)

    # Parts are started with what they have; all return before the part answers.

    def start_etcd(self, member: Member) -> None:
        command = [
            "etcd",
            f"--name={self.name}",
            f"--data-dir={self.directory / 'etcd'}",
            f"--listen-client-urls=http://{self.address}:{CLIENT}",
            f"--advertise-client-urls=http://{self.address}:{CLIENT}",
            f"--listen-peer-urls={self.peer}",
            f"--initial-advertise-peer-urls={self.peer}",
            f"--initial-cluster={member.cluster}",
            f"--initial-cluster-token={member.token}",
            f"--initial-cluster-state={member.state}",
            f"--election-timeout={member.election}",
            f"--heartbeat-interval={member.election // 10}",
            "--logger=zap",
            "--log-level=warn",
        ]
        self.machine.spawn(command, self.directory / f"{ETCD}.log")

    @property
    def peer(self) -> str:
        """The URL under which other members of etcd know the one here."""
        return f"http://{self.address}:{PEER}"

    def wipe_etcd(self) -> None:
        """Remove what the member here knew. It must not run."""
        shutil.rmtree(self.directory / "etcd")

    def start_engine(self) -> None:
        """It has the network of its host to itself, so it may use iptables as a normal one does."""
        options = {
            "hosts": [self.engine],
            "data-root": str(self.directory / "docker"),
            "exec-root": "/run/docker",
            "pidfile": "/run/docker.pid",
            "bip": "172.31.0.1/24",
            "exec-opts": ["native.cgroupdriver=cgroupfs"],
            "cgroup-parent": f"/{self._cgroup}",
            "shutdown-timeout": 2,
            "log-level": "warn",
        }
        file = self.directory / "daemon.json"
        file.write_text(json.dumps(options))
        self.machine.spawn(["dockerd", "--config-file", str(file)], self.directory / f"{ENGINE}.log")

    def start_agent(self, wishes: Wishes) -> None:
        command = [TWISTD, "-n", "--pidfile=", "daprdockr", "--etcd", wishes.etcd, "--docker", self.engine]
        command += ["--host", self.address, "--api", "0.0.0.0:5080", "--dns-upstream", "none"]
        command += ["--state-dir", str(self.directory / "state"), "--lease-ttl", str(wishes.ttl), *wishes.options]
        changed = [f"{name}={value}" for name, value in wishes.environment.items()]
        self.machine.spawn(["env", *changed, *command], self.directory / f"{AGENT}.log")

    def load_image(self) -> None:
        """Have the sample image, as soon as the Engine answers."""
        until(self.engine_answers)
        sample_image(self.engine)

    # The faults that a part can suffer.

    def runs(self, part: str) -> bool:
        return bool(self.machine.pids(part))

    def kill(self, part: str) -> None:
        """Kill it, as by a crash; the processes that it had started live on."""
        self.machine.kill(part)

    def end(self, part: str) -> None:
        """In good order."""
        self.machine.signal(part, signal.SIGTERM)
        until(lambda: not self.runs(part))

    def freeze(self, part: str) -> None:
        """Its connections stay, and nothing answers."""
        pids = self.machine.pids(part)
        assert pids, f"{part} does not run on {self.name}"
        for pid in pids:
            with suppress(ProcessLookupError):
                suspend(pid)

    def thaw(self, part: str) -> None:
        self.machine.signal(part, signal.SIGCONT)

    # The Engine, asked directly.

    def engine_answers(self) -> bool:
        try:
            self.containers()
        except Exception:  # docker-py raises what it likes
            return False
        return True

    def containers(self) -> list[dict[str, Any]]:
        """This node's containers as its Engine lists them, those that do not run too, by instance."""
        with closing(APIClient(base_url=self.engine, version="auto", timeout=10)) as client:
            found = client.containers(all=True, filters={"label": f"{NODE_LABEL}={self.name}"})
        return sorted(found, key=lambda container: str(container["Labels"][INSTANCE_LABEL]))

    def running(self) -> dict[str, str]:
        """The ids of the containers that run, by instance."""
        return {
            container["Labels"][INSTANCE_LABEL]: container["Id"]
            for container in self.containers()
            if container["State"] == "running"
        }

    def starts(self) -> dict[str, str]:
        """When each container that runs was started last, by id: as long as this stays, nothing was touched."""
        with closing(APIClient(base_url=self.engine, version="auto")) as client:
            return {id: client.inspect_container(id)["State"]["StartedAt"] for id in self.running().values()}

    def environments(self) -> dict[str, list[str]]:
        """The environment of each container that runs, by instance."""
        with closing(APIClient(base_url=self.engine, version="auto")) as client:
            return {i: client.inspect_container(id)["Config"]["Env"] or [] for i, id in self.running().items()}

    def runs_of(self, service: str) -> dict[str, tuple[datetime, datetime]]:
        """When the containers of a service were started last, and ended (in the year 1 if they run), by instance."""
        mine = {c["Labels"][INSTANCE_LABEL]: c["Id"] for c in self.containers()}
        with closing(APIClient(base_url=self.engine, version="auto")) as client:
            states = {i: client.inspect_container(c)["State"] for i, c in mine.items() if i.endswith(f".{service}")}
        return {i: (_moment(state["StartedAt"]), _moment(state["FinishedAt"])) for i, state in states.items()}

    def kill_container(self, container: str) -> None:
        """KILL its first process from outside, if it has one: the Engine says 0 otherwise, which would mean our own."""
        with closing(APIClient(base_url=self.engine, version="auto")) as client:
            inside = int(client.inspect_container(container)["State"]["Pid"])
        if inside:
            self.machine.run("sh", "-c", f"kill -KILL {inside}", inside=INSIDE)

    def exec(self, container: str, *command: str) -> str:
        """The output of a command that is run in a container, errors too."""
        with closing(APIClient(base_url=self.engine, version="auto")) as client:
            return str(client.exec_start(client.exec_create(container, list(command))["Id"]).decode())

    def tail(self, part: str) -> str:
        file = self.directory / f"{part}.log"
        lines = file.read_text("utf-8", "replace").splitlines()[-40:] if file.exists() else []
        return os.linesep.join([f"-- {self.name}, {part}:", *lines])


def _moment(told: str) -> datetime:
    """The Engine gives nanoseconds, which are cut to what ``datetime`` can hold."""
    whole, _, fraction = told.removesuffix("Z").partition(".")
    return datetime.fromisoformat(f"{whole}.{(fraction + '000000')[:6]}+00:00")
