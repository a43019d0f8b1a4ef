"""
``wait``: until every wanted instance runs, healthy and as defined.

It follows etcd's watch, so that it ends with the change it waits for. A watch that breaks, and an etcd that is away for
a while once it has answered, are borne until the time is over.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from attrs import define, field

from daprdockr.cli import views
from daprdockr.cli.console import Console
from daprdockr.cli.outcome import TimedOut
from daprdockr.cli.request import Request
from daprdockr.cli.show import check_exists, picture
from daprdockr.model.cluster import Cluster
from daprdockr.model.errors import EtcdHistoryLost, EtcdUnavailable
from daprdockr.model.names import InstanceName, ServiceName

if TYPE_CHECKING:  # Why: it imports Twisted, which the command line has no other need of.
    from daprdockr.model.seams import Store

PAUSE = 0.2
"""Seconds between a broken watch and the next list."""
_SHOWN = 3


def wait(request: Request, store: Store, console: Console) -> None:
    """:raises TimedOut: with what is not there yet. :raises NotFound: the service does not exist (any more)."""
    waiting = Waiting(request, store, time.monotonic, time.sleep)
    waiting.finish()
    for name in waiting.services:
        console.say(f"{name}: {waiting.cluster.services[name].definition.instances} healthy")


@define(eq=False)
class Waiting:
    """:ivar clock: monotonic seconds. :ivar pause: blocks for so many seconds."""

    request: Request
    store: Store
    clock: Callable[[], float]
    pause: Callable[[float], None]
    cluster: Cluster = field(init=False)

    @property
    def services(self) -> Sequence[ServiceName]:
        """The services waited for."""
        only = self.request.service
        if only is None:
            return sorted(self.cluster.services)
        check_exists(self.cluster, only)
        return [only]

    @property
    def unmet(self) -> list[tuple[InstanceName, str]]:
        return [lack for name in self.services for lack in views.unmet(self.cluster, name)]

    def finish(self) -> None:
        deadline = self.clock() + self.request.timeout
        self.cluster = picture(self.request, self.store)
        while self.unmet:
            try:
                self._follow(deadline)
            except (EtcdUnavailable, EtcdHistoryLost):
                self.pause(PAUSE)
            if self.unmet:
                if self.clock() >= deadline:
                    raise TimedOut(self._complaint())
                with suppress(EtcdUnavailable, EtcdHistoryLost):
                    self.cluster = picture(self.request, self.store)

    def _follow(self, deadline: float) -> None:
        """Apply changes until nothing is lacking or the time is over."""
        watch = self.store.watch(self.request.keys.root, self.cluster.revision + 1)
        timer = threading.Timer(max(0.0, deadline - self.clock()), watch.close)
        timer.daemon = True
        timer.start()
        try:
            for batch in watch:
                self.cluster.apply(batch)
                if not self.unmet:
                    return
        finally:
            timer.cancel()
            watch.close()

    def _complaint(self) -> str:
        lacking = self.unmet
        shown = [f"{instance} is {lack}" for instance, lack in lacking[:_SHOWN]]
        more = [f"and {len(lacking) - _SHOWN} more"] if len(lacking) > _SHOWN else []
        return f"not done after {self.request.timeout:g} s: {', '.join(shown + more)}"
