"""``wait``: returns when every wanted instance runs, healthy and as defined."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from attrs import define

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.follow import ClusterWait
from daprdockr.cli.outcome import TimedOut, not_done
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import check_exists, check_rollouts
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.seams import Store
from daprdockr.picture.instances import unmet


def wait(request: Request, store: Store, console: Console) -> None:
    """
    :raises TimedOut: naming the instances that are not there yet.
    :raises RolloutStopped: a rollout was reverted, or stands still.
    :raises NotFound: the service does not exist, or not any more.
    """
    waiting = Waiting(request, store, time.monotonic, time.sleep, console.say)
    waiting.finish()
    for name in waiting.services:
        console.say(f"{name}: {waiting.cluster.services[name].definition.instances} healthy")


@define(eq=False)
class Waiting(ClusterWait):
    """
    The services that are awaited, and the instances that they lack.

    :ivar say: takes a line about the progress.
    """

    say: Callable[[str], object] = lambda line: None
    _done: int = -1
    """How many instances were as wanted, as said last."""

    @property
    def services(self) -> Sequence[ServiceName]:
        """The services that are awaited."""
        only = self.request.service
        if only is None:
            return sorted(self.cluster.services)
        check_exists(self.cluster, only)
        return [only]

    @property
    def unmet(self) -> list[tuple[InstanceName, str]]:
        return [lack for name in self.services for lack in unmet(self.cluster, name)]

    def finish(self) -> None:
        if not self.until(self._has_ended):
            raise TimedOut(not_done(self.request.timeout, self.unmet))

    def _has_ended(self) -> bool:
        services, lacking = self.services, self.unmet
        stopped = self.rollouts.stopped(self.cluster)
        check_rollouts({name: stopped[name] for name in services if name in stopped}, self.say)
        if self.request.service is not None and lacking:
            self._report(self.request.service, len(lacking))
        return not lacking

    def _report(self, service: ServiceName, lacking: int) -> None:
        wanted = self.cluster.services[service].definition.instances
        if wanted - lacking != self._done:
            self._done = wanted - lacking
            self.say(f"{service}: {self._done} of {wanted} instances are as wanted")


COMMAND = Command(
    name="wait",
    usage=(("wait [SERVICE]", "wait until all wanted instances run, healthy and up to date"),),
    run=wait,
    flags=("timeout",),
    word="[SERVICE]",
    reference=(
        "wait until all wanted instances run, are healthy, match the definition, and got the signal for changed"
        " contents with ``OnChange: HUP``; exit status 1, with the reason and"
        " the last lines of the instance, if a rollout was reverted or stands still",
    ),
)
