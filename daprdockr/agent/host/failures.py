"""
The recent failures on this host, in one memory. Knows no error; steps and deaths come as values.

Note [Two counts]
    A lane whose step failed by no fault of its object *rests*: only the loop that carries out steps asks, and the next
    step of the lane that succeeds ends it. A *fault* is counted for an image, or for one generation of an instance's
    container, because its planner must know: it waits, writes the reason into the claim, and gives the instance up. No
    step that succeeds ends that count, because a container that starts may die again; a steady run does, or time. A
    lane may have both: the Engine is away while a container is in a crash loop.

Note [Generations]
    Two copies of an instance, made from two definitions, are counted apart, because a fault of one says nothing about
    the other. No more than ``MOST_GENERATIONS`` are remembered, the latest to fail. One fault is one event, though,
    also when a new definition did not repair it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import assert_never

from attrs import evolve

from daprdockr.agent.host.starts import Starts
from daprdockr.model.host import ContainerState
from daprdockr.model.last_words import LastWords
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.planning.attempts import ATTEMPTS_KEPT, LASTING, NONE, Attempts
from daprdockr.planning.lanes import IMAGE, Lane
from daprdockr.planning.outcome import Done, Fault, Retry, StepOutcome

MOST_GENERATIONS = 2
"""The most generations of one instance: the present definition and the one before it, of which a copy may still run."""

_RESTED = Attempts(count=1)
"""In the place of no failure, where the first one must cost a delay."""


class Failures:
    """
    :param clock: monotonic seconds.
    :param chance: gives random numbers in [0, 1).
    :param runs_elsewhere: returns whether a service, with the digest of its definition, runs on another node.
    """

    def __init__(
        self,
        *,
        clock: Callable[[], float],
        chance: Callable[[], float],
        runs_elsewhere: Callable[[ServiceName, str], bool] = lambda service, digest: False,
    ) -> None:
        self._clock = clock
        self._chance = chance
        self._rests: dict[Lane, Attempts] = {}
        self._faults: dict[ServiceName | str, dict[Lane, Attempts]] = {}  # the latest last
        self._starts = Starts(runs_elsewhere)
        self.lacking: dict[ServiceName, str] = {}
        """By service: the resources that its containers run without here, as text."""

    # Questions of planner and loop.

    @property
    def trouble(self) -> str:
        """Why nothing starts on this host; "" if something may."""
        return self._starts.trouble

    def rests_until(self, lane: Lane) -> float:
        """Return the time before which no step of the lane should begin."""
        return self._rests.get(lane, NONE).retry_at

    def of_image(self, reference: str) -> Attempts:
        """Return how pulls of an image failed."""
        return self._latest(Lane(IMAGE, reference))

    def of_service(self, service: ServiceName, digest: str = "") -> Mapping[InstanceName, Attempts]:
        """
        Return how the containers of a service failed, by instance: those of the definition with this digest, and those
        whose definition is unknown. Without a digest, the latest of each instance.
        """
        found = self._faults.get(service, {})
        kept = sorted(found, key=lambda lane: lane.generation != "") if digest else found
        return {
            lane.subject: found[lane]
            for lane in kept
            if isinstance(lane.subject, InstanceName) and (not digest or lane.generation in ("", digest))
        }

    def of_copies(self, service: ServiceName) -> Mapping[Lane, Attempts]:
        """How the containers of a service failed, by the lane of each generation."""
        return dict(self._faults.get(service, {}))

    @property
    def of_anything(self) -> bool:
        """Return whether any fault is remembered."""
        return bool(self._faults)

    # Reports of steps.

    def take(self, lane: Lane, outcome: StepOutcome) -> bool:
        """Take over the outcome of a step of a lane; return whether it failed for another reason than the last time."""
        match outcome:
            case Done():
                self._rests.pop(lane, None)
                return False
            case Retry():
                return self._rest(lane, outcome)
            case Fault():
                return self._fault(outcome)
            case _:
                assert_never(outcome)

    def pulled(self, reference: str) -> None:
        """Take note that an image is on this host."""
        self._faults.pop(reference, None)

    def lacks(self, service: ServiceName, what: str) -> None:
        """Take note of what the containers of a service run without here; "" when nothing."""
        self.lacking[service] = what
        if not what:
            del self.lacking[service]

    # Reports of the host about its containers.

    def died(self, state: ContainerState, reason: str, lived: float, killed: bool) -> bool:
        """
        Count a container that ended unexpectedly; return whether people should hear of it, because it did not end so
        the last time. See Note [Deaths] in ``daprdockr.agent.host.containers``.
        """
        lane = Lane("container", state.instance, state.definition)
        now, chance = self._clock(), self._chance()
        before = self._latest(lane).reason
        same = before if before.startswith(f"{reason}: ") else reason  # the last line may differ each time
        after = self._count(lane, lambda before: before.failed(now, same, lived, killed, ran=True, chance=chance))
        return after.count == 1 or after.reason != before

    def unhealthy(self, state: ContainerState, reason: str) -> bool:
        """Count a container that was stopped because it was unhealthy; return whether people should hear of it."""
        lane = Lane("container", state.instance, state.definition)
        now, chance = self._clock(), self._chance()
        before = self._latest(lane).reason
        after = self._count(
            lane, lambda before: evolve(before.failed(now, reason, ran=True, chance=chance), unhealthy=True)
        )
        return after.reason != before

    def said(self, state: ContainerState, words: LastWords) -> bool:
        """Take note of what a container said before it ended; return whether that is the reason now."""
        lane = Lane("container", state.instance, state.definition)
        attempts = self._faults.get(lane.about, {}).get(lane)
        if attempts is None or attempts.reason != words.status or str(words) == words.status:
            return False
        self._faults[lane.about][lane] = evolve(attempts, reason=str(words))
        return True

    def ran(self, state: ContainerState, began: bool) -> None:
        """Take note that a container runs; ``began``: that it did not a moment ago."""
        self._starts.ran(state.instance.service, state.definition, began)

    # Forgetting.

    def forget(self, service: ServiceName) -> None:
        """Forget a service that was deleted: see Note [Deaths] in ``daprdockr.agent.host.containers``."""
        self._faults.pop(service, None)
        self._starts.forget_service(service)
        self.lacking.pop(service, None)

    def forget_old_faults(self) -> None:
        """Forget faults that were not followed by another for ``ATTEMPTS_KEPT`` seconds."""
        long_ago = self._clock() - ATTEMPTS_KEPT
        kept = {
            about: {lane: attempts for lane, attempts in lanes.items() if attempts.retry_at > long_ago}
            for about, lanes in self._faults.items()
        }
        self._faults = {about: lanes for about, lanes in kept.items() if lanes}
        self._starts.forget(long_ago)

    def forget_old_rests(self, seconds: float) -> None:
        """Forget rests that were over so long ago."""
        before = self._clock() - seconds
        self._rests = {lane: rest for lane, rest in self._rests.items() if rest.retry_at > before}

    def _rest(self, lane: Lane, retry: Retry) -> bool:
        before = self._rests.get(lane, _RESTED if retry.at_once else NONE)
        self._rests[lane] = before.failed(self._clock(), retry.reason, delays=retry.delays, chance=self._chance())
        return before.reason != retry.reason

    def _fault(self, fault: Fault) -> bool:
        before = self._latest(fault.lane)
        after = self._count(fault.lane, lambda before: self._failed(before, fault))
        if fault.of_host and isinstance(fault.lane.subject, InstanceName):
            self._starts.failed(fault.lane.subject.service, fault.lane.generation, fault.reason, self._clock())
        reason = after.reason if fault.lane.kind == "container" else fault.reason  # new ids in the reason are no news
        return reason != before.reason

    def _failed(self, before: Attempts, fault: Fault) -> Attempts:
        after = before.failed(self._clock(), fault.reason, ran=fault.unhealthy, chance=self._chance())
        last, count = evolve(after.last, refused=fault.refused), max(after.count, LASTING * fault.lasting)
        return evolve(after, count=count, unhealthy=fault.unhealthy, last=last)

    def _latest(self, lane: Lane) -> Attempts:
        """Return the latest failures of any generation."""
        generations = self._generations(lane)
        return self._faults[lane.about][generations[-1]] if generations else NONE

    def _generations(self, lane: Lane) -> list[Lane]:
        """Return the lanes of the generations of which a fault is remembered, the latest last."""
        return [one for one in self._faults.get(lane.about, ()) if one.subject == lane.subject]

    def _count(self, lane: Lane, one_more: Callable[[Attempts], Attempts]) -> Attempts:
        """Count one more failure; of an unknown generation it counts for the latest. See Note [Generations]."""
        generations = self._generations(lane)
        key = lane if lane.generation or not generations else generations[-1]
        lanes = self._faults.setdefault(lane.about, {})
        lanes[key] = one_more(lanes.pop(key, Attempts(of=key.generation)))
        for former in [one for one in generations if one != key][: 1 - MOST_GENERATIONS]:
            del lanes[former]
        return lanes[key]
