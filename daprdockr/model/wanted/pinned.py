"""
The image of a restart: the digest to which the registry resolved a tag, for the whole service.

Note [One image for a restart]
    A tag may lead to another image a moment later. So a restart is carried out with one digest: the first node that has
    pulled the tag writes down, in ``Restarted`` of the definition behind the time, which digest that was, and all nodes
    make their containers from it, also those that come later. The reference is written down with it: when somebody
    changes ``Container.Image`` the digest does not count any more.

    The way back needs the image from before, to which the tag does not lead any more. So that node also writes down, in
    the revision to which a failed restart is reverted, from which digest its containers were made: with the word
    ``never`` in the place of the time, which asks for no new containers. Those that run were made from the tag when it
    still was that image. On the host it may not be any more, because another service was restarted with the tag.
"""

from __future__ import annotations

import re

_DIGEST = re.compile(r"[a-z0-9]+:[0-9a-f]{32,128}", re.ASCII)
_TAG = re.compile(r":[^:/@]*\Z", re.ASCII)


NEVER = "never"
"""In the place of the time of a restart: there was none."""


def repository(reference: str) -> str:
    """Return the reference of an image without its tag or digest."""
    return _TAG.sub("", reference.partition("@")[0])


def asked(restarted: str) -> str:
    """Return a restart as far as it asks for other containers; "" if it does not: Note [One image for a restart]."""
    return "" if restarted.partition(" ")[0] == NEVER else restarted


def pin(restarted: str, reference: str, digest: str) -> str:
    """Return a restart's time, with the digest to which the reference was resolved for it."""
    return f"{restarted.partition(' ')[0]} {reference}@{digest}"


def pinned(restarted: str, reference: str) -> str:
    """Return the reference by digest that a restart states for this one; "" if it states none."""
    named, _, digest = restarted.partition(" ")[2].rpartition("@")
    if named != reference or not _DIGEST.fullmatch(digest):
        return ""
    return f"{repository(reference)}@{digest}"
