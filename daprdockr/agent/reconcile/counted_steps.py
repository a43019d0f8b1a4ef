"""Counts the steps that are carried out, by their kind and outcome, and how long they took. Changes none of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable

from daprdockr.planning.outcome import StepOutcome
from daprdockr.planning.steps import Step
from daprdockr.runtime.durations import Durations
from daprdockr.runtime.kinds import kind_of
from daprdockr.runtime.workers import Stopped


class CountedSteps:
    """
    :param carry_out: carries out one step.
    :param clock: monotonic seconds.
    :ivar outcomes: the number of steps by kind, such as ``start_container``, and outcome; "error" is a fault of ours.
    :ivar durations: of the steps by kind.
    """

    def __init__(self, carry_out: Callable[[Step], Awaitable[StepOutcome]], clock: Callable[[], float]) -> None:
        self._carry_out = carry_out
        self._clock = clock
        self.outcomes: Counter[tuple[str, str]] = Counter()
        self.durations: defaultdict[str, Durations] = defaultdict(Durations)

    async def __call__(self, step: Step) -> StepOutcome:
        kind, begun = kind_of(step), self._clock()
        try:
            outcome = await self._carry_out(step)
        except Stopped:
            raise
        except Exception:
            self.outcomes[kind, "error"] += 1
            raise
        self.outcomes[kind, kind_of(outcome)] += 1
        self.durations[kind].add(self._clock() - begun)
        return outcome
