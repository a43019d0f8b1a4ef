# -*- test-case-name: tests.unit.cli.test_founding -*-
"""
The first host of a cluster: its files, made one after the other, so that an interrupted ``init`` goes on.
See Note [The last file counts] in ``daprdockr.etcd.cluster_files``.
"""

from __future__ import annotations

import datetime
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path

from attrs import frozen

from daprdockr.arguments.address import is_here
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput, DaprdockrError
from daprdockr.model.etcd_member import HostPart, client_url, member_url
from daprdockr.planning.founding import Founding, to_make
from daprdockr.process.held import is_held
from daprdockr.process.pidfile import PidFile
from daprdockr.process.table import ProcessTable
from daprdockr.sealing.authority import new_authority, new_key, request_of, signed, uses_of
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.key_file import create_keys


def refuse_running(files: ClusterFiles) -> None:
    """:raises BadInput: an agent runs here, with another etcd, which would go on unaware of the cluster."""
    if is_held(files.state):
        raise BadInput(
            f"an agent runs already with {files.state}: end it first (systemctl disable --now daprdockr), and remove"
            " etcd from its settings"
        )


def refuse_without_etcd(path: str, otherwise: str = "") -> None:
    """
    :param path: where programs are looked for.
    :param otherwise: what may be done instead of an installation.
    :raises BadInput: this host cannot run a member, which others would wait for, and which the agent cannot begin.
    """
    if shutil.which("etcd", path=path) is None:
        raise BadInput(
            f"the program etcd is missing: install the Debian package etcd-server, and run the same again{otherwise}"
        )


def refuse_foreign(address: str, behind_router: str = "") -> None:
    """
    :param behind_router: what to do where others reach this host by an address of a router.
    :raises BadInput: this host cannot listen at the address.
    """
    if not is_here(address):
        raise BadInput(
            f"no interface of this host has the address {address}: name another one by HOST_IP, by which the other"
            f" hosts reach this one{behind_router}"
        )


class InCluster(DaprdockrError):
    """This host belongs to a cluster already."""


def part_of(files: ClusterFiles) -> HostPart | None:
    """
    Return this host's part in a cluster; None: it has none yet.

    :raises BadInput: it has left, but for its files, which the next ``leave`` removes.
    """
    part = files.part()
    if part is not None and files.has_left:
        raise BadInput("this host has left its cluster, and what it had is not removed yet: daprdockrcmd leave goes on")
    return part


def refuse_private_data(files: ClusterFiles) -> None:
    """:raises BadInput: this host has another etcd, which the agent would adopt, or its data, which would be lost."""
    data = files.state / "etcd" / "data"
    left = PidFile(files.etcd_process).read()
    if left is not None and ProcessTable().identify(left.pid) == left:
        raise BadInput(
            f"an etcd of a former agent runs here as pid {left.pid}: save what it has with daprdockrcmd backup, end it"
            f" (kill {left.pid}), remove {data}, and use daprdockrcmd restore afterwards"
        )
    if data.is_dir() and any(data.iterdir()):
        raise BadInput(
            f"{data} has the data of another etcd, such as that of --embedded-etcd: save it with daprdockrcmd backup,"
            " remove the directory, and use daprdockrcmd restore afterwards"
        )


def say_address(part: HostPart, address: str, say: Callable[[str], None]) -> None:
    """Say that an attempt goes on with the address that the first one began with, if this one names another."""
    if part.address != address:
        say(f"this host goes on as {part.node} at {part.address}, as in its certificates, and not at {address}")


@frozen
class FirstHost:
    """
    :ivar now: returns the time, from which certificates are valid.
    :ivar say: prints a line.
    """

    files: ClusterFiles
    node: str
    address: str
    now: Callable[[], datetime.datetime]
    say: Callable[[str], None]

    def found(self) -> None:
        """
        Make what is missing.

        :raises InCluster: this host joined another one's cluster.
        :raises BadInput: a file cannot be written or used.
        """
        part = part_of(self.files)
        if part is not None and not part.cluster:
            raise InCluster(f"this host is {part.node} of a cluster already: daprdockrcmd invite admits others to it")
        if part is None:
            refuse_running(self.files)
            refuse_private_data(self.files)
        else:
            say_address(part, self.address, self.say)
        with self.files.alone(self.say):
            for what in to_make(self._there()):
                self._make(what)
                self.say(f"made {what.value}: {self._place(what)}")

    def _place(self, what: Founding) -> Path:
        files = self.files
        return {
            Founding.AUTHORITY: files.authority,
            Founding.HOST_KEY: files.host_key,
            Founding.CERTIFICATES: files.agent_certificate,
            Founding.CLUSTER_KEY: files.cluster_key,
            Founding.ENDPOINTS: files.endpoints,
            Founding.PART: files.host,
        }[what]

    def _there(self) -> list[Founding]:
        return [what for what in Founding if os.path.lexists(self._place(what))]

    def _make(self, what: Founding) -> None:
        files, node, address = self.files, self.node, self.address
        match what:
            case Founding.AUTHORITY:
                authority = new_authority(self.now())
                files.write(files.authority_key, authority.key.encode())
                files.write(files.authority, authority.chain.encode())
            case Founding.HOST_KEY:
                files.write(files.host_key, new_key().encode())
            case Founding.CERTIFICATES:
                self._sign()
            case Founding.CLUSTER_KEY:
                create_keys(files.cluster_key, (PrivateKey.generate(),))
            case Founding.ENDPOINTS:
                files.write_endpoints((client_url(address),))
            case Founding.PART:
                part = HostPart(node, address, (f"{node}={member_url(address)}",), secrets.token_hex(8))
                files.become(part)

    def _sign(self) -> None:
        files = self.files
        authority = files.authority_pair()
        request = request_of((files.read(files.host_key) or b"").decode())
        member, agent = (signed(authority, request, use, self.now()) for use in uses_of(self.node, self.address))
        files.write(files.member_certificate, member.encode())
        files.write(files.agent_certificate, agent.encode())
