"""
Views: values derived from the mirror and kept beside it, such as the claims that this node lost.

Note [Views before subscribers]
    A subscriber that is notified of a change may query any view, so each view has to know of the change by then. A view
    that subscribed as the others do would be queried too early by all earlier subscribers. So views do not subscribe:
    they are updated first, in the order in which they are listed, and only then is the signal sent. The order in which
    others subscribed carries no meaning.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from daprdockr.model.known.changes import Changes


class View(Protocol):
    """A value derived from the cluster. It notifies nobody: its users are notified of the change itself."""

    def on_changes(self, changes: Changes) -> None:
        """Take note of a change of the cluster."""


class Views:
    """
    Takes the changes of the mirror. See Note [Views before subscribers].

    :param changed: called with each change when every view knows of it.
    """

    def __init__(self, views: Sequence[View], changed: Callable[[Changes], None]) -> None:
        self._views = tuple(views)
        self._changed = changed

    def __call__(self, changes: Changes) -> None:
        for view in self._views:
            view.on_changes(changes)
        self._changed(changes)
