# -*- test-case-name: tests.unit.cli.commands.test_certificates -*-
"""Certificates: those that etcd has, those in files of the operator, and those by which nodes reach etcd."""

from __future__ import annotations

import enum
from collections.abc import Container, Iterable, Iterator, Mapping
from types import MappingProxyType

from daprdockr.model.known.view import ClusterView
from daprdockr.model.stored.certificate import ACME, FILE, CertificateRecord
from daprdockr.model.stored.renewal import RenewalRecord
from daprdockr.model.wanted.http import REQUIRE
from daprdockr.picture.cells import moment
from daprdockr.picture.table import Column, Row, Table
from daprdockr.planning.renewing.wanted import covered_in_cluster, wanted_in_cluster

DAY = 86400.0
SOON = 14
"""Days before its end from which a certificate is marked; it is renewed long before."""
OVERDUE = 0.25
"""The share of its life that is left then, if that is less: one by ACME is renewed when a third is left."""

COLUMNS: tuple[Column, ...] = (
    ("CERTIFICATE", lambda row: row["Name"]),
    ("SOURCE", lambda row: row["Source"]),
    ("DAYS LEFT", lambda row: "" if row["DaysLeft"] is None else str(row["DaysLeft"])),
    ("NAMES", lambda row: ",".join(row["Names"])),
    ("NODES", lambda row: ",".join(row["Nodes"])),
    ("NEXT ATTEMPT", lambda row: moment(row["NextAttempt"])),
    ("LAST ERROR", lambda row: row["LastError"]),
)


def certificate_table(
    cluster: ClusterView, now: float, renewals: Mapping[str, RenewalRecord] = MappingProxyType({})
) -> Table:
    """
    Return the certificates by name. One that several nodes have in files, or that they cannot use for the same reason,
    has one row for all of them.

    One by ACME is not needed if no service has its host name any more, or a certificate of the operator's own covers
    it: it is not renewed. Those by which nodes reach etcd are there as well, and those that are missing, without a
    source.

    :param renewals: what became of the attempts to get certificates by ACME, by host name.
    """
    wanted = frozenset(wanted_in_cluster(cluster, now))  # a cluster may have thousands
    rows: list[Row] = [
        {**_stored(name, record, now, renewals.get(name)), "Needed": record.source != ACME or name in wanted}
        for name, record in cluster.certificates.items()
    ]
    rows += [
        _row(name, ACME, **_attempts(renewals[name]), Needed=name in wanted)
        for name in renewals
        if name not in cluster.certificates
    ]
    rows += _of_files(cluster, now)
    rows += _for_etcd(cluster, now)
    rows += _unusable(cluster)
    rows += _missing(cluster, {row["Name"] for row in rows})
    return Table(sorted(rows, key=lambda row: (row["Name"], row["Source"], row["Nodes"])), COLUMNS)


class CertificateVerdict(enum.Enum):
    """The state of a certificate, as far as it matters to people."""

    NOT_NEEDED = enum.auto()
    AWAITED = enum.auto()
    MISSING = enum.auto()
    REFUSED = enum.auto()
    USELESS = enum.auto()
    ENDED = enum.auto()
    ENDS_SOON = enum.auto()
    NOT_RENEWED = enum.auto()
    VALID = enum.auto()


def verdict(row: Row) -> CertificateVerdict:
    """Return the verdict on a row of the table: the nearest trouble, whatever else is wrong."""
    left, fails = row["DaysLeft"], bool(row["LastError"])
    if not row["Needed"]:
        return CertificateVerdict.NOT_NEEDED
    if not row["Source"]:
        return CertificateVerdict.MISSING
    if left is None:
        useless = CertificateVerdict.USELESS if row["Nodes"] else CertificateVerdict.REFUSED
        return useless if fails else CertificateVerdict.AWAITED
    if left < 0:
        return CertificateVerdict.ENDED
    if row["EndsSoon"]:
        return CertificateVerdict.ENDS_SOON
    return CertificateVerdict.NOT_RENEWED if fails else CertificateVerdict.VALID


_PHRASES: Mapping[CertificateVerdict, str] = {
    CertificateVerdict.MISSING: "is missing",
    CertificateVerdict.REFUSED: "cannot be had",
    CertificateVerdict.USELESS: "is of no use",
    CertificateVerdict.ENDED: "has ended",
    CertificateVerdict.NOT_RENEWED: "is not renewed",
}


def ending(rows: Iterable[Row]) -> dict[str, str]:
    """
    Return what is wrong with the certificates that are needed, in one phrase each: they are missing, end soon, have
    ended, or cannot be used. Those of files are named together with their nodes.
    """
    found = {}
    for row in rows:
        if phrase := _trouble(row):
            where = f" on {','.join(row['Nodes'])}" if row["Nodes"] else ""
            found[row["Name"] + where] = phrase
    return found


def _trouble(row: Row) -> str:
    left, found = row["DaysLeft"], verdict(row)
    soon = f"ends in {left} {'day' if left == 1 else 'days'}" if found is CertificateVerdict.ENDS_SOON else ""
    phrase, error = soon or _PHRASES.get(found, ""), row["LastError"]
    return f"{phrase}: {error}" if phrase and error else phrase


def _stored(name: str, record: CertificateRecord, now: float, renewal: RenewalRecord | None) -> Row:
    facts = record.facts
    term = _term(facts.not_before, facts.not_after, now)
    return _row(name, record.source, Names=list(facts.names), **term, **_attempts(renewal))


def _attempts(renewal: RenewalRecord | None) -> dict[str, object]:
    return {} if renewal is None else {"NextAttempt": renewal.next_attempt, "LastError": renewal.error}


def _of_files(cluster: ClusterView, now: float) -> Iterator[Row]:
    found: dict[tuple[str, float, float], list[str]] = {}
    for node, known in sorted(cluster.nodes.items()):
        for name, end in known.record.certificates.items():
            found.setdefault((name, known.record.brief.get(name, 0.0), end), []).append(node)
    for (name, begin, end), nodes in found.items():
        yield _row(name, FILE, Nodes=nodes, **_term(begin, end, now))


def _for_etcd(cluster: ClusterView, now: float) -> Iterator[Row]:
    """Yield the certificates by which nodes reach etcd. Each has its own, so one row is for all that end on one day."""
    found: dict[tuple[str, int], dict[str, float]] = {}
    for node, known in sorted(cluster.nodes.items()):
        for role, end in known.record.etcd_certificates.items():
            found.setdefault((f"etcd {role}", int(end // DAY)), {})[node] = end
    for (name, _), ends in found.items():
        end = min(ends.values())
        yield _row(name, FILE, Nodes=list(ends), **_term(0.0, end, now))


def _unusable(cluster: ClusterView) -> Iterator[Row]:
    found: dict[tuple[str, str], list[str]] = {}
    for node, known in sorted(cluster.nodes.items()):
        for name, reason in known.record.uncertified.items():
            found.setdefault((name, reason), []).append(node)
    for (name, reason), nodes in found.items():
        record = cluster.certificates.get(name)
        yield _row(name, FILE if record is None else record.source, Nodes=nodes, LastError=reason)


def _missing(cluster: ClusterView, named: Container[str]) -> Iterator[Row]:
    """
    Yield the host names that are served by TLS alone, and for which there is no certificate. One that has ended is not
    missing, and says so itself. Where no node listens for TLS, trusted proxies before them do, with certificates that
    nobody here knows.

    :param named: the names that have a row for another reason.
    """
    if not any(node.record.tls for node in cluster.nodes.values()):
        return
    own = covered_in_cluster(cluster)
    entries = (entry for service in cluster.services.values() for entry in service.definition.http)
    for name in {name for entry in entries if entry.tls == REQUIRE for name in entry.host_names}:
        if name not in named and not own.has(name, 0.0):
            yield _row(name, "", LastError="clients are led to HTTPS, and get a warning there")


def _term(begin: float, end: float, now: float) -> dict[str, object]:
    """Return the members that say when a certificate is valid. :param begin: 0.0: it is not known, and long ago."""
    left = end - now
    is_soon = left < SOON * DAY and left < OVERDUE * (end - begin)
    return {"DaysLeft": int(left // DAY), "NotBefore": begin, "NotAfter": end, "EndsSoon": is_soon}


def _row(name: str, source: str, **members: object) -> Row:
    default: Mapping[str, object] = {
        "Name": name,
        "Source": source,
        "Names": [],
        "Nodes": [],
        "DaysLeft": None,
        "NotBefore": 0.0,
        "NotAfter": 0.0,
        "EndsSoon": False,
        "NextAttempt": 0.0,
        "LastError": "",
        "Needed": True,
    }
    return {**default, **members}
