# -*- test-case-name: tests.unit.cli.commands.test_wait,tests.unit.cli.commands.test_drain -*-
"""
Following the cluster until a condition holds that a command waits for.

It follows etcd's watch, so that it ends with the change it waits for. A watch that breaks, and an etcd that is away for
a while once it has answered, are tolerated until the timeout.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress

from attrs import define, field

from daprdockr.cli.outcome import TimedOut, not_done
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import doubts, snapshot_with_rollouts
from daprdockr.model.errors import EtcdError, EtcdHistoryLost, EtcdUnavailable
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.seams import Store
from daprdockr.picture.rollouts import Rollouts

PAUSE = 0.2
"""Seconds between a broken watch and the next list."""


@define(eq=False)
class ClusterWait:
    """
    :ivar clock: monotonic seconds.
    :ivar pause: blocks for so many seconds.
    :ivar deadline: when to give up, by this clock (None: after the request's timeout).
    :ivar away: whether etcd was away last, so that ``cluster`` may be out of date.
    :ivar cluster: the cluster as it is now.
    :ivar rollouts: the rollouts that did not end well.
    """

    request: Request
    store: Store
    clock: Callable[[], float]
    pause: Callable[[float], None]
    deadline: float | None = field(default=None, kw_only=True)
    away: bool = field(init=False, default=False)
    cluster: Cluster = field(init=False)
    rollouts: Rollouts = field(init=False)

    def until(self, done: Callable[[], bool]) -> bool:
        """Return whether ``done`` held within the request's timeout; it is called after each change of ``cluster``."""
        deadline = self.clock() + self.request.timeout if self.deadline is None else self.deadline
        self._look()
        is_fresh = True
        while not done():
            if self.clock() >= deadline:
                return False
            try:
                if is_fresh:
                    is_fresh = False  # whatever ends the watch, what there is by then is listed again
                    self._follow(deadline, done)
                else:
                    self._look()
                    is_fresh = True
            except (EtcdUnavailable, EtcdHistoryLost) as error:
                self.away = isinstance(error, EtcdUnavailable)
                self.pause(PAUSE)
        return True

    def _look(self) -> None:
        self.cluster, self.rollouts = snapshot_with_rollouts(self.request, self.store)
        self.away = False

    def timed_out(self, lacking: Sequence[tuple[object, str]]) -> TimedOut:
        """Return the error about what is not as required yet."""
        old = "; etcd does not answer, so this may be out of date" if self.away else ""
        return TimedOut(f"{not_done(self.request.timeout, lacking)}{old or self._frozen()}")

    def _frozen(self) -> str:
        """Return which nodes do nothing, for the end of an error; "" if none is known to be frozen."""
        with suppress(EtcdError):
            if found := sorted(doubts(self.request, self.store)):
                are = f"{found[0]} is" if len(found) == 1 else f"{len(found)} nodes are"
                return f"; {are} frozen: daprdockrcmd nodes says why"
        return ""

    def _follow(self, deadline: float, done: Callable[[], bool]) -> None:
        """Apply changes until ``done`` holds or the time is over."""
        watch = self.store.watch(self.request.keys.mirrored, self.cluster.revision + 1)
        timer = threading.Timer(max(0.0, deadline - self.clock()), watch.close)
        timer.daemon = True
        timer.start()
        try:
            for batch in watch:
                self.cluster.apply(batch)
                self.rollouts.take(batch.changes)
                if done():
                    return
        finally:
            timer.cancel()
            watch.close()
