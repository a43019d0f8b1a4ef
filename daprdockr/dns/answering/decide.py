# -*- test-case-name: tests.unit.dns.answering.test_absent,tests.unit.dns.test_authority -*-
"""
Decides from which source a query is answered: the zone, the challenge zone, an address of ours, a special name, an
upstream, or none. Pure.

The order is that of ``docs/design/dns.rst``; each source has a module of its own.
"""

from __future__ import annotations

from daprdockr.dns.answering.answer import Answer, answer, in_zone, refused
from daprdockr.dns.answering.challenge import answer_challenge
from daprdockr.dns.answering.finished import ABSENT, THE_ZONE, Owner
from daprdockr.dns.answering.name_servers import NameServers
from daprdockr.dns.answering.reverse import answer_reverse
from daprdockr.dns.answering.special import answer_special
from daprdockr.dns.message.query import Query
from daprdockr.dns.message.records import BADVERS, NOERROR, NXDOMAIN, REFUSED, SERVFAIL
from daprdockr.dns.zone.challenge_zone import ChallengeZone
from daprdockr.dns.zone.zone import NAMESERVER, ZONE, Zone

_OWN_NAMES = tuple(tuple(name.encode().split(b".")) for name in (ZONE, NAMESERVER))
"""Names with records that are those of no service; the addresses of this node change without one."""


def decide(
    query: Query, zone: Zone | None, recursion: bool, servers: NameServers, challenges: ChallengeZone | None = None
) -> Answer | None:
    """
    Return the answer to a query, or None when it has to be forwarded.

    :param zone: None before the first is published.
    :param recursion: whether this client may have other names forwarded.
    :param servers: the upstreams for other names.
    :param challenges: None where there is none.
    """
    if query.edns is not None and query.edns.version > 0:
        return Answer(BADVERS)
    question = query.question
    if refused(question):
        return Answer(REFUSED)
    if in_zone(question):
        # An empty zone would be wrong: a name that we do not know yet must not be denied.
        return Answer(SERVFAIL) if zone is None else answer(zone, question)
    proof = None if challenges is None else answer_challenge(challenges, question)
    if proof is not None:
        return proof
    pointer = None if zone is None else answer_reverse(zone, question)
    if pointer is not None:
        return pointer
    if not recursion:
        return Answer(REFUSED)
    if servers.of(question.lowered, question.type) is not None:
        return None
    return answer_special(question) or Answer(REFUSED)


def owner_of(query: Query, result: Answer) -> Owner | None:
    """Return the owner whose change makes the decision obsolete; None if the reply must not be kept at all."""
    if result.rcode not in (NOERROR, NXDOMAIN) or not in_zone(query.question):
        return None
    if result.rcode == NXDOMAIN:
        return ABSENT
    name = query.question.lowered
    return name[-3:-1] if result.answers and name not in _OWN_NAMES else THE_ZONE
