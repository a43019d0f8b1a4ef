"""
Whether a name server answers right, asked and read by dnspython, which is nobody's own code here.

A contestant that answers something else is not timed: what it does fast is another thing.
"""

from __future__ import annotations

from collections.abc import Iterable

import dns.exception
import dns.flags
import dns.message
import dns.query
import dns.rcode
import dns.rdatatype

from benchmarks.dns_questions import Expected, Known, Question
from benchmarks.dns_zone import TYPES

ADDRESS = "127.0.0.1"
WAIT = 1.0
"""Seconds for an answer."""
TRIES = 3


def is_answering(port: int, question: Question) -> bool:
    """Whether there is an answer already, and no failure."""
    try:
        reply = dns.query.udp(_query(question), ADDRESS, WAIT, port)
    except (OSError, dns.exception.DNSException):
        return False
    return reply.rcode() in (dns.rcode.NOERROR, dns.rcode.NXDOMAIN)


def first_mistake(port: int, questions: Iterable[Question], known: Known) -> str | None:
    """The mistake in the first wrong answer; None when all are right."""
    for question in questions:
        wrong = mistake(_ask(port, question), question, known.expected(question))
        if wrong is not None:
            return f"{question.line.strip()}: {wrong}"
    return None


def mistake(reply: dns.message.Message | None, question: Question, expected: Expected) -> str | None:
    """The mistake in an answer, or None. Sections other than the answer, TTLs and the order do not count."""
    if reply is None:
        return "no answer"
    code = dns.rcode.NXDOMAIN if expected.absent else dns.rcode.NOERROR
    if reply.rcode() != code:
        return f"{dns.rcode.to_text(reply.rcode())} instead of {dns.rcode.to_text(code)}"
    if reply.flags & dns.flags.TC:
        return "truncated"
    kind = dns.rdatatype.from_text(TYPES[question.kind])
    found = {record.to_text() for rrset in reply.answer if rrset.rdtype == kind for record in rrset}
    if found != expected.texts:
        return f"{sorted(found)} instead of {sorted(expected.texts)}"
    return None


def _ask(port: int, question: Question) -> dns.message.Message | None:
    for _ in range(TRIES):
        try:
            return dns.query.udp(_query(question), ADDRESS, WAIT, port)
        except (OSError, dns.exception.DNSException):
            continue
    return None


def _query(question: Question) -> dns.message.QueryMessage:
    return dns.message.make_query(f"{question.name}.", TYPES[question.kind])
