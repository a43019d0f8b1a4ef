"""The answers to messages by their form: flags, EDNS, classes, opcodes, and messages that cannot be read at all."""

from __future__ import annotations

from itertools import product

from tests.build.dns_cases_names import ABSENT, FOUND, NOTHING, WORD, addresses
from tests.build.dns_octets import (
    AAAA,
    AXFR,
    CHAOS,
    HESIOD,
    IXFR,
    NONE,
    NS,
    OPT,
    SOA,
    TSIG,
    TXT,
    A,
    Case,
    asks,
    edns,
    message,
    name,
    option,
    query,
    record,
)

ONE = "1.web.myapp.container"
FOUND_ONE = addresses(ONE, "10.0.0.1")
FOUND_WITH_OPT = "1234 8580 1 1 0 1"
FORMERR, REFUSED, BADVERS = "1234 8181 0 0 0 0", "1234 8185 1 0 0 0", "1234 8180 1 0 0 1"
OURS, OURS_DO = edns(), edns(flags=0x8000)
DO = 0x8000

# The flags that may come in: RD (0100), AD (0020) and CD (0010) are a client's, Z (0040), AA, TC and RA are not. A
# reply with AA has RD of these alone; one without AA, as a forwarder sends it, has CD as well.
_HEADERS = {
    0x0000: "8480",
    0x0100: "8580",
    0x0020: "8480",
    0x0010: "8480",
    0x0130: "8580",
    0x0040: "8480",
    0x0400: "8480",
    0x0200: "8480",
    0x0080: "8480",
    0x000F: "8480",
    0x07FF: "8580",
}
FLAGS = (
    *(
        Case(
            f"RFC 1035 4.1.1, 4035 3.1.6: flags {flags:04x}", query(ONE, flags=flags), f"1234 {told} 1 1 0 0", FOUND_ONE
        )
        for flags, told in _HEADERS.items()
    ),
    Case("RFC 4035 3.2.2: CD comes back without AA", query(ONE, A, CHAOS, flags=0x0110), "1234 8195 1 0 0 0"),
    Case("RFC 4035 3.2.2: AD and Z do not", query(ONE, A, CHAOS, flags=0x0160), REFUSED),
)

EDNS = (
    Case("RFC 6891 6.1.1: OPT only when asked", query(ONE), FOUND, FOUND_ONE),
    Case("RFC 6891 6.1.1: OPT when asked", query(ONE, opt=edns()), FOUND_WITH_OPT, FOUND_ONE, OURS),
    Case(
        "RFC 6891 6.1.1: OPT in a negative answer",
        query("nope.container", opt=edns()),
        "1234 8583 1 0 1 1",
        WORD,
        OURS,
    ),
    Case("RFC 6891 6.1.1: OPT in NODATA", query("container", AAAA, opt=edns()), "1234 8580 1 0 1 1", WORD, OURS),
    Case("RFC 3225 3: DO comes back", query(ONE, opt=edns(flags=DO)), FOUND_WITH_OPT, FOUND_ONE, OURS_DO),
    Case(
        "RFC 6891 6.1.4: unknown flags do not",
        query(ONE, opt=edns(flags=0x7FFF)),
        FOUND_WITH_OPT,
        FOUND_ONE,
        OURS,
    ),
    Case(
        "RFC 6891 6.1.2: unknown options are ignored",
        query(ONE, opt=edns(options=option(65001, b"abc") + option(100, b""))),
        FOUND_WITH_OPT,
        FOUND_ONE,
        OURS,
    ),
    Case(
        "RFC 7871 7.2.1: so are a cookie, a network, padding and NSID",
        query(ONE, opt=edns(options=option(10, bytes(8)) + option(8, b"\0\1\x18\0\x0a\0\0") + option(3, b""))),
        FOUND_WITH_OPT,
        FOUND_ONE,
        OURS,
    ),
    Case("RFC 6891 6.2.5: a size below 512", query(ONE, opt=edns(size=0)), FOUND_WITH_OPT, FOUND_ONE, OURS),
    Case("RFC 6891 6.2.5: the greatest size", query(ONE, opt=edns(size=65535)), FOUND_WITH_OPT, FOUND_ONE, OURS),
    Case(
        "RFC 6891 6.1.3: a response code in a query means nothing",
        query(ONE, opt=edns(rcode=255)),
        FOUND_WITH_OPT,
        FOUND_ONE,
        OURS,
    ),
    Case(
        "RFC 6891 6.1.1: OPT need not be the last record",
        message(asks(ONE), edns(), record(name("x"), TXT, 1, b"\1a"), counts="1 0 0 2"),
        FOUND_WITH_OPT,
        FOUND_ONE,
        OURS,
    ),
)

VERSIONS = tuple(
    Case(
        f"RFC 6891 6.1.3: BADVERS to version {version}, whatever is asked",
        query(owner, kind, klass, opt=edns(version, flags=flags, options=option(100, b"x"))),
        BADVERS,
        opt=edns(rcode=1, flags=flags),
    )
    for version, flags, (owner, kind, klass) in product(
        (1, 100, 255), (0, DO), ((ONE, A, 1), ("nope.container", SOA, 1), ("www.example.com", A, 1), ("", NS, CHAOS))
    )
)

CLASSES = (
    *(
        Case(f"RFC 1035 4.1.1: class {klass} is refused", query(owner, kind, klass), REFUSED)
        for klass, (owner, kind) in product((0, 2, CHAOS, HESIOD, NONE, 255), ((ONE, A), ("container", SOA)))
    ),
    Case("RFC 4892: no word about ourselves", query("version.bind", TXT, CHAOS), REFUSED),
    Case("RFC 4892: no word about ourselves", query("id.server", TXT, CHAOS), REFUSED),
    Case(
        "RFC 6891 6.1.1: OPT in a refusal",
        query(ONE, A, CHAOS, opt=edns(flags=DO)),
        "1234 8185 1 0 0 1",
        opt=OURS_DO,
    ),
    Case("RFC 5936 2.2.1: no transfer", query("container", AXFR), REFUSED),
    Case("RFC 5936 2.2.1: nor of a name inside", query(ONE, AXFR), REFUSED),
    Case(
        "RFC 1995 2: no incremental transfer",
        message(asks("container", IXFR), record(b"\xc0\x0c", SOA, 1, bytes(22)), counts="1 0 1 0"),
        REFUSED,
    ),
)

OPCODES = (
    *(
        Case(
            f"RFC 1035 4.1.1: opcode {opcode} is not implemented",
            query("container", SOA, flags=opcode << 11),
            f"1234 {0x8084 | opcode << 11:x} 0 0 0 0",
        )
        for opcode in range(1, 16)
    ),
    Case(
        "RFC 2136: an update with its four sections",
        message(asks("container", SOA), record(name(ONE), A, 255, b""), flags=5 << 11, counts="1 0 1 0"),
        "1234 a884 0 0 0 0",
    ),
    Case(
        "RFC 8490 5.4: a stateful message has no question",
        message(flags=6 << 11, counts="0 0 0 0"),
        "1234 b084 0 0 0 0",
    ),
)

QUESTIONS = (
    Case("RFC 9619 4: no question", message(counts="0 0 0 0"), FORMERR),
    Case("RFC 7873 5.4: not even for a cookie", message(edns(), counts="0 0 0 1"), FORMERR),
    Case("RFC 9619 4: two questions", message(asks(ONE), asks(ONE), counts="2 0 0 0"), FORMERR),
    Case("RFC 9619 4: two questions are told, one is there", message(asks(ONE), counts="2 0 0 0"), FORMERR),
    Case("RFC 9619 4: 65,535 questions", message(asks(ONE), counts="ffff 0 0 0"), FORMERR),
)

NAMES = tuple(
    Case(f"RFC 1035 {rule}", message(asks(owner)), FORMERR)
    for rule, owner in {
        "4.1.4: a pointer to itself": b"\xc0\x0c",
        "4.1.4: a pointer to itself behind a label": b"\x01a\xc0\x0c",
        "4.1.4: two pointers in a circle": b"\xc0\x0e\xc0\x0c",
        "4.1.4: a pointer into the header": b"\x01a\xc0\x00",
        "4.1.4: a pointer ahead": b"\xc0\x10",
        "4.1.4: a pointer out of the message": b"\xff\xff",
        "4.1.4: half a pointer": b"\xc0",
        "2.3.4: a label of 64 octets": b"\x40" + 64 * b"a" + b"\0",
        "4.1.4: labels of type 10": b"\x80" + 64 * b"a" + b"\0",
        "2.3.4: a name of 256 octets": 3 * (b"\x3f" + 63 * b"a") + b"\x3e" + 62 * b"a" + b"\0",
        "2.3.4: a name of 257 octets": 128 * b"\x01a" + b"\0",
        "2.3.4: a name of 1,000 octets": 500 * b"\x01a" + b"\0",
    }.items()
)

_OPT_ASKED = query(ONE, opt=edns())
_RECORDS = record(b"\xc0\x0c", A, 1, bytes(4))
CUT = (
    *(Case(f"RFC 1035 4.1: cut after {end} octets", _OPT_ASKED[:end], FORMERR) for end in range(12, len(_OPT_ASKED))),
    Case("RFC 1035 4.1: an octet after the end", query(ONE) + b"\0", FORMERR),
    Case("RFC 1035 4.1: a second message after the end", 2 * query(ONE), FORMERR),
    Case("RFC 1035 4.1: a record that is not there", message(asks(ONE), counts="1 1 0 0"), FORMERR),
    Case("RFC 1035 4.1: 65,535 records that are not there", message(asks(ONE), counts="1 ffff ffff ffff"), FORMERR),
    Case("RFC 1035 4.1.3: data longer than the message", message(asks(ONE), _RECORDS[:-1], counts="1 0 0 1"), FORMERR),
    Case("RFC 6891 6.1.1: two OPT records", message(asks(ONE), edns(), edns(), counts="1 0 0 2"), FORMERR),
    Case("RFC 6891 6.1.1: OPT as an answer", message(asks(ONE), edns(), counts="1 1 0 0"), FORMERR),
    Case("RFC 6891 6.1.2: OPT with a name", message(asks(ONE), b"\1a" + edns(), counts="1 0 0 1"), FORMERR),
    Case("RFC 6891 6.1.1: a question for OPT", query(ONE, OPT), FORMERR),
)

SILENCE = (
    *(Case(f"RFC 1035 4.1.1: {end} octets are no message", query(ONE)[:end], "") for end in range(12)),
    *(
        Case(f"RFC 1035 7.3: an answer is not answered, flags {flags:04x}", query(ONE, flags=flags), "")
        for flags in (0x8000, 0x8100, 0x8583, 0xA800, 0xFFFF)
    ),
    Case("RFC 1035 7.3: an answer that cannot be read", message(flags=0x8000, counts="2 9 9 9"), ""),
)

TOLERATED = (
    Case(
        "RFC 1035 4.1: records of a query that are none of ours",
        message(asks(ONE), 3 * _RECORDS, counts="1 1 1 1"),
        FOUND,
        FOUND_ONE,
    ),
    Case(
        "RFC 8945 5.2: a signature nobody asked us to know",
        message(asks(ONE), record(name("key"), TSIG, 255, bytes(16)), counts="1 0 0 1"),
        FOUND,
        FOUND_ONE,
    ),
    Case("RFC 2308 2.2: NODATA without recursion", query("container", flags=0), NOTHING.replace("85", "84"), WORD),
    Case(
        "RFC 2308 2.1: NXDOMAIN without recursion", query("x.container", flags=0), ABSENT.replace("85", "84", 1), WORD
    ),
)

CASES = (*FLAGS, *EDNS, *VERSIONS, *CLASSES, *OPCODES, *QUESTIONS, *NAMES, *CUT, *SILENCE, *TOLERATED)
