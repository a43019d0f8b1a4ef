"""From when on a node may claim a free instance that another one ranks first for."""

from __future__ import annotations

from daprdockr.planning.claiming import CLAIM_DELAY
from daprdockr.planning.plan import plan
from tests.build.plans import PlanTestCase
from tests.build.situations import NOW, candidates, situation
from tests.build.values import definition


class OwnShareTests(PlanTestCase):
    def test_others_find_etcd_later(self) -> None:
        """After an outage of etcd each node claims its share at once, and leaves the others theirs a while longer."""
        long_ago, until = {1: NOW - 9.0, 2: NOW - 9.0}, NOW + 3.0
        service, nodes = definition(instances=2), candidates("a", "b")
        planned = plan(situation(service, candidates=nodes, free_since=long_ago, own_share_until=until), NOW)
        self.assertEqual((len(planned.steps), planned.plan_again_at), (1, until + CLAIM_DELAY))
        planned = plan(situation(service, candidates=nodes, free_since=long_ago, own_share_until=NOW - 3.0), NOW)
        self.assertEqual(len(planned.steps), 2)
