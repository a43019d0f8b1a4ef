"""
The records of the renewer: the outcome of the attempts to get the certificate of one host name, the order that is under
way for it, and the answer of every node to challenges.

All but the last lie where nobody mirrors them: the renewer alone reads and writes them, and people ask for the first.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from types import MappingProxyType

from attrs import field, frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.host_names import is_host_name
from daprdockr.model.members import Members, all_members, changed_members, decode_members, encode_members
from daprdockr.model.names import shorten
from daprdockr.model.stored.entries import Entry

LONGEST_REASON = 400
"""Characters of an error that are kept."""

LONGEST_ZONE = 128
"""Characters of the challenge zone: the names that are asked for lie below it."""

MOST_TEXTS = 100
"""The most text records of DNS-01 at one time."""


@frozen
class RenewalRecord:
    """
    The outcome of the attempts for one host name. All times are wall-clock seconds; 0.0: never, or not known.

    :ivar failures: in a row.
    :ivar error: why the last attempt failed; "" after one that did not.
    :ivar time: of the last attempt.
    :ivar next_attempt: not before this.
    :ivar rehearsed: whether the name once passed the checks of the staging directory.
    :ivar renewal_id: of the last certificate, by which its server knows it; "": it has none.
    :ivar renew: when the server wants it to be renewed.
    :ivar ask: when to ask the server again.
    """

    failures: int = 0
    error: str = ""
    time: float = 0.0
    next_attempt: float = 0.0
    rehearsed: bool = False
    renewal_id: str = ""
    renew: float = 0.0
    ask: float = 0.0

    @classmethod
    def decode(cls, data: bytes) -> RenewalRecord:
        """:raises BadInput: if ``data`` is not such a record."""
        return cls(**decode_members(data, _RENEWAL))

    def encode(self) -> bytes:
        return encode_members(changed_members(self, RenewalRecord(), _RENEWAL))


def read_renewals(entries: Iterable[Entry], place: str) -> dict[str, RenewalRecord]:
    """Return the outcomes below the key ``place``, by host name; one that cannot be read counts for none."""
    found = {}
    for entry in entries:
        if entry.key.startswith(place):
            with suppress(BadInput):
                found[entry.key.removeprefix(place)] = RenewalRecord.decode(entry.value)
    return found


@frozen
class OrderRecord:
    """
    An order that is under way; it is stored sealed, because of the key.

    :ivar url: where the ACME server has it.
    :ivar directory: of that server.
    :ivar key: of the certificate to be, as PEM.
    """

    url: str
    directory: str
    key: str = field(repr=False)

    @classmethod
    def decode(cls, data: bytes) -> OrderRecord:
        """:raises BadInput: if ``data`` is not such a record."""
        return cls(**decode_members(data, _ORDER, required=_ORDER))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _ORDER))


@frozen
class ChallengeRecord:
    """
    The answers of every node to challenges. None of them is a secret.

    :ivar thumbprint: of the key of the account: each answer of HTTP-01 is a token and this.
    :ivar zone: the challenge zone, which every node answers for; "": there is none.
    :ivar texts: the text records of DNS-01 that a server is going to look for now, by host name.
    """

    thumbprint: str
    zone: str = ""
    texts: Mapping[str, str] = MappingProxyType({})

    @classmethod
    def decode(cls, data: bytes) -> ChallengeRecord:
        """:raises BadInput: if ``data`` is not such a record."""
        return cls(**decode_members(data, _CHALLENGE, required=("Thumbprint",)))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _CHALLENGE) | {"Texts": dict(self.texts)})


def bound_to_renewer(what: str) -> bytes:
    """Return what a sealed value of the renewer is bound to, by its place below ``Keys.renewing``."""
    return f"daprdockr acme {what}".encode()


def _thumbprint(value: object, path: str) -> str:
    text = reading.text(value, path)
    if len(text) == 43 and text.isascii() and text.replace("-", "").replace("_", "").isalnum():
        return text
    raise BadInput(f"{path} is no digest in base64url: 43 letters, digits, - and _")


def _pem(value: object, path: str) -> str:
    text = reading.free_text(value, path)
    if text.isascii() and len(text) <= 4096:
        return text
    raise BadInput(f"{path} is no key as PEM")


def _texts(value: object, path: str) -> Mapping[str, str]:
    found = reading.map_of(_thumbprint)(value, path)
    if len(found) > MOST_TEXTS:
        raise BadInput(f"{path} has more than {MOST_TEXTS} text records")
    for name in found:
        _name(name, path)
    return found


def _zone(value: object, path: str) -> str:
    name = reading.text(value, path)
    if len(name) > LONGEST_ZONE:
        raise BadInput(f"{path} is not usable, it has more than {LONGEST_ZONE} characters")
    return name and _name(name, path)


def _name(name: str, path: str) -> str:
    if is_host_name(name) and not name.startswith("*."):
        return name
    raise BadInput(f"{path}: {shorten(name)} is no host name in lower case")


_RENEWAL: Members = {
    "Failures": ("failures", reading.integer(0, 2**31)),
    "Error": ("error", reading.free_text),
    "Time": ("time", reading.moment),
    "NextAttempt": ("next_attempt", reading.moment),
    "Rehearsed": ("rehearsed", reading.boolean),
    "RenewalId": ("renewal_id", reading.free_text),
    "Renew": ("renew", reading.moment),
    "Ask": ("ask", reading.moment),
}
_ORDER: Members = {
    "Url": ("url", reading.line(2048)),
    "Directory": ("directory", reading.line(2048)),
    "Key": ("key", _pem),
}
_CHALLENGE: Members = {
    "Thumbprint": ("thumbprint", _thumbprint),
    "Zone": ("zone", _zone),
    "Texts": ("texts", _texts),
}
