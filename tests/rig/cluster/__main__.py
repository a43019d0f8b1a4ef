"""
Bring up a cluster on this machine to play with, say how to talk to it, and take it down at Ctrl-C.

    .venv/bin/python -m tests.rig.cluster [--hosts N] [--ttl SECONDS]

It is the one of the tests: see ``cluster.py``.
"""

from __future__ import annotations

import argparse
import signal
from collections.abc import Iterator
from pathlib import Path

from tests.rig.cluster.cluster import COMMAND, Cluster, missing
from tests.rig.cluster.host import AGENT, ETCD
from tests.rig.docker_engine import SAMPLE

SERVICE = "web.myapp"


def command() -> str:
    """The command line as it can be typed here."""
    here = Path.cwd()
    return str(Path(COMMAND).relative_to(here)) if Path(COMMAND).is_relative_to(here) else COMMAND


def examples(cluster: Cluster) -> Iterator[str]:
    first, second = cluster.host(1).address, cluster.host(2).address
    image = f"-image {SAMPLE} -http-host demo.test -http-port 8080"
    yield f"export ETCD_HOSTS={cluster.etcd.urls}"
    yield f"{command()} nodes"
    yield f"{command()} -set -svc {SERVICE} -instances 12 {image}"
    yield f"{command()} wait {SERVICE}"
    yield f"{command()} ps {SERVICE}"
    yield f"dig +short @{first} {SERVICE}.container"
    yield f"dig +short @{second} 8080.tcp.{SERVICE}.container SRV"
    yield f"curl -H 'Host: demo.test' http://{first}/"
    yield f"curl http://{second}:5080/healthz"


def harms(cluster: Cluster) -> Iterator[str]:
    for host in cluster.hosts:
        yield f"docker -H {host.engine} ps                 # on {host.name}, {host.address}"
    last = cluster.hosts[-1]
    agent = " ".join(map(str, last.machine.pids(AGENT)))
    yield f"kill -STOP {agent}; sleep 20; kill -CONT {agent}     # the agent of {last.name} sleeps for a while"
    yield f'nsenter --all --target {last.machine.pid} ip link set eth0 down     # {last.name} is alone, until "up"'
    members = " ".join(str(pid) for host in cluster.etcd.hosts for pid in host.machine.pids(ETCD))
    yield f"kill -STOP {members}     # no member of etcd answers, until kill -CONT"
    yield f"nsenter --all --target {last.machine.pid}     # a shell on {last.name}"


def say(line: str = "") -> None:
    print(line, flush=True)


def interrupted(number: int, frame: object) -> None:
    raise KeyboardInterrupt


def play(cluster: Cluster) -> None:
    say("starting the hosts (ten seconds or so) ...")
    cluster.open()
    say(f"{len(cluster.hosts)} hosts are up. In another terminal, as root, in this directory:\n")
    for line in examples(cluster):
        say(f"    {line}")
    say("\nand to see it suffer:\n")
    for line in harms(cluster):
        say(f"    {line}")
    say(f"\nlogs: {cluster.home.path}/host*/*.log; Ctrl-C takes everything down")
    signal.pause()


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.rig.cluster", description="A cluster on this machine, to play with.")
    parser.add_argument("--hosts", type=int, default=3, metavar="N", help="how many, 3 to 9 (default 3)")
    parser.add_argument("--ttl", type=int, default=6, metavar="SECONDS", help="of the nodes' leases (default 6)")
    arguments = parser.parse_args()
    if not 3 <= arguments.hosts <= 9:
        parser.error("--hosts must be from 3 to 9")
    if reason := missing():
        parser.error(reason)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    cluster = Cluster(arguments.hosts, arguments.ttl)
    try:
        play(cluster)
    except KeyboardInterrupt:
        say("\ntaking everything down ...")
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        cluster.close()


if __name__ == "__main__":
    main()
