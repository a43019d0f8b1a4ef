"""Clusters for the status page: a small one with something of everything, and one of any size."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from attrs import evolve

from daprdockr.model.host import Port
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.certificate import CertificateFacts, CertificateRecord
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.history import Revision, RevisionRecord, Revisions
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.pause import PauseMode, PauseRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.page.seen import Seen
from daprdockr.picture.certificates import certificate_table
from daprdockr.picture.instances import instance_table
from daprdockr.picture.nodes import node_table
from daprdockr.picture.overview import overview
from daprdockr.picture.timeline import timeline
from tests.build.history import claimed, defined, entry, listing, present
from tests.build.values import HTTP, KEYS, named

NOW = 1_795_896_000.0
"""2026-11-28 20:00:00Z"""

NODES = ("host-a", "host-b", "host-c")
HOSTILE = '<img src=x onerror="alert(1)"><script>alert(1)</script>\u202e\x1b[31m{{ 7*7 }}'


def seen(*entries: Entry, **changed: Any) -> Seen:
    """The knowledge of an agent of the cluster with these entries."""
    cluster = Cluster(KEYS)
    cluster.replace(listing(100, *entries))
    return evolve(seen_in(cluster), **changed)


def seen_in(cluster: Cluster) -> Seen:
    """The same of a mirror."""
    return Seen(
        node="host-a",
        time=NOW,
        in_touch=True,
        troubles=(),
        overview=overview(cluster),
        nodes=node_table(cluster).rows,
        instances=instance_table(cluster, None).rows,
        certificates=certificate_table(cluster, NOW).rows,
    )


def nodes(names: Iterable[str] = NODES, **members: Any) -> list[Entry]:
    """Ready nodes."""
    return [
        present(name, NodeRecord(addresses=(f"10.0.0.{number}",), version="0.1.0", **members))
        for number, name in enumerate(names, 1)
    ]


def running(wanted: Definition, at: Sequence[str] = NODES, digest: str = "") -> Iterator[Entry]:
    """A definition, and the claims of its healthy instances on these nodes by turns."""
    yield defined(wanted, 10)
    for number in range(1, wanted.instances + 1):
        record = healthy(at[number % len(at)], digest or wanted.digest)
        yield claimed(InstanceName(wanted.name, number), record, 20)


def healthy(node: str, digest: str) -> ClaimRecord:
    ports = (Port(container=8080, protocol="tcp", host=27_100),)
    return ClaimRecord(node=node, state=State.RUNNING, healthy=True, definition=digest, started=NOW - 4000, ports=ports)


def well() -> list[Entry]:
    """Three nodes, with one service that is as wanted."""
    return [*nodes(), *running(named("web", 3, Http=HTTP))]


def showcase() -> Seen:
    """Something of everything."""
    web, shop = named("web", 6, Http=HTTP), named("shop", 4, "shop:8", Http={**HTTP, "HostName": "shop.example.com"})
    mail, batch = named("mail", 2, "mail:3"), named("batch", 3, "batch:2", Placement={"Constraints": ["disk == ssd"]})
    cache = named("cache", 2, "redis:7")
    found = [*nodes(labels={"zone": "north"}), *running(web), *running(cache), *running(shop)]
    found += [defined(mail, 12), defined(batch, 13), entry(KEYS.cordon("host-c"), 14, b"{}")]
    found += [claimed(InstanceName(shop.name, number), healthy(NODES[number % 3], "0" * 12), 21) for number in (3, 4)]
    failing = ClaimRecord(
        node="host-b",
        state=State.BACKING_OFF,
        definition=mail.digest,
        reason="it exited with status 1 at once, 4 times; the next start is at 20:00:40",
    )
    starting = ClaimRecord(node="host-a", state=State.STARTING, definition=mail.digest)
    found += [claimed(InstanceName(mail.name, number), record, 22) for number, record in ((1, failing), (2, starting))]
    pause = PauseRecord(mode=PauseMode.MAINTENANCE, by="anna@desk", time=NOW - 200)
    found.append(entry(KEYS.pause(cache.name), 23, pause.encode(), lease=0))
    for name, left in (("shop.example.com", 9), ("example.com", 61)):
        end = NOW + left * 86_400 + 60
        facts = CertificateFacts((name, f"www.{name}"), end - 90 * 86_400, end)
        record = CertificateRecord("a", "b", facts, source="acme", time=NOW - 1e6, by="node host-a")
        found.append(entry(KEYS.certificate(name), 24, record.encode(), lease=0))
    return seen(*found, happened=timeline(_events(), [_history(shop)], 50))


def _events() -> list[Event]:
    lines = ("reading /etc/mail.conf", "fatal: no such directory: /var/mail", "exiting")
    return [
        Event(NOW - 3000, "host-a", "1.web.myapp", "is healthy after 0.6 s"),
        Event(NOW - 200, "desk", "cache.myapp", "under maintenance by anna@desk", by="anna@desk"),
        Event(NOW - 120, "host-b", "1.mail.myapp", "exited with status 1", lines),
        Event(NOW - 90, "laptop", "node host-c", "cordoned by ben@laptop", by="ben@laptop"),
    ]


def _history(wanted: Definition) -> Revisions:
    older = named("shop", 3, "shop:7")
    stored = [(older, NOW - 9000, "anna@desk"), (wanted, NOW - 60, "ben@laptop")]
    records = [RevisionRecord(one, time, by, good=True) for one, time, by in stored]
    return Revisions(wanted.name, tuple(Revision(n, record, n) for n, record in enumerate(records, 1)), (1, 2))


def large(instances: int, of_a_service: int = 5, on: int = 10) -> list[Entry]:
    """So many instances, all healthy."""
    names = [f"host-{number}" for number in range(1, on + 1)]
    found = nodes(names)
    for number in range(instances // of_a_service):
        at = names[number % on :] + names[: number % on]
        wanted = named(f"service-{number}", of_a_service, Http={**HTTP, "HostName": f"s{number}.example.com"})
        found += running(wanted, at)
    return found
