"""The dashboard of Grafana, and the alert rules beside it."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.api.metric import METRICS
from daprdockr.planning.attempts import DELAYS
from tests.unit.house.sources import CHECKOUT
from tools.dashboard import PANELS, PATH, dashboard, text

DECLARED = {metric.name for metric in METRICS}
RULES = CHECKOUT / "etc/prometheus/daprdockr.rules.yml"


def named(expressions: str) -> set[str]:
    """The metrics of ours that expressions name; a histogram goes by its buckets."""
    return {name.removesuffix("_bucket") for name in re.findall(r"\bdaprdockr_[a-z_]+", expressions)}


class DashboardTests(SynchronousTestCase):
    def test_file(self) -> None:
        """The file is what the code makes."""
        self.assertEqual(PATH.read_text(encoding="utf-8"), text())

    def test_metrics(self) -> None:
        """Dashboard and rules name metrics that the agent has, and no others."""
        for expressions in (str(PANELS), RULES.read_text(encoding="utf-8")):
            self.assertEqual(named(expressions) - DECLARED, set())

    def test_failing_step(self) -> None:
        """A single object that fails for good fires its alert, though it is tried again after the longest delay."""
        found = re.search(
            r'daprdockr_steps_total\{outcome=~"fault\|error"\}\[(\d+)m\]\)\) > ([\d.]+)', RULES.read_text("utf-8")
        )
        assert found is not None
        self.assertLess(float(found[2]), 1 / (2 * DELAYS.limit))
        self.assertGreaterEqual(60 * int(found[1]), 4 * DELAYS.limit)

    def test_places(self) -> None:
        """No two panels lie in the same place, and none reaches beyond the width."""
        places = [(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in dashboard()["panels"]]
        self.assertEqual(len(set(places)), len(PANELS))
        self.assertTrue(all(panel["gridPos"]["x"] + panel["gridPos"]["w"] <= 24 for panel in dashboard()["panels"]))
