"""The outcome of a reply, read from its octets: the type that was asked for, and the code of the answer."""

from __future__ import annotations

from mmap import mmap

from daprdockr.dns.message import records
from daprdockr.dns.message.wire import HEADER_SIZE

ReplyOutcome = tuple[int, int]
"""The type of the question, 0 without one, and the RCODE without its extension by EDNS."""

_LONGEST_LABEL = 63
_TYPES = {0: "none", records.A: "A", records.NS: "NS", records.SOA: "SOA", records.PTR: "PTR", 15: "MX", 16: "TXT"}
_TYPES |= {records.AAAA: "AAAA", records.SRV: "SRV", 64: "SVCB", 65: "HTTPS", records.ANY: "ANY"}
_OTHER_TYPE = 65535
"""In place of all types that are not listed: it is reserved (RFC 6895 section 3.1), so nobody asks for it."""


def outcome_of(octets: bytes | mmap, start: int = 0) -> ReplyOutcome:
    """Return the outcome of the reply that begins at ``start``; there are few, whatever clients ask for."""
    rcode = octets[start + 3] & 0x0F
    if octets[start + 5] == 0:
        return 0, rcode
    at = start + HEADER_SIZE
    while 0 < (length := octets[at]) <= _LONGEST_LABEL:
        at += length + 1
    kind = octets[at + 1] << 8 | octets[at + 2]
    return kind if kind in _TYPES else _OTHER_TYPE, rcode


_RESULTS = {
    records.NOERROR: "noerror",
    records.FORMERR: "formerr",
    records.SERVFAIL: "servfail",
    records.NXDOMAIN: "nxdomain",
    records.NOTIMP: "notimp",
    records.REFUSED: "refused",
}
_OTHER = "other"


def spelled(outcome: ReplyOutcome) -> tuple[str, str]:
    """Return type and result as words, of which there are few, whatever clients ask for."""
    kind, rcode = outcome
    return _TYPES.get(kind, _OTHER), _RESULTS.get(rcode, _OTHER)
