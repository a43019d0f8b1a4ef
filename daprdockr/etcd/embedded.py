"""
The etcd beside an agent: the private one of ``--embedded-etcd``, whose command line is here too, or the member of a
cluster, whose command line ``member_flags`` has. ``daprdockr.process`` keeps it running, and the store talks to it as
to any other etcd.

Note [A cluster of its own]
    etcd derives the id of a new cluster from its token and the peer URL its members advertise. Ours advertises a URL
    that nobody uses and listens for peers on any free port, so only the token, which is random, distinguishes one
    private etcd from another; and agents that remember an id notice when the data was lost. A member that has data
    ignores the token.

Note [At another address]
    The etcd of an earlier agent listens at the first endpoint of that agent's ``--etcd``. If the option has changed it
    would be adopted and never reached, so it is ended, and started with the same data where it is looked for now.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
import shutil
import socket
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from attrs import evolve
from twisted.application.service import Service
from twisted.internet.defer import Deferred
from twisted.logger import Logger

from daprdockr.etcd.address import Access, EtcdEndpoint
from daprdockr.etcd.channel import addresses
from daprdockr.etcd.ending import reason_in
from daprdockr.model.errors import BadInput
from daprdockr.model.trouble import Trouble
from daprdockr.model.troubles.etcd import EtcdDown
from daprdockr.process.kept import private_directory
from daprdockr.process.output import OutputFile
from daprdockr.process.supervised import Hooks, Program, SupervisedProcess

QUOTA = "ETCD_QUOTA_BACKEND_BYTES"
"""The variable by which etcd takes the most bytes of its database."""

_PEER = "http://127.0.0.1:2380"

USUAL = (
    # Short: a client that missed more lists again, which is cheap at this size.
    "--auto-compaction-mode=periodic",
    "--auto-compaction-retention=5m",
    "--logger=zap",
    "--log-level=warn",
)
"""The flags of every etcd beside an agent."""


class EmbeddedEtcd(Service):
    """
    One etcd on this host, which writes below ``directory`` only.

    :param flags: returns its command line, before each start, for the directory of its data.
    :param stop_at_exit: whether it ends with this service; otherwise the next agent adopts it.
    :param usable_with: as for ``Program``.
    :raises BadInput: etcd is not installed.
    """

    log = Logger()

    def __init__(
        self,
        *,
        flags: Callable[[Path], list[str]],
        directory: Path,
        reactor: Any,
        environment: Mapping[str, str],
        stop_at_exit: bool = False,
        usable_with: Collection[str] = (),
    ) -> None:
        self._data = directory / "data"
        self._output = OutputFile(directory / "etcd.log")
        self._written = 0
        self._ended: EtcdDown | None = None
        self._flags = flags
        found = shutil.which("etcd", path=environment.get("PATH", os.defpath))
        if found is None:
            raise BadInput("the program etcd is missing: install the Debian package etcd-server")
        self._program: str = found
        etcd = Program(
            name="embedded etcd",
            argv=[self._program],
            identity=f"--data-dir={self._data} ",
            pidfile=directory / "process.json",
            environment={name: value for name, value in environment.items() if not _concerns_etcd(name)},
            output=self._output.path,
            usable_with=usable_with,
        )
        self._process = SupervisedProcess(
            program=etcd,
            reactor=reactor,
            leave_running=not stop_at_exit,
            hooks=Hooks(before_start=self._prepare, on_exit=self._exited),
        )

    @property
    def usable_with(self) -> Collection[str]:
        """The words of which an etcd of an earlier agent has one, or is started anew."""
        return self._process.program.usable_with

    @property
    def pid(self) -> int | None:
        """The pid of etcd; None while it does not run."""
        return self._process.pid

    @property
    def condition(self) -> Trouble | None:
        return None if self._process.is_steady else self._ended

    def startService(self) -> None:
        super().startService()
        self._process.startService()

    def stopService(self) -> Deferred[None] | None:
        super().stopService()
        return self.retire()

    def retire(self) -> Deferred[None] | None:
        """Start it no more; a process that runs is let go of, or ended as at an exit."""
        self._ended = None
        return self._process.stopService() if self._process.running else None

    def _prepare(self) -> None:
        """:raises BadInput, OSError: it cannot be started now."""
        self._written = self._output.size()
        private_directory(self._data.parent)
        self._data.mkdir(mode=0o700, exist_ok=True)
        self._process.program = evolve(self._process.program, argv=[self._program, *self._flags(self._data)])

    def _exited(self, reason: str) -> None:
        said = reason_in(self._output.since(self._written))
        self._ended = EtcdDown(": ".join(filter(None, (reason, said))))
        self.log.warn("embedded etcd {reason}; {path} may say more", reason=self._ended.reason, path=self._output.path)


def _concerns_etcd(variable: str) -> bool:
    """
    Return whether etcd would heed a variable that is not meant for it: any of its flags can be set by one, such as
    ETCD_CERT_FILE, and it looks for other members behind a proxy for the web (HTTPS_PROXY, in either case). Its quota
    is a person's to raise, and there is no other way to it.
    """
    return (variable.startswith("ETCD_") and variable != QUOTA) or variable.upper().endswith("_PROXY")


def private_flags(access: Access) -> Callable[[Path], list[str]]:
    """Return the flags of a private etcd on the first endpoint. :raises BadInput: it cannot listen there."""
    endpoint, token = listening(access), secrets.token_hex(8)
    return lambda data: flags(endpoint, data, token)


def listening(access: Access) -> EtcdEndpoint:
    """Return the first endpoint, by address. :raises BadInput: unless it is plain http on an address of this host."""
    if access.secure:
        raise BadInput("--embedded-etcd speaks http only: write --etcd with http://")
    resolved = addresses(access.endpoints[0])
    if not resolved or not _is_ours(resolved[0].host):
        raise BadInput(f"--embedded-etcd cannot listen on {access.endpoints[0]}: name an address of this host first")
    return resolved[0]


def reached_with(access: Access) -> frozenset[str]:
    """Return the flags of which a private etcd has one if it listens where ``access`` looks for it."""
    return frozenset(map(_listens, addresses(access.endpoints[0])))


def _listens(endpoint: EtcdEndpoint) -> str:
    return f"--listen-client-urls=http://{endpoint}"


def flags(endpoint: EtcdEndpoint, data: Path, token: str) -> list[str]:
    """Return etcd's flags (its configuration page). Every write is synced, so the data outlives a power cut."""
    return [
        # First, because it identifies the process, and is followed by a space there.
        f"--data-dir={data}",
        "--name=embedded",
        _listens(endpoint),
        f"--advertise-client-urls=http://{endpoint}",
        "--listen-peer-urls=http://127.0.0.1:0",
        f"--initial-advertise-peer-urls={_PEER}",
        f"--initial-cluster=embedded={_PEER}",
        f"--initial-cluster-token={token}",
        *USUAL,
    ]


def _is_ours(address: str) -> bool:
    """Return whether it is one address of this host, and not the wildcard, which would admit the whole network."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return not ipaddress.ip_address(address.partition("%")[0]).is_unspecified
