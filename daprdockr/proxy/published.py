# -*- test-case-name: tests.unit.proxy.test_nginx_door -*-
"""
The routes that nginx is to serve, as they were published last, and the ACME account whose challenges it answers.

Knows nothing of the nginx that runs: ``want`` takes over each state.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from attrs import evolve
from twisted.internet.defer import Deferred

from daprdockr.proxy.message import DoorState, changed_state, whole
from daprdockr.proxy.routes import Route


class PublishedRoutes:
    """
    :param want: takes over a state, and the revision of the cluster that its routes show.
    :ivar all: the routes that were published last.
    :ivar first: fires when routes are published for the first time.
    """

    def __init__(self, want: Callable[[DoorState, int], None]) -> None:
        self._want = want
        self._state = DoorState({}, {})
        self._thumbprint = ""
        self._revision: int | None = None
        self.all: tuple[Route, ...] = ()
        self.first: Deferred[None] = Deferred()

    def publish(self, routes: Iterable[Route], revision: int) -> None:
        """See ``NginxDoor.publish``."""
        published = tuple(routes)
        self._state = changed_state(self._state, self.all, published)
        self.all, self._revision = published, revision
        self._want(evolve(self._state, thumbprint=self._thumbprint), revision)
        if not self.first.called:
            self.first.callback(None)

    def answer_challenges(self, thumbprint: str) -> None:
        """See ``NginxDoor.answer_challenges``."""
        if thumbprint != self._thumbprint:
            self._thumbprint = thumbprint
            if self._revision is not None:
                self.publish(self.all, self._revision)

    def stored(self) -> bytes:
        """Return the state as it is stored for an nginx that starts with it."""
        return whole(evolve(self._state, thumbprint=self._thumbprint), 0)
