# -*- test-case-name: tests.unit.agent.host.test_host -*-
"""The resources of this host for containers: images, networks, memory and processors, as the Engine reports them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from attrs import evolve

from daprdockr.model.host import Image, Inventory
from daprdockr.model.images import as_listed

K = TypeVar("K")
T = TypeVar("T")

MOST = 1024
"""References of which something is kept; of more, those of which nothing came for longest are forgotten."""


class Stock:
    """:param on_image: called with a reference when its image is known to be on this host."""

    def __init__(self, on_image: Callable[[str], None]) -> None:
        self._on_image = on_image
        self.images: dict[str, Image] = {}
        """The images that were inspected, by reference."""
        self.resolved: dict[tuple[str, str], str] = {}
        """
        By reference and restart, the digest to which a pull for that resolved the reference ("": no registry gave the
        image). Services that share an image have restarts of their own, and the pull for one is none for the other,
        nor does it undo that. A new agent does not know of any, and pulls again.
        """
        self._handed: dict[str, tuple[str, str]] = {}
        self.inventory = Inventory()

    def take(self, found: Inventory) -> bool:
        """Take over a new inventory; return whether the networks differ from before."""
        before, self.inventory = self.inventory, found
        return found.networks != before.networks

    def pulled(self, reference: str, image: Image, restarted: str = "", resolved: str = "") -> None:
        """
        Take note that an image is on this host, and of the restart for which it was pulled, if it was for one, and the
        digest to which that ``resolved`` the reference.
        """
        if restarted:
            _keep(self.resolved, (reference, restarted), resolved)
        self.holds(reference)
        _keep(self.images, reference, image)
        self._on_image(reference)

    def handed(self, reference: str, image: Image, digest: str) -> None:
        """Take note of the digest of an image that another node handed: an Engine keeps none of an archive."""
        _keep(self._handed, reference, (image.id, digest))

    def digest(self, reference: str, image: Image | None) -> str:
        """Return the digest under which a registry knows an image that is here; "" if none does, as far as known."""
        if image is None:
            return ""
        id, digest = self._handed.get(reference, ("", ""))
        return image.digest or (digest if id == image.id else "")

    def holds(self, reference: str) -> None:
        """Take note that an image has this name, before an inventory shows it."""
        self.inventory = evolve(self.inventory, images=self.inventory.images | {reference})

    def removed(self, reference: str) -> None:
        """Take note that an image is not on this host any more."""
        self.images.pop(reference, None)
        self._handed.pop(reference, None)

    def lacks(self, reference: str) -> bool:
        """Return whether no image has this name here, by the last inventory; before the first one none is lacking."""
        there = self.images.keys() | self.inventory.images
        return bool(self.inventory.memory) and not there.intersection((reference, as_listed(reference)))

    def doubt(self, network: str) -> None:
        """
        Take note that a network was taken from a container, most likely because it goes: the next inventory shows
        whether it did.
        """
        there = tuple(one for one in self.inventory.networks if network not in (one.name, one.id))
        self.inventory = evolve(self.inventory, networks=there)


def _keep(table: dict[K, T], key: K, value: T) -> None:
    table.pop(key, None)
    table[key] = value
    if len(table) > MOST:
        del table[next(iter(table))]
