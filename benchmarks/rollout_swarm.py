"""
Swarm mode on the hosts of a cluster, with an nginx on each of them as the door.

Note [No routing mesh]
    Swarm's own door, the routing mesh, is IPVS, which a kernel need not have (``CONFIG_IP_VS``). Without it a port of
    the mesh refuses every connection. Here an nginx takes its place, which needs nothing: the service has the endpoint
    mode ``dnsrr``, and on each host an nginx, itself a service on the same overlay network, asks Swarm's DNS for the
    addresses of the tasks, again after each second. It asks another task where one does not take the connection within
    a second, or where a GET has failed, as nginx does by itself.
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path

from docker import APIClient

from benchmarks.clock import BenchFailed
from benchmarks.containers import DockerCommand
from benchmarks.rollout_report import Case
from benchmarks.rollout_team import PROVEN, STOP_TIMEOUT, VERSION, command
from tests.rig.cluster.cluster import Cluster, in_parallel
from tests.rig.cluster.host import Host
from tests.rig.python_image import PORT
from tests.rig.strict_client import Target

SERVICE, DOOR, NETWORK = "web", "door", "bench"
SWARM_PORT, DOOR_PORT = 2377, 8000
HOST_NAME = "web.bench.test"
CHECKS = 4
"""Health checks in each second, over all tasks: each starts a process in a container, and two cores do little more."""

CONFIGURATION = f"""\
daemon off; user www www; worker_processes auto; error_log /tmp/error.log crit; pid /tmp/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off; client_body_temp_path /tmp/b; proxy_temp_path /tmp/p; fastcgi_temp_path /tmp/f;
    uwsgi_temp_path /tmp/u; scgi_temp_path /tmp/s;
    resolver 127.0.0.11 valid=1s ipv6=off;
    server {{
        listen {DOOR_PORT};
        location / {{
            set $tasks {SERVICE};
            proxy_pass http://$tasks:{PORT};
            proxy_connect_timeout 1s; proxy_http_version 1.1; proxy_set_header Connection "";
        }}
    }}
}}
"""


def door_program() -> Path:
    """:raises BenchFailed: if there is no nginx."""
    found = shutil.which("nginx")
    if found is None:
        raise BenchFailed("there is no nginx: install nginx-light or nginx (Debian)")
    return Path(found).resolve()


class RolledBySwarm:
    """:param image: the id of one that has nginx too, on every host: no registry is asked for an id."""

    name = "Swarm"

    def __init__(self, cluster: Cluster, image: str) -> None:
        self._cluster = cluster
        self._image = image
        self._docker = {host.name: DockerCommand(host.engine) for host in cluster.hosts}

    def come(self) -> None:
        """Make a Swarm in which each host is a manager, and open the doors."""
        first, *others = self._cluster.hosts
        self._docker[first.name]("swarm", "init", *_addresses(first))
        client = APIClient(base_url=first.engine, version="auto")
        token = client.inspect_swarm()["JoinTokens"]["Manager"]
        for host in others:
            words = [*_addresses(host), "--token", token, f"{first.address}:{SWARM_PORT}"]
            self._docker[host.name]("swarm", "join", *words)
        count = len(self._cluster.hosts)
        self._cluster.until(lambda: _ready(client) == count, "all nodes of the Swarm are ready")
        client.close()
        self._first("network", "create", "--driver", "overlay", NETWORK)
        publish = f"mode=host,target={DOOR_PORT},published={DOOR_PORT}"
        start = ["sh", "-c", 'printf %s "$0" >/tmp/nginx.conf; exec "$1" -c /tmp/nginx.conf', CONFIGURATION]
        self._create(DOOR, ["--mode", "global", "--publish", publish], [*start, str(door_program())])

    def _first(self, *words: str) -> None:
        """Say it to the first host's manager."""
        self._docker[self._cluster.hosts[0].name](*words)

    def _create(self, name: str, options: Sequence[str], start: Sequence[str]) -> None:
        words = ["--detach", "--no-resolve-image", "--name", name, "--network", NETWORK, *options]
        self._first("service", "create", *words, self._image, *start)

    def place(self, case: Case, parallelism: int) -> None:
        check = f"wget -q -O /dev/null http://127.0.0.1:{PORT}/"
        options = ["--replicas", str(case.instances), "--endpoint-mode", "dnsrr", *_version_option(0)]
        options += ["--stop-grace-period", f"{STOP_TIMEOUT}s", "--health-cmd", check]
        options += ["--health-interval", f"{max(PROVEN, case.instances // CHECKS)}s", "--health-timeout", "30s"]
        options += ["--update-order", "start-first", "--update-parallelism", str(parallelism)]
        self._create(SERVICE, options, command(case))

    def roll(self, version: int) -> None:
        label = f"{VERSION}={version}"
        self._first("service", "update", "--detach", "--no-resolve-image", "--container-label-add", label, SERVICE)

    def targets(self) -> tuple[Target, ...]:
        return tuple(Target(DOOR_PORT, HOST_NAME, host.address) for host in self._cluster.hosts)

    def clear(self) -> None:
        self._first("service", "rm", SERVICE)

    def go(self) -> None:
        """Dissolve the Swarm."""
        in_parallel(lambda host: self._docker[host.name]("swarm", "leave", "--force"), self._cluster.hosts)


def _ready(client: APIClient) -> int:
    states = [(node["Status"]["State"], node.get("ManagerStatus", {}).get("Reachability")) for node in client.nodes()]
    return states.count(("ready", "reachable"))


def _addresses(host: Host) -> list[str]:
    return ["--advertise-addr", host.address, "--listen-addr", f"{host.address}:{SWARM_PORT}"]


def _version_option(version: int) -> list[str]:
    return ["--container-label", f"{VERSION}={version}"]
