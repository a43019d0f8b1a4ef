"""
The agent's answers to the commands of its machine that read, on a unix socket in the state directory.

Note [As etcd would answer]
    A command that asks its agent saves the connection to etcd and the reading of every key. It must see the same: so an
    agent that doubts its etcd, or follows another one than the command line means, does not answer, and for reports of
    other nodes that it does not mirror it asks etcd. While etcd is away it answers with the last state that it knew,
    and says so. Only root on the machine, and the agent's user, may open the socket.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred, TimeoutError, succeed
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.web.resource import Resource

from daprdockr.api.bounded_site import BoundedSite
from daprdockr.api.tables import TableDocument
from daprdockr.arguments.local_reads import SOCKET
from daprdockr.etcd.trying import refused_to_all
from daprdockr.model.errors import BadInput, EtcdError, NotFound
from daprdockr.model.names import ServiceName
from daprdockr.picture.doubts import read_doubts
from daprdockr.picture.instances import instance_table
from daprdockr.picture.nodes import node_table
from daprdockr.picture.overview import overview
from daprdockr.picture.table import Table
from daprdockr.wiring.measuring import Measured
from daprdockr.wiring.showing import stopped_rollouts

PATIENCE = 1.0
"""Seconds that an answer waits for etcd."""


@frozen
class Answers:
    """The answers of one agent. See Note [As etcd would answer]."""

    measured: Measured

    async def ps(self, fields: Mapping[str, str]) -> object:
        self._check(fields)
        cluster, service = self.measured.base.cluster, _service(fields)
        if service is not None and not cluster.claims(service):
            raise NotFound("nothing of it runs")
        return {**self._seen(), **_written(instance_table(cluster, service), fields)}

    async def nodes(self, fields: Mapping[str, str]) -> object:
        self._check(fields)
        refused, doubted = await self._reports()
        table = node_table(self.measured.base.cluster, refused, doubted)
        return {**self._seen(), "Doubts": doubted, **_written(table, fields)}

    async def status(self, fields: Mapping[str, str]) -> object:
        self._check(fields)
        cluster, service = self.measured.base.cluster, _service(fields)
        stopped = stopped_rollouts(cluster)
        if service is not None and (service not in cluster.services or service in stopped):
            raise NotFound("more is to be said of it")
        refused, doubted = await self._reports()
        whole = overview(cluster, refused, doubted, stopped, service)
        table = {"Header": whole.services.header, "Cells": whole.services.cells}
        return {**self._seen(), "Document": whole.write(), "Mute": list(whole.mute), **table}

    def _check(self, fields: Mapping[str, str]) -> None:
        """:raises NotFound: etcd is to be asked."""
        settings, mirror = self.measured.base.settings, self.measured.found.known.mirror
        own = {str(endpoint) for endpoint in settings.etcd.endpoints}
        if fields.get("prefix") != settings.prefix or own.isdisjoint(fields.get("etcd", "").split(",")):
            raise NotFound("this agent follows another etcd")
        if mirror.doubt is not None or not self.measured.base.cluster.revision:
            raise NotFound("this agent knows nothing that counts")

    def _seen(self) -> dict[str, object]:
        base, mirror = self.measured.base, self.measured.found.known.mirror
        return {"Node": base.settings.node, "InTouch": mirror.in_touch, "Revision": base.cluster.revision}

    async def _reports(self) -> tuple[str, dict[str, str]]:
        """Return the write that etcd refuses all nodes, and why nodes are frozen; nothing of both while it is away."""
        base, found = self.measured.base, self.measured.found
        if not found.known.mirror.in_touch:
            return "", {}
        calls, etcd, keys = base.outside.pools.etcd.calls, base.outside.etcd.store, base.cluster.keys

        def ask() -> tuple[str, dict[str, str]]:
            doubted = read_doubts(etcd.list(keys.doubts).entries, keys.doubts)
            return refused_to_all(etcd, keys), {node: record.reason for node, record in doubted.items()}

        try:
            asked: Deferred[tuple[str, dict[str, str]]] = calls(ask)
            return await asked.addTimeout(PATIENCE, base.outside.reactor)
        except (EtcdError, TimeoutError):
            raise NotFound("etcd does not answer in time") from None


def _service(fields: Mapping[str, str]) -> ServiceName | None:
    try:
        return ServiceName.parse(fields["service"]) if fields.get("service") else None
    except BadInput:
        raise NotFound("there is no such service") from None


def _written(table: Table, fields: Mapping[str, str]) -> dict[str, object]:
    if fields.get("form") == "json":
        return {"Rows": list(table.rows)}
    return {"Header": table.header, "Cells": table.cells}


class ReadSocket(Service):
    """Listens on the unix socket. Without it commands ask etcd, so a path that cannot be one is only logged."""

    log = Logger()

    def __init__(self, measured: Measured) -> None:
        self._base = measured.base
        self._site = BoundedSite(answering(measured), reactor=measured.base.outside.reactor)
        self._port: IListeningPort | None = None

    def startService(self) -> None:
        super().startService()
        path = self._base.settings.state_dir / SOCKET
        try:
            path.unlink(missing_ok=True)  # of an agent that was killed; the directory is ours alone
            self._port = self._base.outside.reactor.listenUNIX(str(path), self._site, mode=0o600)
        except (CannotListenError, OSError) as error:
            self.log.info("commands on this machine ask etcd, {path} cannot be used: {why}", path=path, why=error)

    def stopService(self) -> Deferred[None]:
        super().stopService()
        port, self._port = self._port, None
        stopped: Any = port.stopListening() if port is not None else None
        return stopped if isinstance(stopped, Deferred) else succeed(None)


def answering(measured: Measured) -> Resource:
    """Return the tree of resources."""
    answers, root, tables = Answers(measured), Resource(), Resource()
    for name, answer in (("ps", answers.ps), ("nodes", answers.nodes), ("status", answers.status)):
        tables.putChild(name.encode(), TableDocument(answer))
    root.putChild(b"tables", tables)
    return root
