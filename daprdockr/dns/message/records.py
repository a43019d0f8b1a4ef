# -*- test-case-name: tests.unit.dns.zone.test_zone -*-
"""
The records of the zone, as values.

A set has no owner: one set answers to several names, each in its client's case. This module does not know the wire form
of a record; ``reply`` does.
"""

from __future__ import annotations

from collections.abc import Mapping

from attrs import frozen

A = 1
NS = 2
SOA = 6
PTR = 12
TXT = 16
AAAA = 28
SRV = 33
OPT = 41
IXFR = 251
AXFR = 252
ANY = 255

IN = 1

NOERROR = 0
FORMERR = 1
SERVFAIL = 2
NXDOMAIN = 3
NOTIMP = 4
REFUSED = 5
BADVERS = 16


@frozen(cache_hash=True)
class Srv:
    """RFC 2782: where a port is published. ``target`` is a name without its last dot."""

    port: int
    target: str
    priority: int = 0
    weight: int = 1


@frozen(cache_hash=True)
class Soa:
    """RFC 1035 section 3.3.13; ``minimum`` is the TTL of negative answers (RFC 2308). Times in seconds."""

    mname: str
    rname: str
    serial: int
    minimum: int
    refresh: int = 3600
    retry: int = 600
    expire: int = 86400


Data = str | Srv | Soa
"""``str`` is the address of A and AAAA, the name of NS and PTR, and the text of TXT, in ASCII."""


@frozen
class RRset:
    """All records of one type at one name, under one TTL in seconds (RFC 2181 section 5)."""

    type: int
    ttl: int
    data: tuple[Data, ...]


RRsets = Mapping[int, RRset]
"""The records at a name, by type; empty when the name only has names below it (RFC 8020)."""
