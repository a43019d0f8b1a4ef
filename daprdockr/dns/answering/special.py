"""
Names that must not be sent to a public upstream, and their answers where there is no other server to ask.

RFC 6761 (localhost, test, invalid), RFC 6762 (local), RFC 7686 (onion), RFC 9476 (alt), RFC 6303 and 7793 (the reverse
zones of addresses that mean something else, or nothing, elsewhere), RFC 8375 (home.arpa), and ``internal``, which is
reserved for private use. A host name of a single label is among them: it could only be a name of this site.

Some of them are names of the house: the name servers of a home or an office may have them, and
``name_servers`` knows such servers.

Note [Reverse zones have holes]
    Some names of these reverse zones exist: those that ``reverse`` answers, which come and go. So the denial of such an
    address must not be cached longer than any other statement about an instance, and a name that is not a whole address
    exists without records: denying it would deny all names below it (RFC 8020).
"""

from __future__ import annotations

from daprdockr.dns.answering.answer import Answer, Owned
from daprdockr.dns.message.query import Question
from daprdockr.dns.message.records import AAAA, NOERROR, NXDOMAIN, SOA, A, RRset, Soa
from daprdockr.dns.zone.zone import NEGATIVE_TTL, Labels

_TTL = 10800
"""Seconds; RFC 6303 section 3."""


def _zones_of_house() -> list[str]:
    private = ["10", *(f"{second}.172" for second in range(16, 32)), "168.192"]
    shared = [f"{second}.100" for second in range(64, 128)]
    reverse = [f"{zone}.in-addr.arpa" for zone in (*private, *shared)]
    return ["test", "local", "internal", "home.arpa", *reverse, "d.f.ip6.arpa"]


def _zones_of_nobody() -> list[str]:
    documentation = ["2.0.192", "100.51.198", "113.0.203"]
    inet = ["0", "127", "254.169", "255.255.255.255", *documentation]
    zeroes = "0." * 31
    inet6 = [f"{zeroes}0", f"1.{zeroes}"[:-1], "8.b.d.0.1.0.0.2", "8.e.f", "9.e.f", "a.e.f", "b.e.f"]
    reverse = [f"{zone}.in-addr.arpa" for zone in inet] + [f"{zone}.ip6.arpa" for zone in inet6]
    return ["localhost", "invalid", "onion", "alt", *reverse]


def _labels(zones: list[str]) -> frozenset[Labels]:
    return frozenset(tuple(zone.encode().split(b".")) for zone in zones)


_LOCALHOST = (b"localhost",)
_HOUSE = _labels(_zones_of_house())
_ZONES = _HOUSE | _labels(_zones_of_nobody())
_ENDS = frozenset(zone[-1] for zone in _ZONES)
_LOOPBACK = {A: "127.0.0.1", AAAA: "::1"}
_WHOLE = {b"in-addr": 6, b"ip6": 34}
"""Labels of a whole address's name."""


def is_special(labels: Labels, kind: int) -> bool:
    """Return whether a name (in lower case) and a type must not be sent to a public upstream."""
    return _is_single(labels, kind) or _zone(labels) is not None


def is_of_house(labels: Labels, kind: int) -> bool:
    """Return whether a special name may be known to a name server of this site."""
    return _is_single(labels, kind) or _zone(labels) in _HOUSE


def _is_single(labels: Labels, kind: int) -> bool:
    """Return whether it is a host's name of a single label; for other types a resolver asks for a top level."""
    return len(labels) == 1 and kind in _LOOPBACK and labels not in _ZONES


def answer_special(question: Question) -> Answer | None:
    """Return the answer to a special name for which there is no server to ask; None for other names."""
    labels = question.lowered
    zone = _zone(labels)
    if zone is None:
        return Answer(NXDOMAIN) if _is_single(labels, question.type) else None
    if zone == _LOCALHOST and question.type in _LOOPBACK and not any(b"." in label for label in labels):
        rrset = RRset(question.type, _TTL, (_LOOPBACK[question.type],))
        return Answer(NOERROR, True, answers=(Owned(question.labels, rrset),))
    # See Note [Reverse zones have holes]; and upstreams that come later may know a name of the house.
    ttl = NEGATIVE_TTL if zone in _HOUSE or _is_reverse(zone) else _TTL
    exists = labels == zone or zone == _LOCALHOST or (_is_reverse(zone) and len(labels) < _WHOLE[zone[-2]])
    soa = RRset(SOA, ttl, (Soa(b".".join(zone).decode(), "nobody.invalid", serial=1, minimum=ttl),))
    return Answer(NOERROR if exists else NXDOMAIN, True, authority=(Owned(zone, soa),))


def _zone(labels: Labels) -> Labels | None:
    """Return the special zone that a name lies in."""
    # First, because hardly any forwarded name ends like one of these.
    if not labels or labels[-1] not in _ENDS:
        return None
    return next((labels[i:] for i in range(len(labels)) if labels[i:] in _ZONES), None)


def _is_reverse(zone: Labels) -> bool:
    return zone[-1] == b"arpa" and zone[-2] in _WHOLE
