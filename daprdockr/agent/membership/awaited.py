"""The wait until all nodes have reached a revision, for parts that no signal wakes then."""

from __future__ import annotations

from attrs import frozen
from twisted.internet.interfaces import IReactorTime
from twisted.internet.task import deferLater

from daprdockr.agent.membership.progress import POLLS, ClusterProgress

LONGEST = 15.0
"""Seconds after which nodes are not waited for any more: a node whose lease ends is not waited for."""


@frozen
class Awaited:
    """:ivar progress: how far each node has followed the changes of the cluster."""

    progress: ClusterProgress
    reactor: IReactorTime

    async def __call__(self, revision: int) -> tuple[str, ...]:
        """Return the nodes that have not reached the revision in ``LONGEST`` seconds."""
        self.progress.wait_for(revision)
        deadline = self.reactor.seconds() + LONGEST
        while behind := sorted(name for name, reached in self.progress.reached.items() if reached < revision):
            if self.reactor.seconds() >= deadline:
                return tuple(behind)
            await deferLater(self.reactor, POLLS.first, lambda: None)
        return ()
