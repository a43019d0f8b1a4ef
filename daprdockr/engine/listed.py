# -*- test-case-name: tests.unit.engine.test_docker_engine -*-
"""
The states of the containers in a list of the Engine, also beside one that cannot be inspected: see Note [A container
that cannot be inspected] in ``inspected``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from attrs import frozen

from daprdockr.engine.inspected import NOT_RUNNING, Inspect, InspectedContainers
from daprdockr.model.errors import EngineError, EngineFailed, EngineSilent
from daprdockr.model.host import ContainerState

Summary = Mapping[str, Any]
"""One container, as a list of the Engine has it."""


@frozen
class ListedContainers:
    """
    :ivar inspect: asks the Engine for one container.
    :ivar clock: monotonic seconds.
    :ivar pass_over: is called once for a container that the list does without, with the reason.
    """

    inspected: InspectedContainers
    inspect: Inspect
    clock: Callable[[], float]
    pass_over: Callable[[str, EngineError], None]

    def states(self, summaries: Sequence[Summary]) -> list[ContainerState | None]:
        """Return the states, None for a container that is passed over. :raises EngineError: one of them is unknown."""
        states: list[ContainerState | None] = []
        failure: EngineError | None = None
        silence: EngineSilent | None = None
        for summary in summaries:
            begun = self.clock()
            try:
                if silence is not None and self.inspected.is_broken(summary["Id"]):
                    raise silence
                states.append(self.inspected.state(summary, self.inspect))
            except (EngineFailed, EngineSilent) as error:
                is_second = silence not in (None, error)
                try:
                    states.append(self._uninspected(summary, begun, error))
                except EngineError:
                    failure = failure or error
                if isinstance(error, EngineSilent):
                    if is_second:
                        raise
                    silence = error
        if failure is not None:
            raise failure
        return states

    def _uninspected(self, summary: Summary, begun: float, error: EngineFailed | EngineSilent) -> ContainerState | None:
        """Return what stands for a container whose inspection failed. :raises EngineError: nothing does."""
        container, runs = summary["Id"], summary["State"] not in NOT_RUNNING
        if self.inspected.is_passed_over(summary, begun):
            if self.inspected.is_newly_unreadable(container):
                self.pass_over(container, error)
            return None
        last = self.inspected.last(container)
        if isinstance(error, EngineSilent) and last is not None and last.running == runs:
            return last
        raise error
