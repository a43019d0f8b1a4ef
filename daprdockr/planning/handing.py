"""
The way of an image from node to node: how much of it each has, how those that lack it share the work, and whom one asks
that lacks it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

from daprdockr.model.images import ImageOffer, ImageStock, is_image_id
from daprdockr.model.stored.node import NodeRecord
from daprdockr.planning.candidates import mark

BRANCHES = 2
"""So many nodes are handed an image at once by one that has it, and each of them does the same."""

ASKED = 4
"""So many nodes are asked for an image at once by one that lacks it."""


def held_layers(layers: Sequence[str], others: Iterable[Sequence[str]]) -> int:
    """
    Return how many layers of an image an Engine has, from the lowest one on, by the layers of the images that it has.

    A layer counts above the same ones only, because the Engine knows it by itself and all that are below it.
    """
    most = 0
    for other in others:
        same = 0
        for mine, its in zip(layers, other, strict=False):
            if mine != its:
                break
            same += 1
        most = max(most, same)
    return most


def lacking(image: str, stocks: Mapping[str, ImageStock]) -> dict[str, int]:
    """
    Return the nodes that lack an image, with how many layers each has. Those that lack most are first: who hands it on
    then has all that those after it lack. Those that lack as much have another order for each image, so that several
    pushes at once do not all begin with the same node.
    """
    found = {node: stock.held for node, stock in stocks.items() if not stock.has}
    return dict(sorted(found.items(), key=lambda one: (one[1], _shuffled(image, one[0]))))


def branches(then: Mapping[str, int]) -> list[dict[str, int]]:
    """Return the nodes in as many parts as are handed the image at once, each in the order of the whole."""
    rows = list(then.items())
    return [dict(rows[number::BRANCHES]) for number in range(min(BRANCHES, len(rows)))]


def holders(reference: str, node: str, records: Mapping[str, NodeRecord]) -> list[str]:
    """
    Return the nodes that a node asks for an image: those that have it by their records, which do not name ids. Each
    node that lacks it has an order of its own, so that they do not all ask the same ones.
    """
    wanted = mark(reference)
    there = [
        name
        for name, record in records.items()
        if name != node and record.peer and (is_image_id(reference) or wanted in record.images)
    ]
    return sorted(there, key=lambda name: _shuffled(reference, node, name))[:ASKED]


def _shuffled(*names: str) -> bytes:
    """Return a key that sorts in another order for other names."""
    return sha256(" ".join(names).encode()).digest()


def fitting(offers: Mapping[str, ImageOffer], platform: str) -> list[str]:
    """
    Return the nodes whose offer is good, in their order. Of several images by one name that is the one that was built
    last; of those that say nothing of that, the one that most have.
    """
    usable = {node: offer for node, offer in offers.items() if offer.platform in ("", platform)}
    if not usable:
        return []
    counts = Counter(offer.image for offer in usable.values())
    best = max(usable.values(), key=lambda offer: (offer.built, counts[offer.image], offer.image))
    return [node for node, offer in usable.items() if (offer.image, offer.built) == (best.image, best.built)]
