"""The operator's guide, typed: from three bare hosts to a cluster whose etcd is wiped and restored."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.rig.cluster.bare import BIN, BareHosts
from tests.rig.cluster.cluster import missing
from tests.rig.cluster.host import Host
from tests.rig.docker_engine import CHECKOUT, until
from tests.rig.guide import Typed, typed

PAGE = CHECKOUT / "docs/guide/operating.rst"
KEPT = re.compile(r"export |\. |[A-Z]+=\S+$")
"""Commands whose effect the next ones of the same place see, for each has a shell of its own here."""
INSTANCES = 5
"""Of db, report and web, as the guide defines them."""

LOST, HURT = "host3", "host2"
"""The host that is lost for good, and the one that loses its member of etcd, in the guide."""

NUMBERS = {
    "8e9e05c52164694d": re.compile(rf"^(\w+), started, {LOST},", re.MULTILINE),
    "91bc3c398fb3c146": re.compile(rf"^(\w+), started, {HURT},", re.MULTILINE),
    "5120": re.compile(r'"revision":(\d+)'),
}
"""Examples in a command, by which a person means a number that the command before has printed."""

LOOKS = re.compile(r"daprdockrcmd (wait|nodes|status|ps|events|logs|history|plan)|dig|curl")


class OperatingTests(SynchronousTestCase):
    """A person who types what the guide says, and sees what it shows."""

    timeout = 600
    skip = missing()

    def setUp(self) -> None:
        self.bare = BareHosts()
        self.addCleanup(self.bare.close)
        self.bare.open()
        self.desk = Path(self.enterContext(tempfile.TemporaryDirectory()))
        for name in ("scripts", "docs"):
            (self.desk / name).symlink_to(CHECKOUT / name)
        self.kept: dict[str, str] = {}
        self.said = ""
        self.steps = typed(PAGE)
        self.before: dict[str, str] = {}

    def test_guide(self) -> None:
        """
        Each command succeeds, or fails where the guide shows an error, and prints what is shown: certificates, roles,
        a directory of YAML, a lost host, ``why``, a reverted change, drain, upgrade, logs, a terminal, upkeep of etcd,
        backup, a host that is lost for good, a lost member of etcd, and an etcd that is lost, with a snapshot and
        without. The containers live through the upgrade, and through all that is lost of etcd.
        """
        for step in self.steps:
            if step.command.startswith("PIP_USE"):
                self.before = self.settled()
            self.follow(step)
        self.assertEqual(self.starts(), self.before)

    def settled(self) -> dict[str, str]:
        """
        Return the containers when no further one is to be moved: one that left a drained host is stopped some seconds
        after its successor is healthy, and one comes back some seconds after that host takes instances again.
        """
        until(self.is_even)
        return self.starts()

    def is_even(self) -> bool:
        """Whether each instance runs once, and no host has two more than another one, which would move one."""
        shares = [len(host.starts()) for host in self.bare.hosts]
        return sum(shares) == INSTANCES and max(shares) - min(shares) <= 1

    def starts(self) -> dict[str, str]:
        return {id: start for host in self.bare.hosts for id, start in host.starts().items()}

    def follow(self, step: Typed) -> None:
        """Carry a step out where it is typed; a person repeats a command that reads until it shows what is awaited."""
        if step.command == "poweroff":
            host = self.host(step.place)
            self.assertEqual(self.at_host(host, "systemctl stop daprdockr").returncode, 0)
            host.cut_power()
            return
        if "attic" in step.command:
            self.bring_back()
        if step is self.typed_first("desk", "etcdctl --user root member list"):
            self.assertEqual(self.starts(), self.before)
            self.host(LOST).cut_power()
        if step is self.typed_first(LOST, "echo ETCD_INITIAL_CLUSTER_STATE"):
            self.install_anew()
        if step is self.typed_first(HURT, "systemctl stop etcd"):
            self.start_anew()
        patience = 120.0 if LOOKS.match(step.command) else 0.0
        until(lambda: not self.wrong(step), patience, lambda: f"{self.said}\n{self.bare.report()}")

    def typed_first(self, place: str, beginning: str) -> Typed:
        return next(step for step in self.steps if step.place == place and step.command.startswith(beginning))

    def install_anew(self) -> None:
        """Have an empty host in the place of the lost one, and type there what the guide says up to etcd."""
        host = self.host(LOST)
        shutil.rmtree(host.directory)
        host.directory.mkdir()
        self.bare.boot(host)
        host.load_image()
        for step in self.steps[: self.steps.index(self.typed_first("hosts", "systemctl restart etcd"))]:
            if step.place in ("hosts", LOST):
                self.assertEqual(self.at_host(host, step.command).returncode, 0, step.command)
            elif step.command.startswith("scp ") and "10.0.0.3" in step.command:
                self.follow(step)

    def start_anew(self) -> None:
        """Type on the new host what the guide says of agents, and wait until its share of instances is there."""
        for beginning in ("cat > /etc/daprdockr/daprdockr.env", "systemctl enable --now daprdockr"):
            done = self.at_host(self.host(LOST), self.typed_first("hosts", beginning).command)
            self.assertEqual(done.returncode, 0, done.stdout)
        self.before = self.settled()

    def wrong(self, step: Typed) -> bool:
        """Carry a step out; whether it did not do what the guide shows. Its output is in ``said``."""
        hosts = self.bare.hosts if step.place == "hosts" else [self.host(step.place)] if step.place != "desk" else []
        done = [self.at_host(host, step.command) for host in hosts] or [self.at_desk(step.command)]
        missing = [line for one in done for line in step.missing(one.stdout)]
        failed = [one for one in done if (one.returncode != 0) != step.fails]
        output = "".join(one.stdout for one in done)
        self.said = f"{step.place}# {step.command}\n{output}\nfailed: {bool(failed)}, missing: {missing}"
        return bool(failed or missing)

    def host(self, name: str) -> Host:
        return self.bare.hosts[int(name.removeprefix("host")) - 1]

    def at_host(self, host: Host, command: str) -> subprocess.CompletedProcess[str]:
        command = self.with_kept(host.name, command.replace("/opt/daprdockr/bin/pip", "true"))
        return self.bare.type(host, self.addressed(command))

    def at_desk(self, command: str) -> subprocess.CompletedProcess[str]:
        if copied := re.fullmatch(r"scp -qr? (\S+) root@10\.0\.0\.(\d):(\S+)", command):
            return self.bare.type(self.bare.hosts[int(copied[2]) - 1], f"cp -r {self.desk}/{copied[1]} {copied[3]}")
        for example, pattern in NUMBERS.items():
            if f" {example}" in command and (found := pattern.search(self.said)):
                command = command.replace(example, found[1])
        asks = command.startswith("etcdctl --user root ")
        if asks or command.startswith("daprdockrcmd exec -it"):
            command = f"script -qec {shlex.quote(command)} /dev/null" + " < root.password" * asks
        return subprocess.run(
            ["bash", "-c", self.addressed(self.with_kept("desk", command))],
            cwd=self.desk,
            env={**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=150,
        )

    def with_kept(self, place: str, command: str) -> str:
        """Return a command behind those that set something for it."""
        kept = self.kept.get(place, "")
        if KEPT.match(command):
            self.kept[place] = f"{kept}{command}\n"
        return kept + command

    def addressed(self, command: str) -> str:
        return re.sub(r"10\.0\.0\.(\d)", lambda match: self.bare.network.address(int(match[1])), command)

    def bring_back(self) -> None:
        """Boot the host that was lost, on which systemd would start what is enabled."""
        for host in self.bare.hosts:
            if not host.machine.is_on:
                self.bare.boot(host)
                until(host.engine_answers)
                for unit in ("etcd", "daprdockr"):
                    self.bare.type(host, f"systemctl start {unit}")
