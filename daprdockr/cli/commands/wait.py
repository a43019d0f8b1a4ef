"""``wait``: returns when every wanted instance runs, healthy and as defined, and no other one is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from attrs import define, evolve

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.follow import ClusterWait
from daprdockr.cli.outcome import TimedOut
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import RolloutStopped, check_all_are_usable, check_exists, check_rollouts
from daprdockr.model.errors import DaprdockrError
from daprdockr.model.known.owners import in_short, taken
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.wanted.definition import Definition
from daprdockr.picture.instances import stopping, unmet


class Superseded(DaprdockrError):
    """Somebody stored another definition than the one that is awaited."""


def wait(request: Request, store: Store, console: Console) -> None:
    """
    :raises TimedOut: naming the instances that are not there yet.
    :raises RolloutStopped: a rollout was reverted, or stands still.
    :raises NotFound: the service does not exist, or not any more.
    :raises BadInput: a definition that is awaited cannot be read.
    """
    say = (lambda line: None) if request.json else console.say
    waiting = Waiting(request, store, time.monotonic, time.sleep, say)
    try:
        waiting.finish()
    except (TimedOut, RolloutStopped):
        if request.json:
            console.print_json(waiting.written(done=False))
        raise
    if request.json:
        console.print_json(waiting.written(done=True))
    for name in waiting.services:
        say(awaited(waiting.cluster.services[name].definition))
    lost = taken(waiting.cluster.services.values())
    for name in waiting.services:
        if name in lost:
            console.complain(f"{name}: {in_short(lost[name])}")


def awaited(definition: Definition) -> str:
    """Return the line about a service that needs no waiting any more, or never did."""
    name = definition.name
    if definition.schedule is None:
        return f"{name}: {definition.instances} healthy"
    return f"{name} is a job, whose runs nothing waits for: daprdockrcmd job history {name}"


@define(eq=False)
class Waiting(ClusterWait):
    """
    The services that are awaited, and the instances that they lack.

    :ivar say: takes a line about the progress.
    :ivar given: what a file says of the one service that is awaited. A rollout that was reverted to it has not failed.
    """

    say: Callable[[str], object] = lambda line: None
    given: Definition | None = None
    _said: str = ""
    """The progress, as said last."""
    _reasoned: bool = False
    """Whether a reason was said with it."""

    @property
    def services(self) -> Sequence[ServiceName]:
        """The services that are awaited."""
        only = self.request.service
        if only is None:
            check_all_are_usable(self.cluster)
            return sorted(self.cluster.services)
        check_exists(self.cluster, only)
        return [only]

    @property
    def unmet(self) -> list[tuple[InstanceName, str]]:
        return [lack for name in self.services for lack in (*unmet(self.cluster, name), *stopping(self.cluster, name))]

    def wanted(self, service: ServiceName) -> int:
        return self.cluster.services[service].definition.instances

    def written(self, done: bool) -> Mapping[str, object]:
        """Return the services, how many instances each has, and those that are not as wanted, for programs."""
        return {
            "Done": done,
            "Services": [self._written(name) for name in self.services],
            "Lacking": [{"Instance": str(instance), "Reason": lack} for instance, lack in self.unmet],
        }

    def _written(self, service: ServiceName) -> Mapping[str, object]:
        """Return a service, with how many instances it has; None for a job, which has none."""
        is_job = self.cluster.services[service].definition.schedule is not None
        return {"Service": str(service), "Wanted": None if is_job else self.wanted(service)}

    def finish(self) -> None:
        if not self.until(self._has_ended):
            raise self.timed_out(self.unmet)

    def _has_ended(self) -> bool:
        services, lacking = self.services, self.unmet
        stopped = self.rollouts.stopped(self.cluster)
        check_rollouts({name: stopped[name] for name in services if self._counts(name, stopped)}, self.say)
        self._check_given()
        if self.request.service is not None and lacking:
            self._report(self.request.service)
        return not lacking

    def _counts(self, service: ServiceName, stopped: Mapping[ServiceName, RolloutRecord]) -> bool:
        """Return whether its rollout did not end as it is wanted."""
        if service not in stopped:
            return False
        is_back = self.given is not None and self.cluster.services[service].definition.stated == self.given.stated
        return not (is_back and stopped[service].state is RolloutState.REVERTED)

    def _check_given(self) -> None:
        """
        Check that the definition in force is that of the file, apart from the number of instances and a restart.

        :raises Superseded: it is not, so a success would say nothing about the file.
        """
        if self.given is None:
            return
        name, stored = self.given.name, self.cluster.services[self.given.name].definition
        one, other = (evolve(each.stated, instances=0, restarted="") for each in (self.given, stored))
        if one != other:
            raise Superseded(
                f"somebody changed {name} meanwhile, so it differs from the files: daprdockrcmd history {name}"
            )

    def _progress(self, service: ServiceName) -> str:
        wanted, lacking = self.wanted(service), unmet(self.cluster, service)
        if lacking:
            return f"{service}: {wanted - len(lacking)} of {wanted} instances are as wanted"
        left = len(stopping(self.cluster, service))
        return f"{service}: {left} {'instance is' if left == 1 else 'instances are'} still stopping"

    def _report(self, service: ServiceName) -> None:
        """Say how far it is, each time that changes, and the first reason of an instance, once for each such line."""
        progress = self._progress(service)
        claims = sorted(self.cluster.claims(service).items())
        lacking = dict(unmet(self.cluster, service))
        reasoned = (one.instance for _, one in claims if one.record.reason and one.instance in lacking)
        first = next(reasoned, None)
        if progress != self._said or (first and not self._reasoned):
            self._said, self._reasoned = progress, first is not None
            self.say(f"{progress}, {first} is {lacking[first]}" if first else progress)


COMMAND = Command(
    name="wait",
    usage=(("wait [SERVICE]", "wait until all wanted instances run, healthy and up to date"),),
    run=wait,
    flags=("timeout", "o"),
    word="[SERVICE]",
    reference=(
        "wait until all wanted instances run, are healthy by the current health check, match the definition, and got"
        " the signal for changed contents with ``OnChange: HUP``, and all others have stopped; exit status 1, with the"
        " reason and the last lines of the instance, if a rollout was reverted or stands still. It does not wait for"
        " the runs of a job, and says so. In JSON one object at the end, with the services, and the instances that lack"
        " something. On stderr it names the ports and host names that an older service has",
    ),
)
