# -*- test-case-name: tests.unit.dns.test_authority,tests.unit.dns.test_conformance -*-
"""
From a question about ``container.`` to its answer. Pure: it knows neither bytes nor clients.

The rules: RFC 1034 section 4.3.2, RFC 2308 (negative answers), RFC 8020 (a name above existing ones exists), RFC 4343
(case), RFC 2782 (SRV), RFC 8482 (ANY gets one set).
"""

from __future__ import annotations

from attrs import frozen

from daprdockr.dns.message.query import Question
from daprdockr.dns.message.records import (
    AAAA,
    ANY,
    AXFR,
    IN,
    IXFR,
    NOERROR,
    NS,
    NXDOMAIN,
    SRV,
    A,
    RRset,
    RRsets,
    Srv,
)
from daprdockr.dns.zone.zone import ZONE, Labels, Zone

MAX_TARGETS = 256
"""The most targets of an answer whose addresses are put into the additional section; more hardly fit into it."""
_APEX = (ZONE.encode(),)


@frozen
class Owned:
    """A set at a name. ``owner`` is the labels of that name, without the root's."""

    owner: tuple[bytes, ...]
    rrset: RRset


@frozen
class Answer:
    """An answer: the response code and the sections."""

    rcode: int
    authoritative: bool = False
    answers: tuple[Owned, ...] = ()
    authority: tuple[Owned, ...] = ()
    additional: tuple[Owned, ...] = ()


def in_zone(question: Question) -> bool:
    """Return whether the name is ``container.`` or below it."""
    return question.lowered[-1:] == _APEX


def refused(question: Question) -> bool:
    """Return whether no client gets an answer: another class than IN, or a transfer of the zone."""
    return question.klass != IN or question.type in (AXFR, IXFR)


def answer(zone: Zone, question: Question) -> Answer:
    """Answer a question that is ``in_zone`` and not ``refused``."""
    return answer_node(zone, question, zone.lookup(question.lowered[:-1]), question.labels[-1:])


def answer_node(zone: Zone, question: Question, node: RRsets | None, apex: Labels) -> Answer:
    """
    Answer from the records at the name in the question.

    :param apex: the owner of the SOA in a negative answer.
    """
    rrset = None if node is None else choose(node, question.type)
    if rrset is None:
        soa = Owned(apex, zone.soa)
        return Answer(NXDOMAIN if node is None else NOERROR, True, authority=(soa,))
    owned = Owned(question.labels, rrset)
    return Answer(NOERROR, True, answers=(owned,), additional=_additional(zone, rrset))


def choose(node: RRsets, kind: int) -> RRset | None:
    """Return the set that answers a question of this type (RFC 8482: ANY gets one set)."""
    if kind == ANY:
        return next(iter(node.values()), None)
    return node.get(kind)


def _additional(zone: Zone, rrset: RRset) -> tuple[Owned, ...]:
    """Return the addresses of the targets of an SRV or NS set, each name once, in the order of the set."""
    if rrset.type not in (SRV, NS):
        return ()
    targets = dict.fromkeys(data.target if isinstance(data, Srv) else str(data) for data in rrset.data[:MAX_TARGETS])
    found = []
    for target in targets:
        owner = tuple(target.encode().split(b"."))
        node = zone.lookup(owner[:-1]) or {}
        found += [Owned(owner, node[kind]) for kind in (A, AAAA) if kind in node]
    return tuple(found)
