"""The images of a node that services once needed, and that none needs any more. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator

from daprdockr.model.images import HeldImage, as_listed
from daprdockr.model.wanted.pinned import repository


def repositories(named: Iterable[str]) -> frozenset[str]:
    """Return the repositories of the images with these references."""
    return frozenset(repository(as_listed(one)) for one in named)


def unneeded(held: Iterable[HeldImage], named: Iterable[str], once: Collection[str]) -> Iterator[HeldImage]:
    """
    Yield the images that nothing needs: no container, and no reference in a definition or a revision.

    An image counts only if all its names are in repositories that services had once, because others may use the Engine
    too. One without any name is left alone: it may be a layer of what somebody builds.

    :param named: the references in definitions and revisions.
    :param once: the repositories of all images that services ever needed, as far as is known.
    """
    wanted = {as_listed(one) for one in named}
    for image in held:
        names = {*image.references, *image.digests}
        is_ours = bool(names) and all(repository(name) in once for name in names)
        if is_ours and not image.is_used and wanted.isdisjoint({image.id, *names}):
            yield image
