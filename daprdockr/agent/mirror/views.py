"""
Views: what is derived from the mirror's content and kept beside it, as which claims of this node were lost.

Note [Views before subscribers]
    Whoever is told of a change may ask any view, so each of them has to know of the change by then. A view that
    subscribed as the others do would be asked too early by all that subscribed before it. So views do not subscribe:
    they are brought up to date first, in the order in which they are listed, and only then is the signal sent. The
    order in which others subscribed carries no meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from daprdockr.model.known.changes import Changes


class View(Protocol):
    """What is derived from the cluster. It wakes nobody: who needs to know of it is told of the change itself."""

    def on_changes(self, changes: Changes) -> None:
        """The cluster has changed so."""


class Views:
    """
    Takes the changes of the mirror. See Note [Views before subscribers].

    :param changed: told of each change when every view knows of it.
    """

    def __init__(self, views: Sequence[View], changed: Callable[[Changes], None]) -> None:
        self._views = tuple(views)
        self._changed = changed

    def __call__(self, changes: Changes) -> None:
        for view in self._views:
            view.on_changes(changes)
        self._changed(changes)
