"""
Names that no upstream may be asked for, and what is answered instead.

RFC 6761 (localhost, test, invalid), RFC 6762 (local), RFC 7686 (onion), RFC 9476 (alt), RFC 6303 and 7793 (the
reverse zones of addresses that mean something else, or nothing, elsewhere). A host name of a single label is
not asked for either: it could only be a name of this site, and the search list has tried that already.

Note [Reverse zones have holes]
    Some names of these reverse zones exist: those that ``reverse`` answers, which come and go. So that such an
    address is absent is not to be kept longer than any other word on an instance, and a name that is no whole address
    exists without records: that it does not would be the word on all names below it (RFC 8020).
"""

from __future__ import annotations

from daprdockr.dns.answer import Answer, Owned
from daprdockr.dns.query import Question
from daprdockr.dns.records import AAAA, NOERROR, NXDOMAIN, SOA, A, RRset, Soa
from daprdockr.dns.zone import NEGATIVE_TTL, Labels

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
_ENDS = frozenset(zone[-1] for zone in _ZONES)
_LOOPBACK = {A: "127.0.0.1", AAAA: "::1"}
_WHOLE = {b"in-addr": 6, b"ip6": 34}
"""Labels of a whole address's name."""


def answer_special(question: Question) -> Answer | None:
    """The answer to a name that must not be forwarded, or None when it may be."""
    labels = question.lowered
    zone = _zone(labels)
    if zone is None:
        single = len(labels) == 1 and question.type in _LOOPBACK
        return Answer(NXDOMAIN) if single else None
    if zone == _LOCALHOST and question.type in _LOOPBACK and not any(b"." in label for label in labels):
        rrset = RRset(question.type, _TTL, (_LOOPBACK[question.type],))
        return Answer(NOERROR, True, answers=(Owned(question.labels, rrset),))
    # See Note [Reverse zones have holes].
    ttl = NEGATIVE_TTL if _is_reverse(zone) else _TTL
    exists = labels == zone or zone == _LOCALHOST or (_is_reverse(zone) and len(labels) < _WHOLE[zone[-2]])
    soa = RRset(SOA, ttl, (Soa(b".".join(zone).decode(), "nobody.invalid", serial=1, minimum=ttl),))
    return Answer(NOERROR if exists else NXDOMAIN, True, authority=(Owned(zone, soa),))


def _zone(labels: Labels) -> Labels | None:
    """The special zone that a name lies in."""
    # Why first: hardly any name that is forwarded ends like one of these.
    if not labels or labels[-1] not in _ENDS:
        return None
    return next((labels[i:] for i in range(len(labels)) if labels[i:] in _ZONES), None)


def _is_reverse(zone: Labels) -> bool:
    return zone[-1] == b"arpa"
