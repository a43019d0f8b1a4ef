"""The way of an image from node to node: how much of it each has, and how those that lack it share the work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from daprdockr.model.images import ImageStock

BRANCHES = 2
"""So many nodes are handed an image at once by one that has it, and each of them does the same."""


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


def lacking(stocks: Mapping[str, ImageStock]) -> dict[str, int]:
    """
    Return the nodes that lack an image, with how many layers each has. Those that lack most are first: who hands it on
    then has all that those after it lack.
    """
    found = {node: stock.held for node, stock in stocks.items() if not stock.has}
    return dict(sorted(found.items(), key=lambda one: (one[1], one[0])))


def branches(then: Mapping[str, int]) -> list[dict[str, int]]:
    """Return the nodes in as many parts as are handed the image at once, each in the order of the whole."""
    rows = list(then.items())
    return [dict(rows[number::BRANCHES]) for number in range(min(BRANCHES, len(rows)))]
