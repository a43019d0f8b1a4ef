"""The containers with one label on the hosts of a cluster, asked of their Engines. Knows nothing of who runs them."""

from __future__ import annotations

from collections.abc import Iterable

from docker import APIClient

from tests.rig.cluster.host import Host

TIMEOUT = 30
"""Seconds that one answer of an Engine may take while it starts a dozen containers."""


class Containers:
    """Connections stay open, so that looking often costs the hosts little; ``close`` it."""

    def __init__(self, hosts: Iterable[Host], label: str) -> None:
        self._label = label
        self._clients = {host.name: APIClient(base_url=host.engine, version="auto", timeout=TIMEOUT) for host in hosts}

    def running(self, hosts: Iterable[Host]) -> set[tuple[str, str]]:
        """Host and id of each one that runs on these hosts."""
        return {
            (host.name, container["Id"])
            for host in hosts
            for container in self._clients[host.name].containers(filters={"label": self._label})
        }

    def shares(self, hosts: Iterable[Host]) -> str:
        """How many run on each host, as in 4/4/4."""
        return "/".join(str(len(self.running([host]))) for host in hosts)

    def starts(self, hosts: Iterable[Host]) -> dict[str, str]:
        """When each one that runs on these hosts was started last, by id."""
        return {
            container: self._clients[name].inspect_container(container)["State"]["StartedAt"]
            for name, container in self.running(hosts)
        }

    def are_gone(self) -> bool:
        """Whether none is left anywhere, running or not."""
        filters = {"label": self._label}
        return not any(client.containers(all=True, filters=filters) for client in self._clients.values())

    def close(self) -> None:
        for client in self._clients.values():
            client.close()
