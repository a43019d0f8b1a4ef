"""The conditions of an agent, gathered from its parts."""

from __future__ import annotations

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reporting.conditions import conditions
from daprdockr.model.trouble import Trouble
from daprdockr.model.troubles.etcd import EtcdNotReached
from daprdockr.model.troubles.host import EngineNotReached


@frozen
class Part:
    condition: Trouble | None = None


class ConditionsTests(SynchronousTestCase):
    def test_in_order(self) -> None:
        """The conditions come in the order of the parts; a part that is well has none."""
        parts = [Part(EtcdNotReached()), Part(), Part(EngineNotReached())]
        self.assertEqual(conditions(parts), [EtcdNotReached(), EngineNotReached()])

    def test_well(self) -> None:
        """Where all are well there is nothing."""
        self.assertEqual(conditions([Part()]), [])
