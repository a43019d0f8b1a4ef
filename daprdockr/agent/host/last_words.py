"""Reading the last words of this host's containers. Nothing waits for them but what shows them to people."""

from __future__ import annotations

from attrs import frozen

from daprdockr.model.errors import EngineError
from daprdockr.model.host import ContainerState
from daprdockr.model.last_words import LastWords, how_it_ended, last_lines
from daprdockr.model.seams import Engine
from daprdockr.runtime.pool import Pool
from daprdockr.runtime.workers import Stopped


@frozen
class ReadLastWords:
    """
    Call it with a container, as it was when it ended, or as it runs.

    :param pool: threads for calls that may take long, which services share.
    """

    engine: Engine
    pool: Pool

    async def __call__(self, state: ContainerState) -> LastWords:
        """Return how it ended and what it logged last: no lines if it is gone, or its log cannot be read."""
        status = how_it_ended(state)
        try:
            log = await self.pool.of(state.instance.service)(self.engine.log_tail, state)
        except (EngineError, Stopped):
            return LastWords(status)
        lines = last_lines(log)
        return LastWords(status, lines, silent=not lines)
