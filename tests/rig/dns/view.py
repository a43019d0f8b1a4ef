"""A reply as something that can be compared with another server's."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
from attrs import frozen

from tests.build.dns_octets import question_of

Records = frozenset[str]


@frozen
class View:
    """
    The content of a reply, without its id, without the order of its records, and with owners in lower case.

    ``question`` is as it came, in octets; ``opt`` is the version of EDNS, its flags and the size, None without.
    """

    rcode: str
    flags: str
    question: bytes
    answer: Records = frozenset()
    authority: Records = frozenset()
    additional: Records = frozenset()
    opt: tuple[int, int, int] | None = None

    @classmethod
    def of(cls, reply: bytes) -> View:
        message = dns.message.from_wire(reply)
        return cls(
            dns.rcode.to_text(message.rcode()),
            dns.flags.to_text(message.flags),
            question_of(reply) if message.question else b"",
            _records(message.answer),
            _records(message.authority),
            _records(message.additional),
            None if message.edns < 0 else (message.edns, message.ednsflags, message.payload),
        )

    def has(self, flag: str) -> bool:
        return flag in self.flags.split()


def _records(section: list[dns.rrset.RRset]) -> Records:
    return frozenset(
        " ".join(
            [
                str(rrset.name.canonicalize()),
                str(rrset.ttl),
                data.rdclass.name,
                data.rdtype.name,
                data.to_text().lower(),
            ]
        )
        for rrset in section
        for data in rrset
    )
