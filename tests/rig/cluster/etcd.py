"""The etcd of a cluster: three members, one on each of the first hosts, and what can be done to all of them."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import urllib.request
from collections.abc import Sequence
from contextlib import suppress
from typing import Any
from urllib.error import HTTPError

from tests.rig.cluster.host import ETCD, Host, Member
from tests.rig.cluster.network import CLIENT
from tests.rig.docker_engine import until

ELECTION = 300
"""Milliseconds: what docs/guide/installing.rst says for hosts that are near each other. etcd's own default is 1000."""


class Members:
    """
    :param hosts: those with a member. :param token: a name for the cluster they form.
    :param election: milliseconds without a beat after which they elect another leader; each learns it when it starts.
    """

    def __init__(self, hosts: Sequence[Host], token: str, election: int = ELECTION) -> None:
        self.hosts = hosts
        self._token = token
        self.election = election
        self._generation = 0

    @property
    def urls(self) -> str:
        """The value of ``--etcd``."""
        return ",".join(f"http://{host.address}:{CLIENT}" for host in self.hosts)

    def start(self, host: Host, state: str = "new") -> None:
        """Start the member of a host with what it has, or into a cluster that exists."""
        together = ",".join(f"{member.name}={member.peer}" for member in self.hosts)
        host.start_etcd(Member(together, f"{self._token}-{self._generation}", state, self.election))

    def kill_all(self) -> None:
        for host in self.hosts:
            host.kill(ETCD)

    def freeze_all(self) -> None:
        for host in self.hosts:
            host.freeze(ETCD)

    def thaw_all(self) -> None:
        for host in self.hosts:
            host.thaw(ETCD)

    def wipe(self) -> None:
        """Have another, empty etcd at the same endpoints."""
        self.kill_all()
        self._generation += 1
        for host in self.hosts:
            host.wipe_etcd()
            self.start(host)

    def replace(self, host: Host) -> None:
        """Take a member that does not run out of etcd, and put it back without data."""
        listed = json.loads(self.etcdctl("member", "list", "--write-out=json"))["members"]
        number = next(member["ID"] for member in listed if member["name"] == host.name)
        # etcd refuses both for as long as the other members have not been connected for some seconds.
        until(lambda: bool(self.etcdctl("member", "remove", f"{number:x}")))
        until(lambda: bool(self.etcdctl("member", "add", host.name, f"--peer-urls={host.peer}")))
        host.wipe_etcd()
        self.start(host, "existing")

    def is_whole(self) -> bool:
        """Whether all members are in touch with a leader."""
        return all(_is_healthy(host) for host in self.hosts)

    def leader(self) -> Host:
        """The host whose member leads, of those that answer; it is waited for when they have to elect one."""
        leading: list[Host] = []

        def is_led() -> bool:
            leading[:] = self._leaders()
            return bool(leading)

        until(is_led)
        return leading[0]

    def _leaders(self) -> list[Host]:
        told = json.loads(self.etcdctl("endpoint", "status", "--write-out=json") or "[]")
        leading = [one["Endpoint"] for one in told if one["Status"]["header"]["member_id"] == one["Status"]["leader"]]
        return [host for host in self.hosts if f"http://{host.address}:{CLIENT}" in leading]

    def leases(self) -> list[str]:
        """The leases of the nodes, in the order of their names, as etcdctl writes them."""
        listed = json.loads(self.etcdctl("get", "--prefix", "/daprdockr/nodes/", "--write-out=json"))
        return [f"{entry['lease']:x}" for entry in listed.get("kvs", ())]

    def revoke(self, *leases: str) -> None:
        """
        End leases at the same moment, as an etcd does that finds them expired; one etcdctl after another would take
        longer than the agents wait for others that end. Those that have ended stay so.

        :raises OSError: if no member answers.
        """
        for lease in leases:
            with suppress(HTTPError):  # there is no such lease
                self._first_answer("v3/lease/revoke", json.dumps({"ID": str(int(lease, 16))}).encode())

    def etcdctl(self, *words: str) -> str:
        """The output of etcdctl; "" when it fails altogether."""
        environment = os.environ | {"ETCDCTL_API": "3"}
        command = ["etcdctl", f"--endpoints={self.urls}", *words]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60).stdout

    def values(self, prefix: str) -> dict[str, bytes]:
        """
        Values by key below a prefix that ends with a slash. It is read through the JSON gateway, by no code of ours
        that could share a mistake with the agent.

        :raises OSError: if no member answers.
        """
        end = prefix[:-1] + chr(ord(prefix[-1]) + 1)
        wanted = json.dumps({"key": _packed(prefix), "range_end": _packed(end)}).encode()
        found = self._first_answer("v3/kv/range", wanted).get("kvs", [])
        return {base64.b64decode(kv["key"]).decode(): base64.b64decode(kv["value"]) for kv in found}

    def _first_answer(self, path: str, wanted: bytes) -> dict[str, Any]:
        *first, last = self.hosts
        for host in first:
            try:
                return _answer(host, path, wanted)
            except OSError:
                continue
        return _answer(last, path, wanted)


def _is_healthy(host: Host) -> bool:
    try:
        return bool(_answer(host, "health")["health"] == "true")
    except OSError:
        return False


def _answer(host: Host, path: str, wanted: bytes | None = None) -> dict[str, Any]:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(f"http://{host.address}:{CLIENT}/{path}", data=wanted, timeout=3) as answer:
        return dict(json.load(answer))


def _packed(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
