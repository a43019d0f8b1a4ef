"""The requests of a command line to the agent of a node, as the first frame of a session has them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from attrs import field, frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import check_address
from daprdockr.model.images import MOST_LAYERS, OCTETS, image_id, image_reference, is_image_id, layers
from daprdockr.model.members import Members, all_members, decode_members, encode_members, known_members
from daprdockr.model.names import MOST_TAIL, InstanceName

LIFE = 30
"""Seconds of the lease under which a command line writes a token; one that was used is gone at once."""

_TOKEN = re.compile("[0-9a-f]{64}", re.ASCII)


@frozen
class LogsAsked:
    """
    The log of an instance: the last ``tail`` lines of each of its containers (None: all), none from before ``since``
    (seconds since the epoch), those with ``grep`` in them ("": all), and with ``follow`` the coming ones too.
    """

    instance: InstanceName
    follow: bool = False
    tail: int | None = None
    since: float = 0.0
    grep: str = ""


@frozen
class ExecAsked:
    """A command in an instance: with a ``terminal`` of this size, or without; ``input`` says that some will come."""

    instance: InstanceName
    command: tuple[str, ...]
    terminal: bool = False
    input: bool = False
    rows: int = 0
    columns: int = 0


@frozen
class ForwardAsked:
    """A connection to a port of an instance's container."""

    instance: InstanceName
    port: int


@frozen
class BackupAsked:
    """The content of a named volume of an instance, as a tar archive."""

    instance: InstanceName
    volume: str


@frozen
class RestoreAsked:
    """A tar archive that will come is to be put into a named volume of an instance."""

    instance: InstanceName
    volume: str


@frozen
class VolumesAsked:
    """The named volumes of the node."""


@frozen
class JoinAsked:
    """A host would join the cluster: the name and address of its node, and its request for a certificate, as PEM."""

    node: str
    address: str
    request: str


@frozen
class ClientJoinAsked(JoinAsked):
    """
    The same, without a member of etcd. A kind of its own, so that an older agent refuses it: that would ignore a member
    of ``JoinAsked`` which it does not know, and announce the host to etcd.
    """


@frozen
class StockAsked:
    """How much a node has of an image with this id and these layers, and whether by this name ("": by any)."""

    image: str
    reference: str
    layers: tuple[str, ...]


@frozen
class ImageAsked:
    """
    An archive of an image comes, of ``size`` octets: the node shall load it by this name ("": by none), and hand it on.

    :ivar held: how many of the lowest layers are left out.
    :ivar then: nodes that shall have it too, each with how many layers it has; those that lack most first.
    """

    image: str
    reference: str
    held: int
    size: int
    then: Mapping[str, int] = field(factory=dict)


@frozen
class OfferAsked:
    """
    A node lacks the image with this name or id: what does this one have? It may then take the archive without the
    lowest layers, as many as it says.
    """

    reference: str


ContainerAsked = LogsAsked | ExecAsked | ForwardAsked | BackupAsked | RestoreAsked | VolumesAsked

SessionAsked = ContainerAsked | JoinAsked | StockAsked | ImageAsked | OfferAsked


@frozen
class SessionRequest:
    """
    The request, and the token that shows that one may ask: 64 hex digits, of which etcd has the digest; "" from a node
    that asks for an offer, because its certificate shows who it is.
    """

    token: str
    asked: SessionAsked

    @classmethod
    def decode(cls, data: bytes) -> SessionRequest:
        """:raises BadInput: it asks for nothing that this agent knows."""
        given = decode_members(data, _REQUEST)
        found = [given[name] for name in _KINDS if name in given]
        if len(found) == 1 and isinstance(found[0], OfferAsked):
            return cls("", found[0])
        if "token" not in given:
            raise BadInput("Token is missing")
        if len(found) != 1:
            raise BadInput("this agent does not know what is asked for: use the same version on both sides")
        return cls(given["token"], found[0])

    def encode(self) -> bytes:
        ((name, members),) = [(n, m) for n, (kind, m) in _KINDS.items() if type(self.asked) is kind]
        asked = all_members(self.asked, members)
        known = {key: _written(value) for key, value in asked.items()}
        what = {key: value for key, value in known.items() if value is not None}
        shown = {} if isinstance(self.asked, OfferAsked) else {"Token": self.token}
        return encode_members({**shown, name: what})


def _written(value: object) -> object:
    if isinstance(value, InstanceName):
        return str(value)
    return list(value) if isinstance(value, tuple) else value


def token_digest(token: str) -> str:
    """Return what etcd has of a token."""
    return sha256(token.encode()).hexdigest()


def image_token_digest(token: str, node: str, asked: ImageAsked) -> str:
    """
    Return what etcd has of a token with which a node takes one image by one name, and nothing else: such a token is
    known to all nodes that hand the image on.
    """
    return sha256(" ".join((token, node, asked.image, asked.reference)).encode()).hexdigest()


def _token(value: object, path: str) -> str:
    found = reading.text(value, path)
    if not _TOKEN.fullmatch(found):
        raise BadInput("the token is not usable: it has 64 hex digits")
    return found


def _instance(value: object, path: str) -> InstanceName:
    return InstanceName.parse(reading.text(value, path))


def _command(value: object, path: str) -> tuple[str, ...]:
    words = tuple(reading.list_of(reading.free_text)(value, path))
    if not words or not words[0]:
        raise BadInput("the command is missing")
    return words


def _reference(value: object, path: str) -> str:
    found = reading.free_text(value, path)
    if found and (is_image_id(found) or image_reference(found) != found):
        raise BadInput(f"{path} is not usable: it is a name with a tag")
    return found


def _wanted(value: object, path: str) -> str:
    found = reading.text(value, path)
    if image_reference(found) != found:
        raise BadInput(f"{path} is not usable: it is a name with a tag, or an id")
    return found


def _moment(value: object, path: str) -> float:
    return float(reading.moment(value, path))


_SIZE = reading.integer(0, 65535)
_LOGS: Members = {
    "Instance": ("instance", _instance),
    "Follow": ("follow", reading.boolean),
    "Tail": ("tail", reading.integer(0, MOST_TAIL)),
    "Since": ("since", _moment),
    "Grep": ("grep", reading.free_text),
}
_EXEC: Members = {
    "Instance": ("instance", _instance),
    "Command": ("command", _command),
    "Terminal": ("terminal", reading.boolean),
    "Input": ("input", reading.boolean),
    "Rows": ("rows", _SIZE),
    "Columns": ("columns", _SIZE),
}
_FORWARD: Members = {"Instance": ("instance", _instance), "Port": ("port", reading.integer(1, 65535))}
_VOLUME: Members = {"Instance": ("instance", _instance), "Volume": ("volume", reading.free_text)}
_JOIN: Members = {
    "Node": ("node", reading.node_name),
    "Address": ("address", check_address),
    "Request": ("request", reading.free_text),
}
_STOCK: Members = {
    "Image": ("image", image_id),
    "Reference": ("reference", _reference),
    "Layers": ("layers", layers),
}
_HELD = reading.integer(0, MOST_LAYERS)
_IMAGE: Members = {
    "Image": ("image", image_id),
    "Reference": ("reference", _reference),
    "Held": ("held", _HELD),
    "Size": ("size", OCTETS),
    "Then": ("then", reading.map_of(_HELD)),
}
_OFFER: Members = {"Reference": ("reference", _wanted)}
_KINDS: Mapping[str, tuple[type[Any], Members]] = {
    "Logs": (LogsAsked, _LOGS),
    "Exec": (ExecAsked, _EXEC),
    "Forward": (ForwardAsked, _FORWARD),
    "Backup": (BackupAsked, _VOLUME),
    "Restore": (RestoreAsked, _VOLUME),
    "Volumes": (VolumesAsked, {}),
    "Join": (JoinAsked, _JOIN),
    "JoinAsClient": (ClientJoinAsked, _JOIN),
    "Stock": (StockAsked, _STOCK),
    "Image": (ImageAsked, _IMAGE),
    "Offer": (OfferAsked, _OFFER),
}

_REQUIRED = (
    *("Instance", "Command", "Port", "Volume", "Node", "Address", "Request"),
    *("Image", "Reference", "Layers", "Held", "Size"),
)


def _of(name: str) -> reading.Check[Any]:
    kind, members = _KINDS[name]
    required = [key for key in members if key in _REQUIRED]

    def check(value: object, path: str) -> Any:
        given = known_members(value, path, members)
        for key in required:
            if members[key][0] not in given:
                raise BadInput(f"{path}.{key} is missing")
        return kind(**given)

    return check


_REQUEST: Members = {"Token": ("token", _token), **{name: (name, _of(name)) for name in _KINDS}}
