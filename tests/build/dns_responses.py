"""Questions that go on to an upstream, and what it responds."""

from __future__ import annotations

import dns.flags
import dns.message
import dns.rcode
import dns.rrset

from daprdockr.dns.forwarding.forwarded import Asked
from tests.build.dns_samples import question, read

SOA = "example.com. 900 IN SOA ns.example.com. root.example.com. 1 2 3 4 60"

ADDRESS = "www.example.com. 300 IN A 192.0.2.1"


def asked(name: str = "www.example.com", kind: str = "A", **how: object) -> Asked:
    return Asked.of(read(question(name, kind, **how).to_wire()))  # type: ignore[arg-type]  # question() checks them


def response(
    *answer: str,
    authority: tuple[str, ...] = (),
    additional: tuple[str, ...] = (),
    rcode: int = 0,
    edns: bool = True,
    flags: int = 0,
) -> bytes:
    """A reply to ``asked()`` with records in the text form of zone files."""
    query = dns.message.from_wire(asked().message(0x4321, edns=False))
    message = dns.message.make_response(query, recursion_available=True)
    message.flags |= flags
    for section, lines in ((message.answer, answer), (message.authority, authority), (message.additional, additional)):
        for line in lines:
            name, ttl, klass, kind, data = line.split(" ", 4)
            section.append(dns.rrset.from_text(name, int(ttl), klass, kind, data))
    message.use_edns(0 if edns else False)
    message.set_rcode(dns.rcode.Rcode(rcode))
    return message.to_wire()
