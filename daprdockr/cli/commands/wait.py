"""``wait``: returns when every wanted instance runs, healthy and as defined."""

from __future__ import annotations

import time
from collections.abc import Sequence

from attrs import define

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.follow import ClusterWait
from daprdockr.cli.outcome import TimedOut, not_done
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import check_exists
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.seams import Store
from daprdockr.picture.instances import unmet


def wait(request: Request, store: Store, console: Console) -> None:
    """
    :raises TimedOut: naming the instances that are not there yet.
    :raises NotFound: the service does not exist, or not any more.
    """
    waiting = Waiting(request, store, time.monotonic, time.sleep)
    waiting.finish()
    for name in waiting.services:
        console.say(f"{name}: {waiting.cluster.services[name].definition.instances} healthy")


@define(eq=False)
class Waiting(ClusterWait):
    """The services that are awaited, and the instances that they lack."""

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
        if not self.until(lambda: not self.unmet):
            raise TimedOut(not_done(self.request.timeout, self.unmet))


COMMAND = Command(
    name="wait",
    usage=(("wait [SERVICE]", "wait until all wanted instances run, healthy and up to date"),),
    run=wait,
    flags=("timeout",),
    word="[SERVICE]",
    reference=("wait until all wanted instances run, are healthy, and match the definition",),
)
