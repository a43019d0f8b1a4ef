"""
The agent's answers to the commands of its machine that read, on a unix socket in the state directory.

Note [As etcd would answer]
    A command that asks its agent saves the connection to etcd and the reading of every key. It must see the same: so an
    agent that doubts its etcd, or follows another one than the command line means, does not answer, and for reports of
    other nodes that it does not mirror it asks etcd. While etcd is away it answers with the last state that it knew,
    and says so. Only root on the machine, and the agent's user, may open the socket.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import TypeVar

from attrs import frozen
from twisted.application.service import Service
from twisted.internet.defer import Deferred, TimeoutError, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort
from twisted.logger import Logger
from twisted.web.resource import Resource

from daprdockr.api.bounded_site import BoundedSite
from daprdockr.api.folder import Folder
from daprdockr.api.tables import TableDocument
from daprdockr.arguments.local_reads import SOCKET
from daprdockr.etcd.trying import refused_to_all
from daprdockr.model.errors import BadInput, EtcdError, NotFound
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.history import Revisions
from daprdockr.model.stored.renewal import RenewalRecord, read_renewals
from daprdockr.model.wanted.definition import Definition
from daprdockr.picture.certificates import certificate_table
from daprdockr.picture.doubts import read_doubts
from daprdockr.picture.etcd_room import room_line
from daprdockr.picture.events import begins, event_table, latest_lines, places
from daprdockr.picture.evidence import evidence_keys, read_evidence
from daprdockr.picture.history import history_table
from daprdockr.picture.instances import instance_table
from daprdockr.picture.known_names import known_names
from daprdockr.picture.nodes import node_table
from daprdockr.picture.overview import overview
from daprdockr.picture.services import service_table
from daprdockr.picture.table import Table
from daprdockr.picture.why import why
from daprdockr.picture.why_text import why_lines
from daprdockr.wiring.parts import Parts
from daprdockr.wiring.showing import known_room, stopped_rollouts

T = TypeVar("T")

PATIENCE = 1.0
"""Seconds that an answer waits for etcd."""


@frozen
class Answers:
    """The answers of one agent. See Note [As etcd would answer]."""

    parts: Parts

    async def ps(self, fields: Mapping[str, str]) -> object:
        self._check(fields)
        cluster, service = self.parts.base.cluster, _service(fields)
        if service is not None and not cluster.claims(service):
            raise NotFound("nothing of it runs")
        return {**self._seen(), **_written(instance_table(cluster, service), fields)}

    async def services(self, fields: Mapping[str, str]) -> object:
        self._check(fields)
        cluster, service = self.parts.base.cluster, _service(fields)
        if service is not None and service not in cluster.services:
            raise NotFound("more is to be said of it")
        table = service_table(cluster, stopped_rollouts(cluster), service)
        return {**self._seen(), **_written(table, fields)}

    async def nodes(self, fields: Mapping[str, str]) -> object:
        self._check(fields)
        refused, doubted = await self._reports()
        followed = self.parts.found.member.own_member
        members = followed.members if followed is not None else ()
        table = node_table(self.parts.base.cluster, refused, doubted, members)
        return {**self._seen(), "Doubts": doubted, **_written(table, fields)}

    async def status(self, fields: Mapping[str, str]) -> object:
        self._check(fields)
        cluster, service = self.parts.base.cluster, _service(fields)
        stopped = stopped_rollouts(cluster)
        if service is not None and (service not in cluster.services or service in stopped):
            raise NotFound("more is to be said of it")
        refused, doubted = await self._reports()
        place, room = cluster.keys.renewals, known_room(self.parts.found)
        nothing: dict[str, RenewalRecord] = {}
        renewals = await self._asked(lambda etcd: read_renewals(etcd.list(place).entries, place), nothing)
        certificates = certificate_table(cluster, self.parts.base.outside.clocks.wall(), renewals).rows
        whole = overview(cluster, refused, doubted, stopped, service, room, certificates)
        table = {"Header": whole.services.header, "Cells": whole.services.cells}
        table["Etcd"] = room_line(room) if room is not None else ""
        seen = {**self._seen(), "Trouble": self.parts.found.known.mirror.trouble}
        return {**seen, "Document": whole.write(), "Mute": list(whole.mute), **table}

    async def why(self, fields: Mapping[str, str]) -> object:
        self._check(fields)
        cluster, service = self.parts.base.cluster, _service(fields)
        if service is None or service not in cluster.services:
            raise NotFound("more is to be said of it")
        number, wanted = _number(fields), cluster.services[service].definition
        if number > max([wanted.instances, *cluster.claims(service)]):
            raise NotFound("there is no such instance")
        keys = evidence_keys(cluster.keys, service)
        nothing: tuple[Sequence[Entry], str] = ((), "")
        entries, refused = await self._asked(lambda etcd: (etcd.list(keys).entries, self._refused(etcd)), nothing)
        rollout = stopped_rollouts(cluster).get(service)
        known = read_evidence(cluster, service, entries, rollout, refused)
        found = why(cluster, service, known, number or None, now=self.parts.base.outside.clocks.wall())
        form = {"Document": found.write()} if _is_json(fields) else {"Lines": list(why_lines(cluster, found))}
        return {**self._seen(), **form}

    async def events(self, fields: Mapping[str, str]) -> object:
        self._check(fields)
        cluster, now = self.parts.base.cluster, self.parts.base.outside.clocks.wall()
        revisions = {name: one.revision for name, one in cluster.services.items()}
        wanted = places(cluster.keys, revisions, _service(fields))
        entries = await self._asked(lambda etcd: etcd.list(wanted).entries)
        table = event_table(cluster.keys, entries, begins(_since(fields), now))
        return {**self._seen(), **_written(table, fields), "Lines": list(latest_lines(table))}

    async def history(self, fields: Mapping[str, str]) -> object:
        self._check(fields)
        keys, service = self.parts.base.cluster.keys, _service(fields)
        if service is None:
            raise NotFound("no service is meant")
        place, former = keys.service(service), keys.history(service)
        entry, entries = await self._asked(lambda etcd: (etcd.get(place), etcd.list(former).entries))
        found, present = Revisions.read(keys, service, entries), _present(entry)
        if present is None or not found.ends_with(present) or len(found.numbers) > len(found.revisions):
            raise NotFound("more is to be said of it")
        return {**self._seen(), **_written(history_table(found, present), fields)}

    async def names(self, fields: Mapping[str, str]) -> object:
        self._check(fields)
        return {**self._seen(), **known_names(self.parts.base.cluster)}

    async def containers(self, fields: Mapping[str, str]) -> object:
        """Return the containers of this agent that run; None until the Engine has listed them."""
        host = self.parts.found.local.host
        names = sorted(str(one.instance) for one in host.containers if one.running)
        return {"Node": self.parts.base.settings.node, "InTouch": True, "Containers": names if host.listed else None}

    def _check(self, fields: Mapping[str, str]) -> None:
        """:raises NotFound: etcd is to be asked."""
        settings, mirror = self.parts.base.settings, self.parts.found.known.mirror
        own = {str(endpoint) for endpoint in settings.etcd.endpoints}
        if fields.get("prefix") != settings.prefix or own.isdisjoint(fields.get("etcd", "").split(",")):
            raise NotFound("this agent follows another etcd")
        if mirror.doubt is not None or not self.parts.base.cluster.revision:
            raise NotFound("this agent knows nothing that counts")

    def _seen(self) -> dict[str, object]:
        base, mirror = self.parts.base, self.parts.found.known.mirror
        return {"Node": base.settings.node, "InTouch": mirror.in_touch, "Revision": base.cluster.revision}

    async def _reports(self) -> tuple[str, dict[str, str]]:
        """Return the write that etcd refuses all nodes, and why nodes are frozen; nothing of both while it is away."""
        keys = self.parts.base.cluster.keys

        def ask(etcd: Store) -> tuple[str, dict[str, str]]:
            doubted = read_doubts(etcd.list(keys.doubts).entries, keys.doubts)
            return self._refused(etcd), {node: record.reason for node, record in doubted.items()}

        return await self._asked(ask, ("", {}))

    def _refused(self, etcd: Store) -> str:
        return refused_to_all(etcd, self.parts.base.cluster.keys)

    async def _asked(self, ask: Callable[[Store], T], while_away: T | None = None) -> T:
        """
        Return what is read from etcd; ``while_away`` while it is away.

        :raises NotFound: it does not answer in time, or nothing can be said without it.
        """
        base, found = self.parts.base, self.parts.found
        if not found.known.mirror.in_touch:
            if while_away is None:
                raise NotFound("etcd is away")
            return while_away
        try:
            asked: Deferred[T] = base.outside.pools.etcd.calls(ask, base.outside.etcd.store)
            return await asked.addTimeout(PATIENCE, base.outside.reactor)
        except (EtcdError, TimeoutError):
            raise NotFound("etcd does not answer in time") from None


def _service(fields: Mapping[str, str]) -> ServiceName | None:
    try:
        return ServiceName.parse(fields["service"]) if fields.get("service") else None
    except BadInput:
        raise NotFound("there is no such service") from None


def _number(fields: Mapping[str, str]) -> int:
    try:
        return int(fields.get("number", "0"))
    except ValueError:
        raise NotFound("there is no such instance") from None


def _since(fields: Mapping[str, str]) -> float:
    try:
        return float(fields.get("since") or 0)
    except ValueError:
        raise NotFound("there is no such time") from None


def _present(entry: Entry | None) -> Definition | None:
    with suppress(BadInput):
        return Definition.parse(entry.value) if entry is not None else None
    return None


def _is_json(fields: Mapping[str, str]) -> bool:
    return fields.get("form") == "json"


def _written(table: Table, fields: Mapping[str, str]) -> dict[str, object]:
    if _is_json(fields):
        return {"Rows": list(table.rows)}
    return {"Header": table.header, "Cells": table.cells}


class ReadSocket(Service):
    """Listens on the unix socket. Without it commands ask etcd, so a path that cannot be one is only logged."""

    log = Logger()

    def __init__(self, parts: Parts) -> None:
        self._base = parts.base
        self._site = BoundedSite(answering(parts), reactor=parts.base.outside.reactor)
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
        return Deferred.fromCoroutine(self._close())

    async def _close(self) -> None:
        port, self._port = self._port, None
        # Somebody who removes the state directory of an agent that is to go may do so before it is stopped.
        with suppress(FileNotFoundError):
            if port is not None:
                await maybeDeferred(port.stopListening)


def answering(parts: Parts) -> Resource:
    """Return the tree of resources."""
    answers, root, tables = Answers(parts), Folder(), Folder()
    of_all = (answers.status, answers.services, answers.ps, answers.nodes, answers.events, answers.names)
    for answer in (*of_all, answers.why, answers.history, answers.containers):
        tables.putChild(answer.__name__.encode(), TableDocument(answer))
    root.putChild(b"tables", tables)
    return root
