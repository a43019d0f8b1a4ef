"""
Certificates: the pair of chain and private key, and the records by which etcd keeps it.

As with secrets (``sealed``) every agent mirrors the record below ``Keys.certificate``, which everybody may know, and so
learns that a pair was replaced; the pair itself is a sealed value, which an agent reads when its stamp is new. One
transaction writes both, and both have the same stamp.
"""

from __future__ import annotations

from attrs import field, frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.host_names import is_host_name
from daprdockr.model.members import Members, all_members, decode_members, encode_members
from daprdockr.model.names import shorten
from daprdockr.model.stored.entries import Operation, Put
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.sealed import SealedValue

MAX_PEM = 64 * 1024
"""The largest chain, and the largest key, in characters of PEM."""

MOST_NAMES = 100
"""The most names of one certificate that are read."""

FILE, STORED, ACME = SOURCES = ("file", "stored", "acme")
"""Where a certificate comes from: ``--certificates``, ``certificates add``, or a CA by ACME."""

BRIEF = 56 * 86400.0
"""Seconds: one that is valid for less ends soon when a part of its life is left, and not a number of days."""


@frozen
class CertificatePair:
    """
    A certificate with its private key, both as PEM; nothing prints the key.

    :ivar chain: the certificate of the server first, then those of its issuers.
    """

    chain: str
    key: str = field(repr=False)

    @classmethod
    def decode(cls, data: bytes) -> CertificatePair:
        """:raises BadInput: if ``data`` is not such a pair."""
        return cls(**decode_members(data, _PAIR, required=_PAIR))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _PAIR))


@frozen
class CertificateFacts:
    """
    The names and the days of validity that a certificate states.

    :ivar names: the host names that it is for, in the spelling of ``host_names``; ``*.`` stands for one label.
    :ivar not_before: wall-clock seconds, and ``not_after`` likewise.
    """

    names: tuple[str, ...]
    not_before: float
    not_after: float

    def is_valid(self, now: float) -> bool:
        return self.not_before <= now < self.not_after

    def is_for(self, name: str) -> bool:
        """Return whether clients accept it for a host name, or for ``*.`` names: a wildcard is one label."""
        return name in self.names or "*." + name.partition(".")[2] in self.names


@frozen
class CertificateRecord:
    """
    The part of a certificate in etcd that everybody may know.

    :ivar stamp: chosen anew each time that it is replaced.
    :ivar key: the ``key_id`` of the cluster key that the pair is sealed to.
    :ivar source: one of ``SOURCES``.
    :ivar time: when it was stored, in wall-clock seconds, and ``by`` whom, such as "anna@host".
    """

    stamp: str
    key: str
    facts: CertificateFacts
    source: str = STORED
    time: float = 0.0
    by: str = ""

    @classmethod
    def decode(cls, data: bytes) -> CertificateRecord:
        """:raises BadInput: if ``data`` is not such a record."""
        given = decode_members(data, _MEMBERS, ("Stamp", "Key", "Names", "NotBefore", "NotAfter"))
        facts = CertificateFacts(*(given.pop(name) for name in ("names", "not_before", "not_after")))
        return cls(facts=facts, **given)

    def encode(self) -> bytes:
        facts = {"Names": list(self.facts.names), "NotBefore": self.facts.not_before, "NotAfter": self.facts.not_after}
        own = {"Stamp": self.stamp, "Key": self.key, "Source": self.source, "Time": self.time, "By": self.by}
        return encode_members(own | facts)


def bound_to_certificate(name: str, stamp: str) -> bytes:
    """Return what a sealed pair is bound to: it cannot be opened as that of another name, nor as a later one."""
    return f"daprdockr certificate {name} {stamp}".encode()


def certificate_puts(keys: Keys, name: str, record: CertificateRecord, pair: SealedValue) -> tuple[Operation, ...]:
    """Return what stores a certificate under a host name: the record and the sealed pair, for one transaction."""
    return Put(keys.certificate(name), record.encode()), Put(keys.sealed_certificate(name), pair.encode())


def _pem(value: object, path: str) -> str:
    text = reading.free_text(value, path)
    if not text.isascii() or len(text) > MAX_PEM:
        raise BadInput(f"{path} is not usable, it is no PEM of at most {MAX_PEM // 1024} KiB")
    return text


def _host_name(value: object, path: str) -> str:
    if isinstance(value, str) and is_host_name(value):
        return value
    raise BadInput(f"{path}: {shorten(value)} is no host name in lower case")


_PAIR: Members = {"Chain": ("chain", _pem), "Key": ("key", _pem)}
_MEMBERS: Members = {
    "Stamp": ("stamp", reading.line(64)),
    "Key": ("key", reading.line(64)),
    "Names": ("names", reading.tuple_of(_host_name, MOST_NAMES)),
    "NotBefore": ("not_before", reading.moment),
    "NotAfter": ("not_after", reading.moment),
    "Source": ("source", reading.one_of(*SOURCES)),
    "Time": ("time", reading.moment),
    "By": ("by", reading.author),
}
