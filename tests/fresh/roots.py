"""
A fresh Debian with the packages that docs/guide/installing.rst names, and hosts that boot from it.

Note [A host has a root of its own]
    A machine of the cluster tests shares the disk with the machine that runs them. Here its first act is to take a copy
    of the fresh Debian as its root (pivot_root), so that nothing of this machine but the kernel is left to it. The copy
    is an overlay; the Engine's own overlays cannot lie on one, so ``/var/lib/docker`` is a plain directory.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

from tests.rig.cluster.home import Home, remove_cgroups
from tests.rig.cluster.machine import INSIDE, Machine
from tests.rig.cluster.network import Network
from tests.rig.docker_engine import CHECKOUT

OWN = "bookworm"
"""The release of Debian that this machine has; others come from the same place."""

BASICS = "busybox-static,ca-certificates,curl,iproute2,iptables,procps"
SETTINGS = ("/etc/apt/sources.list", "/etc/apt/sources.list.d", "/etc/pip.conf", "/etc/ssl/certs/ca-certificates.crt")
"""From where this machine gets its packages; so does the fresh Debian."""

TAKE_ROOT = """
set -e
cd "$1"
mkdir -p upper work root docker
mount -t overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" overlay root
cd root
mount -t proc proc proc
mount --rbind /sys sys
mount --rbind /dev dev
mount -t tmpfs -o mode=755 run run
mount -t tmpfs tmp tmp
mkdir -p var/lib/docker old
mount --bind "$1/docker" var/lib/docker
hostname >etc/hostname
echo "127.0.0.1 localhost $(hostname)" >etc/hosts
pivot_root . old
umount -l /old
"""

OFFER_TO_APT = "printf '#!/bin/sh\\nexit 101\\n' >/usr/sbin/policy-rc.d; chmod 755 /usr/sbin/policy-rc.d"
"""No package starts a service: the system is not running yet."""


def guide() -> str:
    return (CHECKOUT / "docs/guide/installing.rst").read_text("utf-8")


def packages() -> list[str]:
    """The packages that the guide names."""
    first = guide().partition("on Debian 12 these are the packages")[2].partition("Elsewhere")[0]
    return [*re.findall(r"``([a-z0-9.-]+)``", first), "etcd-server"]


def installation() -> list[str]:
    """The commands of the guide that install the programs, without those for settings and units."""
    block = guide().partition("In a checkout, as root::")[2].partition("The agent listens")[0]
    lines = [line.partition("   #")[0].strip() for line in block.splitlines() if line.strip()]
    return [line for line in lines if not line.startswith(("install", "systemctl"))]


def make_debian(place: Path, suite: str) -> None:
    """Make the fresh Debian, with our programs as its guide has them installed, at ``place``."""
    sites = subprocess.check_output(["apt-get", "indextargets", "--format", "$(REPO_URI)", f"Codename: {OWN}"])
    subprocess.check_call(
        ["debootstrap", "--variant=minbase", f"--include={BASICS}", suite, place, sites.decode().split()[0]],
        stdout=subprocess.DEVNULL,
    )
    for name in SETTINGS:
        found, copy = Path(name), place / name[1:]
        if found.is_dir():
            shutil.copytree(found, copy, dirs_exist_ok=True)
        elif found.exists():
            shutil.copyfile(found, copy)
    lists = place / "etc/apt"
    for file in (lists / "sources.list", *(lists / "sources.list.d").glob("*")):
        if file.is_file():
            file.write_text(file.read_text("utf-8").replace(OWN, suite), "utf-8")
    shutil.copyfile("/etc/resolv.conf", place / "etc/resolv.conf")
    checkout = place / "usr/src/daprdockr"
    checkout.mkdir()
    files = subprocess.run(["git", "archive", "HEAD"], cwd=CHECKOUT, stdout=subprocess.PIPE, check=True).stdout
    subprocess.run(["tar", "-x"], cwd=checkout, input=files, check=True)
    install = f"apt-get -qq -y --no-install-recommends install {' '.join(packages())}"
    for command in (OFFER_TO_APT, f"apt-get -qq update && {install}", *(installation())):
        _in(place, command)


def _in(root: Path, command: str) -> None:
    """Run a command of the guide in the Debian that is being made. :raises AssertionError: it failed."""
    wishes = {name: value for name, value in os.environ.items() if name.startswith("PIP_") and name != "PIP_FIND_LINKS"}
    environment = {**wishes, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND": "noninteractive"}
    done = subprocess.run(
        ["chroot", root, "sh", "-ec", f"cd /usr/src/daprdockr; {command}"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}"


class FreshHost:
    """:param number: from 1; the host is called ``host<number>``."""

    def __init__(self, number: int, home: Home, network: Network) -> None:
        self.number, self.name = number, f"host{number}"
        self.address = network.address(number)
        self.directory = home.path / self.name
        self.machine = Machine(self.name, home.lock)
        self._network = network
        self._cgroup = home.cgroup(self.name)
        self.directory.mkdir()

    def boot(self, debian: Path) -> None:
        """See Note [A host has a root of its own]. The Engine of the package starts, as systemd would have it."""
        self.machine.boot()
        self._network.connect(self.number, self.machine)
        self.machine.run("sh", "-c", TAKE_ROOT, "sh", str(self.directory), str(debian), inside=INSIDE)
        engine = ["dockerd", "--exec-opt", "native.cgroupdriver=cgroupfs", "--cgroup-parent", f"/{self._cgroup}"]
        self.machine.spawn(engine, self.directory / "dockerd.log")

    def type(self, command: str, timeout: float = 180.0) -> str:
        """Return what a typed command prints, errors too. :raises AssertionError: it failed."""
        running = self.begin(command)
        printed, _ = running.communicate(timeout=timeout)
        assert running.returncode == 0, f"{self.name}# {command}\n{printed}"
        return printed

    def succeeds(self, command: str) -> bool:
        running = self.begin(command)
        running.communicate()
        return running.returncode == 0

    def begin(self, command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["nsenter", f"--target={self.machine.pid}", *INSIDE, "env", "-i", "HOME=/root", "sh", "-lc", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def cut_power(self) -> None:
        if self.machine.is_on:
            self.machine.cut_power()
            self._network.disconnect(self.number)
            remove_cgroups(self._cgroup)
