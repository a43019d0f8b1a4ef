"""
Names that no upstream may be asked for, and what is answered instead.

RFC 6761 (localhost, test, invalid), RFC 6762 (local), RFC 7686 (onion), RFC 9476 (alt), RFC 6303 and 7793 (the
reverse zones of addresses that mean something else, or nothing, elsewhere). A host name of a single label is
not asked for either: it could only be a name of this site, and the search list has tried that already.
"""

from __future__ import annotations

from daprdockr.dns.answer import Answer, Owned
from daprdockr.dns.query import Question
from daprdockr.dns.records import AAAA, NOERROR, NXDOMAIN, SOA, A, RRset, Soa

_TTL = 10800
"""Seconds; RFC 6303 section 3."""


def _reverse_zones() -> list[str]:
    private = [f"{second}.172" for second in range(16, 32)]
    documentation = ["2.0.192", "100.51.198", "113.0.203"]
    shared = [f"{second}.100" for second in range(64, 128)]
    inet = ["0", "10", "127", "254.169", "168.192", "255.255.255.255", *private, *documentation, *shared]
    zeroes = "0." * 31
    inet6 = [f"{zeroes}0", f"1.{zeroes}"[:-1], "8.b.d.0.1.0.0.2", "d.f", "8.e.f", "9.e.f", "a.e.f", "b.e.f"]
    return [f"{zone}.in-addr.arpa" for zone in inet] + [f"{zone}.ip6.arpa" for zone in inet6]


_LOCALHOST = (b"localhost",)
_ZONES = frozenset(
    tuple(zone.encode().split(b"."))
    for zone in ["localhost", "test", "invalid", "local", "onion", "alt", *_reverse_zones()]
)
_LOOPBACK = {A: "127.0.0.1", AAAA: "::1"}


def answer_special(question: Question) -> Answer | None:
    """The answer to a name that must not be forwarded, or None when it may be."""
    labels = question.lower()
    zone = next((labels[i:] for i in range(len(labels)) if labels[i:] in _ZONES), None)
    if zone is None:
        single = len(labels) == 1 and question.type in _LOOPBACK
        return Answer(NXDOMAIN) if single else None
    if zone == _LOCALHOST and question.type in _LOOPBACK and not any(b"." in label for label in labels):
        rrset = RRset(question.type, _TTL, (_LOOPBACK[question.type],))
        return Answer(NOERROR, True, answers=(Owned(b".".join(question.labels), rrset),))
    name = b".".join(zone)
    soa = Soa(name.decode(), "nobody.invalid", serial=1, minimum=_TTL)
    exists = labels == zone or zone == _LOCALHOST
    return Answer(NOERROR if exists else NXDOMAIN, True, authority=(Owned(name, RRset(SOA, _TTL, (soa,))),))
