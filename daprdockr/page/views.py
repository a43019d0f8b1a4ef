# -*- test-case-name: tests.unit.page.test_views -*-
"""The values for the templates: the text about each thing, without markup, and nothing left to decide there."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from urllib.parse import quote

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.names import InstanceName
from daprdockr.page.seen import Gone, Seen
from daprdockr.page.signs import Badge, Sign, of_certificate, of_gone, of_instance, of_node, of_service, why_not
from daprdockr.picture.cells import host_names, moment, published
from daprdockr.picture.table import Row
from daprdockr.picture.timeline import Happening

NOWHERE = ""
"""In the place of the node of instances that none has claimed."""


@frozen
class Pill:
    """One instance in the picture of a node."""

    number: int
    badge: Badge
    title: str


@frozen
class Grouped:
    """The instances of one service on one node."""

    service: str
    href: str
    pills: tuple[Pill, ...]


@frozen
class NodeShown:
    """A node with what it runs; its name is ``NOWHERE`` for what no node runs."""

    name: str
    badge: Badge
    facts: tuple[str, ...]
    reason: str
    count: int
    groups: tuple[Grouped, ...]


@frozen
class ServiceShown:
    """
    A service; ``done`` is how many instances are of the present definition while it is being rolled out, ``schedule``
    that of a job, which has no instances ("": it is none).
    """

    name: str
    href: str
    badge: Badge
    wanted: int
    healthy: int
    done: int | None
    hosts: tuple[str, ...]
    reason: str
    schedule: str


@frozen
class CertificateShown:
    """A certificate."""

    name: str
    badge: Badge
    left: str
    source: str
    names: tuple[str, ...]
    nodes: tuple[str, ...]
    error: str


@frozen
class InstanceShown:
    """An instance in the table of its service."""

    name: str
    badge: Badge
    node: str
    ports: tuple[str, ...]
    started: str
    reason: str


@frozen
class HappeningShown:
    """A line of the timeline."""

    when: str
    who: str
    is_by_person: bool
    subject: str
    href: str
    text: str
    lines: tuple[str, ...]


def service_href(name: object) -> str:
    """Return where the page of a service is."""
    return f"/page/service/{quote(str(name), safe='')}"


def nodes(seen: Seen) -> Iterator[NodeShown]:
    """Yield the nodes with what they run, those that are gone too, and at last what no node runs, if anything."""
    found: dict[str, list[Row]] = defaultdict(list)
    for row in seen.instances:
        found[row["Node"]].append(row)
    shown = [_node(row, found.pop(row["Node"], [])) for row in seen.nodes]
    shown += [_gone(one, found.pop(one.name, [])) for one in seen.gone]
    yield from sorted(shown, key=lambda node: node.name)
    for name in sorted(found, key=lambda name: (name == NOWHERE, name)):
        words = "waiting for a node" if name == NOWHERE else "does not report"
        badge = Badge(Sign.WARN if name == NOWHERE else Sign.BAD, words)
        yield NodeShown(name, badge, (), "", len(found[name]), _groups(found[name]))


def _node(row: Row, instances: Sequence[Row]) -> NodeShown:
    labels = (f"{key}={value}" for key, value in sorted(row["Labels"].items()))
    facts = tuple(filter(None, (*row["Addresses"], *labels, row["Version"] and f"version {row['Version']}")))
    return NodeShown(row["Node"], of_node(row), facts, why_not(row), len(instances), _groups(instances))


def _gone(one: Gone, instances: Sequence[Row]) -> NodeShown:
    return NodeShown(one.name, of_gone(one.is_meant), (), lease_ended(one), len(instances), _groups(instances))


def lease_ended(one: Gone) -> str:
    """Return since when a node is gone, in words."""
    return f"its lease ended at {moment(one.time)}"


def _groups(instances: Iterable[Row]) -> tuple[Grouped, ...]:
    found: dict[str, list[Pill]] = defaultdict(list)
    for row in instances:
        number, _, service = row["Instance"].partition(".")
        badge = of_instance(row)
        title = f"{row['Instance']}: {badge.words}{', ' + row['Reason'] if row['Reason'] else ''}"
        found[service].append(Pill(int(number), badge, title))
    return tuple(Grouped(name, service_href(name), tuple(pills)) for name, pills in found.items())


def services(seen: Seen) -> Iterator[ServiceShown]:
    for row in seen.overview.services.rows:
        yield service(row)


def service(row: Row) -> ServiceShown:
    done = row["Current"] if row["Current"] < row["Running"] else None
    return ServiceShown(
        row["Service"],
        service_href(row["Service"]),
        of_service(row),
        row["Wanted"],
        row["Healthy"],
        done,
        host_names(row),
        row["Reason"],
        row["Schedule"] or "",
    )


def certificates(seen: Seen) -> tuple[CertificateShown, ...]:
    return tuple(_certificate(row) for row in seen.certificates)


def _certificate(row: Row) -> CertificateShown:
    left = "" if row["DaysLeft"] is None or row["DaysLeft"] < 0 else days(row["DaysLeft"])
    names, nodes = tuple(row["Names"]), tuple(row["Nodes"])
    return CertificateShown(row["Name"], of_certificate(row), left, row["Source"], names, nodes, row["LastError"])


def days(number: int) -> str:
    return "1 day" if number == 1 else f"{number} days"


def instances(rows: Iterable[Row]) -> tuple[InstanceShown, ...]:
    return tuple(
        InstanceShown(
            row["Instance"],
            of_instance(row),
            row["Node"],
            tuple(map(published, row["Ports"])),
            moment(row["Started"]),
            row["Reason"],
        )
        for row in rows
    )


def happened(found: Iterable[Happening], services: Iterable[Row]) -> tuple[HappeningShown, ...]:
    """
    Return what happened.

    :param services: the rows of those that are defined, and so have a page.
    """
    hrefs = {row["Service"]: service_href(row["Service"]) for row in services}
    return tuple(
        HappeningShown(
            moment(one.time),
            one.who,
            one.is_by_person,
            one.subject,
            hrefs.get(_service_of(one.subject), ""),
            one.text,
            one.lines,
        )
        for one in found
    )


def _service_of(subject: str) -> str:
    """Return the service that something happened to, itself or an instance; the same text where it is none."""
    try:
        return str(InstanceName.parse(subject).service)
    except BadInput:
        return subject
