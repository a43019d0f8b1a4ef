"""
Hosts as their operator finds them: a Docker Engine runs, and nothing else until somebody types the commands for it.

``/etc`` is a copy of this machine's that each host may change, and ``/var/lib`` is its own; both survive a power cut.
There is no systemd: of ``systemctl`` there is what a guide needs, which starts etcd as Debian's unit does, and the
agent as ``etc/daprdockr.service`` does, and returns when that says that it is ready.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.rig.cluster.cluster import in_parallel
from tests.rig.cluster.home import Home
from tests.rig.cluster.host import Host
from tests.rig.cluster.machine import INSIDE
from tests.rig.cluster.network import Network
from tests.rig.docker_engine import CHECKOUT

BIN = Path(sys.executable).parent
UNIT = CHECKOUT / "etc/daprdockr.service"

DISKS = """
set -e
cd "$1"
mkdir -p etc work lib bin
mount -t overlay -o "lowerdir=/etc,upperdir=$1/etc,workdir=$1/work" overlay /etc
mount --bind lib /var/lib
install -d -o etcd -g etcd -m 700 /var/lib/etcd
"""

SYSTEMCTL = """#!/bin/sh
set -e
umask 077
[ "$1 $2" != "enable --now" ] || { shift 2; set -- start "$@"; }
verb=$1 unit=$2
if [ "$verb" != start ] && [ -e "/run/$unit.pid" ]; then
    pid=$(cat "/run/$unit.pid")
    kill "$pid"
    while kill -0 "$pid" 2>/dev/null; do sleep 0.05; done
    rm "/run/$unit.pid"
fi
[ "$verb" != stop ] || exit 0
set -a
case $unit in
etcd)
    . /etc/default/etcd
    set -- setpriv --reuid etcd --regid etcd --clear-groups etcd ;;
daprdockr)
    mkdir -p /var/lib/daprdockr
    DOCKER_HOST=@ENGINE@
    ! grep -q '^Type=notify$' @UNIT@ || NOTIFY_SOCKET=/run/daprdockr.notify
    . /etc/daprdockr/daprdockr.env
    set -- $(sed -n 's|$DAPRDOCKR_OPTIONS||; s|^ExecStart=/opt/daprdockr/bin/|@BIN@/|p' @UNIT@) $DAPRDOCKR_OPTIONS ;;
esac
set +a
setsid --fork sh -c 'echo $$ >"$0"; exec "$@"' "/run/$unit.pid" "$@" >>"@LOGS@/$unit.log" 2>&1 </dev/null
until [ -s "/run/$unit.pid" ]; do sleep 0.01; done
[ -z "$NOTIFY_SOCKET" ] || exec @BIN@/python -c '@READY@' "$NOTIFY_SOCKET"
"""

READY = """
import os, socket, sys
systemd = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
systemd.bind(sys.argv[1])
systemd.settimeout(90)
while b"READY=1" not in systemd.recv(4096).split(b"\\n"):
    pass
os.unlink(sys.argv[1])
"""


class BareHosts:
    """Three hosts on a network of their own."""

    def __init__(self) -> None:
        self.home = Home()
        self.network = Network(self.home.lock, self.home.path / "lines.log")
        self.hosts: list[Host] = []

    def open(self) -> None:
        self.network.open()
        self.hosts = [Host(number, self.home, self.network) for number in (1, 2, 3)]
        for host in self.hosts:
            self.boot(host)
        in_parallel(Host.load_image, self.hosts)

    def boot(self, host: Host) -> None:
        """Boot a host; its Docker Engine starts with it."""
        host.boot()
        host.machine.run("sh", "-c", DISKS, "sh", str(host.directory), inside=INSIDE)
        systemctl = host.directory / "bin/systemctl"
        names = {"@ENGINE@": host.engine, "@BIN@": str(BIN), "@UNIT@": str(UNIT), "@LOGS@": str(host.directory)}
        names["@READY@"] = READY
        text = SYSTEMCTL
        for name, value in names.items():
            text = text.replace(name, value)
        systemctl.write_text(text)
        systemctl.chmod(0o755)
        host.start_engine()

    def close(self) -> None:
        for host in self.hosts:
            host.cut_power()
        self.network.close()
        self.home.remove()

    def type(self, host: Host, command: str) -> subprocess.CompletedProcess[str]:
        """Have a shell on the host carry out a command; output and errors together."""
        path = f"{host.directory}/bin:{BIN}:{os.environ['PATH']}"
        return subprocess.run(
            ["nsenter", f"--target={host.machine.pid}", *INSIDE, "env", f"PATH={path}", "bash", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
        )

    def report(self) -> str:
        """The ends of the logs."""
        files = [file for host in self.hosts for file in sorted(host.directory.glob("*.log"))]
        ends = [f"-- {file}\n" + "\n".join(file.read_text("utf-8", "replace").splitlines()[-25:]) for file in files]
        return "\n".join(ends)
