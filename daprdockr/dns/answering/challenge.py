"""
From a question about the challenge zone to its answer, by the rules of ``answer``. Pure.

A name that leads nowhere is denied for a second only: a resolver that asked too early sees the record a second later.
"""

from __future__ import annotations

from daprdockr.dns.answering.answer import Answer, Owned, choose
from daprdockr.dns.message.query import Question
from daprdockr.dns.message.records import AAAA, NOERROR, NS, NXDOMAIN, A
from daprdockr.dns.zone.challenge_zone import ChallengeZone, labels_of


def answer_challenge(zone: ChallengeZone, question: Question) -> Answer | None:
    """Return the answer to a question that is not ``refused``; None for one about another zone."""
    depth = len(zone.origin)
    if question.lowered[-depth:] != zone.origin:
        return None
    apex = question.labels[-depth:]
    node = zone.lookup(question.lowered[:-depth])
    rrset = None if node is None else choose(node, question.type)
    if rrset is None:
        return Answer(NXDOMAIN if node is None else NOERROR, True, authority=(Owned(apex, zone.soa),))
    found: list[Owned] = []
    for target in rrset.data if rrset.type == NS else ():
        owner = labels_of(str(target))
        records = zone.lookup(owner[:-depth]) or {}
        found += [Owned(owner, records[kind]) for kind in (A, AAAA) if kind in records]
    return Answer(NOERROR, True, answers=(Owned(question.labels, rrset),), additional=tuple(found))
