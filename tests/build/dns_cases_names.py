"""The answers of the zone of ``dns_samples``, by question: names, types, negative answers, additional records."""

from __future__ import annotations

from tests.build.dns_octets import (
    AAAA,
    ANY,
    CAA,
    DNSKEY,
    DS,
    HTTPS,
    MAILA,
    MAILB,
    NS,
    PRIVATE,
    SOA,
    SRV,
    TKEY,
    TSIG,
    TXT,
    A,
    Case,
    query,
)

FOUND, TWO_FOUND, NOTHING, ABSENT = "1234 8580 1 1 0 0", "1234 8580 1 2 0 0", "1234 8580 1 0 1 0", "1234 8583 1 0 1 0"
SOA_DATA = "a.ns.dns.container. hostmaster.container. 7 3600 600 86400 1"
WORD = (f"N container. 1 SOA {SOA_DATA}",)
LONGEST = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 51, "container"])


def addresses(owner: str, *texts: str, ttl: int = 0, section: str = "A") -> tuple[str, ...]:
    """Address records as ``said`` writes them."""
    return tuple(f"{section} {owner}. {ttl} {'AAAA' if ':' in text else 'A'} {text}" for text in texts)


def port(owner: str, number: int, target: str) -> str:
    return f"A {owner}. 0 SRV 0 1 {number} {target}."


def two_ports(owner: str) -> tuple[str, ...]:
    """The answer for a port that both healthy instances of ``web`` publish."""
    targets = ("1.web.myapp.container", "2.web.myapp.container")
    return (
        port(owner, 32001, targets[0]),
        port(owner, 32003, targets[1]),
        *addresses(targets[0], "10.0.0.1", "fd00::1", section="X"),
        *addresses(targets[1], "10.0.0.2", section="X"),
    )


def one_port(owner: str, number: int) -> tuple[str, ...]:
    """The answer for a port that instance 1 publishes."""
    target = "1.web.myapp.container"
    return port(owner, number, target), *addresses(target, "10.0.0.1", "fd00::1", section="X")


def found(rule: str, owner: str, *texts: str, kind: int = A, ttl: int = 0) -> Case:
    """A question for addresses that has these for an answer."""
    return Case(rule, query(owner, kind), f"1234 8580 1 {len(texts):x} 0 0", addresses(owner, *texts, ttl=ttl))


def nothing(rule: str, owner: str, kind: int = A) -> Case:
    return Case(rule, query(owner, kind), NOTHING, WORD)


def absent(rule: str, owner: str, kind: int = A) -> Case:
    return Case(rule, query(owner, kind), ABSENT, WORD)


ADDRESSES = (
    found("RFC 1034 4.3.2: an instance, with AA", "1.web.myapp.container", "10.0.0.1"),
    found("RFC 3596 2.1: its IPv6 address", "1.web.myapp.container", "fd00::1", kind=AAAA),
    found("contract: a service, all healthy instances", "web.myapp.container", "10.0.0.1", "10.0.0.2"),
    found("contract: a service's IPv6 addresses", "web.myapp.container", "fd00::1", kind=AAAA),
    found("RFC 2181 5: a group, each address once", "myapp.container", "10.0.0.1", "10.0.0.2"),
    found("contract: the name server, for longer", "a.ns.dns.container", "10.0.0.9", ttl=60),
    found("contract: the name server over IPv6", "a.ns.dns.container", "fd00::9", kind=AAAA, ttl=60),
    found("RFC 4343: case, kept as asked", "1.WeB.mYaPp.CONTAINER", "10.0.0.1"),
    found("0x20: each letter as asked", "WEB.MYAPP.cOnTaInEr", "10.0.0.1", "10.0.0.2"),
)

PORTS = (
    Case(
        "RFC 2782: a port of a service, with the targets' addresses",
        query("8080.tcp.web.myapp.container", SRV),
        "1234 8580 1 2 0 3",
        two_ports("8080.tcp.web.myapp.container"),
    ),
    Case(
        "RFC 2782: the same with underscores",
        query("_8080._tcp.web.myapp.container", SRV),
        "1234 8580 1 2 0 3",
        two_ports("_8080._tcp.web.myapp.container"),
    ),
    Case(
        "RFC 4343: the same in any case",
        query("8080.TCP.Web.MyApp.Container", SRV),
        "1234 8580 1 2 0 3",
        two_ports("8080.TCP.Web.MyApp.Container"),
    ),
    Case(
        "RFC 2782: a port of an instance",
        query("8080.tcp.1.web.myapp.container", SRV),
        "1234 8580 1 1 0 2",
        one_port("8080.tcp.1.web.myapp.container", 32001),
    ),
    Case(
        "RFC 2782: UDP is another protocol",
        query("_53._udp.1.web.myapp.container", SRV),
        "1234 8580 1 1 0 2",
        one_port("_53._udp.1.web.myapp.container", 32002),
    ),
    absent("contract: a port under the other protocol", "8080.udp.web.myapp.container", SRV),
    absent("contract: the spellings are not mixed", "_8080.tcp.web.myapp.container", SRV),
    absent("contract: the spellings are not mixed", "8080._tcp.web.myapp.container", SRV),
    absent("contract: the host's port is no name", "32001.tcp.web.myapp.container", SRV),
    absent("contract: a port that is not published", "9000.tcp.web.myapp.container", SRV),
    absent("contract: a group has no ports", "8080.tcp.myapp.container", SRV),
    nothing("RFC 2308 2.2: a port has no address", "8080.tcp.web.myapp.container"),
    nothing("RFC 2308 2.2: an instance has no SRV", "1.web.myapp.container", SRV),
)

APEX = (
    Case("RFC 1035: the zone's SOA", query("container", SOA), FOUND, (f"A container. 1 SOA {SOA_DATA}",)),
    Case(
        "RFC 1034 4.3.2: the zone's NS, with the addresses of their target",
        query("container", NS),
        "1234 8580 1 1 0 2",
        (
            "A container. 60 NS a.ns.dns.container.",
            *addresses("a.ns.dns.container", "10.0.0.9", "fd00::9", ttl=60, section="X"),
        ),
    ),
    nothing("RFC 2308 2.2: the apex has no address", "container"),
    nothing("RFC 4035 3.1.4.1: no DS at our own apex", "container", DS),
    nothing("RFC 4035 3: an unsigned zone has no key", "container", DNSKEY),
)

ABOVE = (
    nothing("RFC 8020: above a port", "tcp.web.myapp.container"),
    nothing("RFC 8020: above a port", "_tcp.web.myapp.container", SRV),
    nothing("RFC 8020: above a port of an instance", "udp.1.web.myapp.container", ANY),
    nothing("RFC 8020: above the name server", "ns.dns.container"),
    nothing("RFC 8020: above the name server", "dns.container", AAAA),
    nothing("contract: a declared service without an instance", "idle.quiet.container"),
    nothing("contract: its group", "quiet.container"),
    absent("RFC 2308 2.1: an instance it does not have", "1.idle.quiet.container"),
)

HEALTH = (
    absent("contract: an ill instance", "3.web.myapp.container"),
    absent("contract: a port of an ill instance", "8080.tcp.3.web.myapp.container", SRV),
    absent("contract: above a port of an ill instance", "tcp.3.web.myapp.container"),
)

ABSENT_NAMES = (
    absent("RFC 2308 2.1: no such instance", "4.web.myapp.container"),
    absent("RFC 2308 2.1: no such service", "nope.myapp.container", AAAA),
    absent("RFC 2308 2.1: no such group", "nope.container", TXT),
    absent("RFC 8020: nothing is below an absent name", "1.web.nope.container"),
    absent("RFC 1034 4.3.3: no wildcard below an instance", "x.1.web.myapp.container"),
    absent("RFC 1034 4.3.3: no wildcard below a port", "x.8080.tcp.web.myapp.container", SRV),
    absent("contract: a number has one spelling", "01.web.myapp.container"),
    absent("contract: instances are counted from one", "0.web.myapp.container"),
    absent("RFC 1035 2.3.4: a name of 255 octets", LONGEST),
    absent("RFC 2181 11: a label of octets that no host name has", "\x00 \xff.web.myapp.container"),
    Case(
        "RFC 1035 3.1: a dot inside of a label does not divide it",
        query(b"\x051.web\x05myapp\x09container\0"),
        ABSENT,
        WORD,
    ),
    Case(
        "RFC 4343: the zone's name comes back as it was asked",
        query("nope.CONtainer"),
        ABSENT,
        (f"N CONtainer. 1 SOA {SOA_DATA}",),
    ),
)

TYPES = tuple(
    nothing(f"RFC 3597 5: type {kind} at a name that exists", "1.web.myapp.container", kind)
    for kind in (TXT, DS, HTTPS, TKEY, TSIG, MAILB, MAILA, CAA, PRIVATE, 0, 65535)
) + tuple(
    absent(f"RFC 3597 5: type {kind} at a name that does not", "nope.myapp.container", kind)
    for kind in (TXT, DS, HTTPS, TKEY, CAA, PRIVATE, ANY)
)

ANY_TYPE = (
    found("RFC 8482 4.1: ANY gets one set", "1.web.myapp.container", "10.0.0.1", kind=ANY),
    Case("RFC 8482 4.1: at the apex the SOA", query("container", ANY), FOUND, (f"A container. 1 SOA {SOA_DATA}",)),
    Case(
        "RFC 8482 4.1: at a port the SRV records",
        query("8080.tcp.1.web.myapp.container", ANY),
        "1234 8580 1 1 0 2",
        one_port("8080.tcp.1.web.myapp.container", 32001),
    ),
)

CASES = (*ADDRESSES, *PORTS, *APEX, *ABOVE, *HEALTH, *ABSENT_NAMES, *TYPES, *ANY_TYPE)
