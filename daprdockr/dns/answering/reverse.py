"""
From an address back to a name: the answer to a question below ``in-addr.arpa`` or ``ip6.arpa`` (RFC 1035 section 3.5,
RFC 3596 section 2.5) whose address exactly one healthy instance publishes. Pure.

Each such name is a zone of its own, with the SOA and NS of ``container.``: we are authoritative for that address and
for nothing above, beside or below it. For all other addresses the result is None, and ``special`` or an upstream
answers.
"""

from __future__ import annotations

import ipaddress

from daprdockr.dns.answering.answer import Answer, answer_node
from daprdockr.dns.message.query import Question
from daprdockr.dns.message.records import NS, PTR, SOA, RRset, RRsets
from daprdockr.dns.zone.zone import APEX_TTL, INSTANCE_TTL, NAMESERVER, Labels, Zone

_ARPA = b"arpa"
_INET = (b"in-addr", _ARPA)
_INET6 = (b"ip6", _ARPA)


def answer_reverse(zone: Zone, question: Question) -> Answer | None:
    """Return the answer for an address of one instance, or None; the question is not ``refused``."""
    # First, because this is called for every name outside the zone, and hardly any is one of these.
    if question.lowered[-1:] != _INET[-1:]:
        return None
    address = address_of(question.lowered)
    instance = None if address is None else zone.hosts.only(address)
    if instance is None:
        return None
    node: RRsets = {
        PTR: RRset(PTR, INSTANCE_TTL, (instance,)),
        SOA: zone.soa,
        NS: RRset(NS, APEX_TTL, (NAMESERVER,)),
    }
    return answer_node(zone, question, node, question.labels)


def address_of(labels: Labels) -> str | None:
    """
    Return the address that a name stands for, in its canonical spelling; None for all other names.

    Loopback addresses are left out: they mean another host for each client.
    """
    try:
        address = _read(labels)
    except ValueError:
        return None
    return None if address is None or address.is_loopback else str(address)


def _read(labels: Labels) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """:raises ValueError: the labels are not octets or nibbles."""
    digits = labels[-3::-1]
    if labels[-2:] == _INET and len(digits) == 4:
        return ipaddress.IPv4Address(b".".join(digits).decode("ascii"))
    if labels[-2:] == _INET6 and [len(digit) for digit in digits] == [1] * 32:
        return ipaddress.IPv6Address(bytes.fromhex(b"".join(digits).decode("ascii")))
    return None
