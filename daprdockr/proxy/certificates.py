"""
The certificates in nginx as a value: which host name gets which pair, and the messages that say so.

Pure, as ``message`` is for routes; the other end is ``lua/door/tls.lua``. See Note [Versions] in ``message``.

Note [Which of several]
    If several certificates are for a host name, one that is valid now goes before one that is not, one of the
    operator's files before one that was stored, that before one from a CA by ACME, and then the one that is valid for
    longest. An expired certificate is better than none: clients say what is wrong with it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping

from attrs import field, frozen

from daprdockr.model.stored.certificate import SOURCES, CertificateFacts, CertificatePair

MOST_BYTES = 20 * 1024 * 1024
"""The room for names and pairs in nginx's memory for certificates, in bytes."""

NAME_BYTES, PAGE_BYTES = 256, 4096
"""The bytes of that room that a host name takes, and the steps in which pairs take theirs: nginx gives pages."""

_HEAD_BYTES = 128

UNKNOWN = ""
"""The name of the pair for host names that have none."""


@frozen
class Certificate:
    """
    A pair that can be served.

    :ivar name: the host name that it is stored under, or the name of its files.
    :ivar source: one of ``SOURCES``.
    """

    name: str
    source: str
    pair: CertificatePair
    facts: CertificateFacts


@frozen
class CertificateState:
    """
    By host name the digest of its pair, by digest the pair as JSON, and the key of session tickets in hexadecimal
    digits; nothing prints the last two.

    :ivar left_out: the certificates for which there was no room, by name.
    """

    names: Mapping[str, str] = field(factory=dict)
    pairs: Mapping[str, str] = field(factory=dict, repr=False)
    ticket: str = field(default="", repr=False)
    left_out: tuple[str, ...] = ()


def chosen(certificates: Iterable[Certificate], now: float) -> dict[str, Certificate]:
    """Return the certificate of each host name: see Note [Which of several]."""
    found: dict[str, Certificate] = {}
    for certificate in sorted(certificates, key=lambda one: _rank(one, now)):
        for name in certificate.facts.names:
            found.setdefault(name, certificate)
    return found


def _rank(certificate: Certificate, now: float) -> tuple[bool, int, float, str]:
    facts = certificate.facts
    return not facts.is_valid(now), SOURCES.index(certificate.source), -facts.not_after, certificate.name


def certificate_state(
    certificates: Mapping[str, Certificate], unknown: CertificatePair | None, ticket: bytes
) -> CertificateState:
    """
    Return what nginx should hold, as far as there is room: what does not fit leaves its room to others.

    :param unknown: the pair for other names; None: their handshakes are refused.
    """
    room, names, pairs, left_out = MOST_BYTES, dict[str, str](), dict[str, str](), dict[str, None]()
    served = [(UNKNOWN, UNKNOWN, unknown)] if unknown is not None else []
    served += [(host, one.name, one.pair) for host, one in sorted(certificates.items())]
    for host, name, pair in served:
        text = json.dumps({"chain": pair.chain, "key": pair.key}, separators=(",", ":"))
        digest = hashlib.sha256(text.encode()).hexdigest()[:32]
        needed = NAME_BYTES + (0 if digest in pairs else _pages(len(text)))
        if needed > room:
            left_out[name] = None
            continue
        room -= needed
        pairs[digest], names[host] = text, digest
    return CertificateState(names, pairs, ticket.hex(), tuple(left_out))


def _pages(length: int) -> int:
    return -(-(length + _HEAD_BYTES) // PAGE_BYTES) * PAGE_BYTES


def whole(state: CertificateState, version: int) -> bytes:
    """Return the message that replaces what nginx holds, whatever that is."""
    return _message(f'"version":{version},"whole":true', state.names, state.pairs, state.ticket)


def difference(before: CertificateState, after: CertificateState, version: int) -> bytes:
    """Return the message that turns ``before``, which nginx holds as the version before ``version``, into ``after``."""
    names, pairs = _changes(before.names, after.names), _changes(before.pairs, after.pairs)
    return _message(f'"version":{version},"from":{version - 1}', names, pairs, after.ticket)


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str | None]:
    gone: dict[str, str | None] = dict.fromkeys(before.keys() - after.keys())
    return gone | {name: value for name, value in after.items() if before.get(name) != value}


def _message(beginning: str, names: Mapping[str, str | None], pairs: Mapping[str, str | None], ticket: str) -> bytes:
    texts = ",".join(f'"{digest}":{text or "null"}' for digest, text in pairs.items())
    return f'{{{beginning},"names":{json.dumps(names)},"pairs":{{{texts}}},"ticket":"{ticket}"}}'.encode()
