"""Instances that do not come up: of which copy a failure is."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import ContainerState
from daprdockr.planning.attempts import LASTING, STEADY, Attempts
from daprdockr.planning.placing.failing import fails_here
from daprdockr.planning.steps import Lane
from tests.build.situations import NOW, WEB_2, claim, container, running_record, situation
from tests.build.values import instance

FIRST = instance(1)
RUNNING, OLD = container(), container("old", of=WEB_2)
OURS = claim(running_record(RUNNING))


class FailingCopyTests(SynchronousTestCase):
    """Of which copy a failure is: the instance is given up for failures of the present definition's."""

    def fails(self, of: ContainerState, *running: ContainerState) -> bool:
        lane = Lane("container", FIRST, of.definition)
        attempts = {lane: Attempts(LASTING, NOW, "died", of=of.definition)}
        seen = situation(claims=(OURS,), containers=running, attempts=attempts)
        return fails_here(seen, NOW + STEADY) == [FIRST]

    def test_present(self) -> None:
        """That the old copy runs on does not make up for failures of the new one; a steady run of that does."""
        self.assertTrue(self.fails(RUNNING, OLD))
        self.assertFalse(self.fails(RUNNING, OLD, RUNNING))

    def test_old(self) -> None:
        """Failures of the old copy do not count against the instance."""
        self.assertFalse(self.fails(OLD))
