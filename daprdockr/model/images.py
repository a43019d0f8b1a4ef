"""Images as they are pushed: their names, what a node has of one, and what became of it there."""

from __future__ import annotations

import re

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import Members, all_members, decode_members, encode_members
from daprdockr.model.names import shorten
from daprdockr.model.wanted.pinned import repository

MOST_LAYERS = 1000
"""More than any Engine takes."""

_PART = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*"
_NAME = re.compile(rf"(?:[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]{{1,5}})?/)?{_PART}(?:/{_PART})*", re.ASCII)
_TAG = re.compile("[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}", re.ASCII)
_ID = re.compile("sha256:[0-9a-f]{64}", re.ASCII)
_LONGEST = 255
_IMPLIED = re.compile("(?:(?:index[.])?docker[.]io/)?(?:library/)?")
"""The part of a name that Docker leaves out."""


def image_reference(text: str) -> str:
    """
    Return the name of an image as Docker lists it, with its tag, or its whole id.

    :raises BadInput: it is neither.
    """
    if _ID.fullmatch(text):
        return text
    if "@" in text:
        raise BadInput(f"image {shorten(text)} is not usable: name it by a tag, a digest is a registry's")
    path, colon, tag = text.rpartition(":")
    name, tag = (path, tag) if colon and "/" not in tag else (text, "latest")
    if len(name) > _LONGEST or not _NAME.fullmatch(name) or not _TAG.fullmatch(tag):
        raise BadInput(f"image {shorten(text)} is not usable: write its name and tag, as in shop/web:1")
    found = _IMPLIED.match(name)
    return f"{name[found.end() :] if found else name}:{tag}"


def as_listed(reference: str) -> str:
    """Return the reference of an image in the form in which an Engine lists it."""
    try:
        if "@" not in reference:
            return image_reference(reference)
        return f"{repository(image_reference(repository(reference)))}@{reference.partition('@')[2]}"
    except BadInput:
        return reference  # it is kept if an Engine should list it like this


def is_image_id(reference: str) -> bool:
    return _ID.fullmatch(reference) is not None


def image_id(value: object, path: str) -> str:
    """Return the id of an image. :raises BadInput: it is none."""
    found = reading.text(value, path)
    if not _ID.fullmatch(found):
        raise BadInput(f"{path} is not usable: {shorten(found)} is no id of an image")
    return found


layers = reading.tuple_of(image_id, MOST_LAYERS)
"""Accept the ids of layers, the lowest first."""


@frozen
class HeldImage:
    """
    An image that a node's Engine has: its id, its names with their tags, and those with the digest of a registry.
    ``is_used``: there is a container of it, running or not.
    """

    id: str
    references: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    is_used: bool = False


@frozen
class ImageStock:
    """How many layers of an image a node has, from the lowest one on, and whether it has all of it by this name."""

    held: int
    has: bool = False

    @classmethod
    def decode(cls, data: bytes) -> ImageStock:
        """:raises BadInput: it is no such answer."""
        return cls(**decode_members(data, _STOCK, ("Held",)))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _STOCK))


@frozen
class Receipt:
    """
    The outcome of handing an image to a node: the octets that it received, and why it has it not, or "". ``is_busy``:
    because it was taking others, so that it may take this one in a moment.
    """

    node: str
    octets: int = 0
    failed: str = ""
    is_busy: bool = False

    @classmethod
    def decode(cls, data: bytes) -> Receipt:
        """:raises BadInput: it is no such report."""
        return cls(**decode_members(data, _HANDED, ("Node",)))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _HANDED))


@frozen
class ImageOffer:
    """
    An image that a node has, for another one that lacks it: its id ("": only its archive says it), its layers, its size
    in octets, when it was built, in seconds since the epoch, for which platform, as in ``linux/amd64``, and the digest
    under which the registry of its name knows it ("": none does, as far as known).
    """

    image: str
    layers: tuple[str, ...]
    size: int
    built: float = 0.0
    platform: str = ""
    digest: str = ""

    @classmethod
    def decode(cls, data: bytes) -> ImageOffer:
        """:raises BadInput: it is no such answer."""
        return cls(**decode_members(data, _OFFERED, ("Image", "Layers", "Size")))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _OFFERED) | {"Layers": list(self.layers)})


@frozen
class OfferTaken:
    """The answer to an offer: how many of the lowest layers shall be left out."""

    held: int

    @classmethod
    def decode(cls, data: bytes) -> OfferTaken:
        """:raises BadInput: it is no such answer."""
        return cls(**decode_members(data, _TAKEN, ("Held",)))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _TAKEN))


def _id_or_none(value: object, path: str) -> str:
    return "" if value == "" else image_id(value, path)


OCTETS = reading.integer(0, 2**53)
_STOCK: Members = {"Held": ("held", reading.integer(0, MOST_LAYERS)), "Has": ("has", reading.boolean)}
_TAKEN: Members = {"Held": ("held", reading.integer(0, MOST_LAYERS))}
_OFFERED: Members = {
    "Image": ("image", _id_or_none),
    "Layers": ("layers", layers),
    "Size": ("size", OCTETS),
    "Built": ("built", reading.moment),
    "Platform": ("platform", reading.text),
    "Digest": ("digest", _id_or_none),
}
_HANDED: Members = {
    "Node": ("node", reading.node_name),
    "Octets": ("octets", OCTETS),
    "Failed": ("failed", reading.free_text),
    "Busy": ("is_busy", reading.boolean),
}
