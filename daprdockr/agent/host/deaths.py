"""
An event, with the lines that it logged last, for each container that ended by itself or was stopped as unhealthy, and
a better reason for the former.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from daprdockr.agent.host.failures import Failures
from daprdockr.model.host import ContainerState
from daprdockr.model.last_words import LastWords
from daprdockr.model.names import ServiceName


class Recording(Protocol):
    """The journal: a subject, one sentence about it, and the lines that belong to that."""

    def __call__(self, subject: str, text: str, lines: Sequence[str] = ()) -> None: ...


class Deaths:
    """
    Call it with a container that ended, whether its end is news (in a crash loop only the first one is), and why it was
    stopped as unhealthy ("": it ended by itself).

    :param last_words: reads the last words of a container; it raises nothing on purpose.
    :param failures: learns a better reason.
    :param on_changes: called with a service whose reason changed.
    """

    log = Logger()

    def __init__(
        self,
        *,
        last_words: Callable[[ContainerState], Awaitable[LastWords]],
        failures: Failures,
        record_event: Recording,
        on_changes: Callable[[list[ServiceName]], None],
    ) -> None:
        self._last_words = last_words
        self._failures = failures
        self._record_event = record_event
        self._on_changes = on_changes

    def __call__(self, state: ContainerState, news: bool, unhealthy: str = "") -> None:
        if news:
            Deferred.fromCoroutine(self._tell(state, unhealthy)).addErrback(
                lambda failure: self.log.failure("the last words of a container could not be read", failure)
            )

    async def _tell(self, state: ContainerState, unhealthy: str) -> None:
        words = await self._last_words(state)
        text = f"its container is restarted: {unhealthy}" if unhealthy else f"its container ended: {words}"
        self._record_event(str(state.instance), text, words.lines)
        if self._failures.said(state, words):
            self._on_changes([state.instance.service])
