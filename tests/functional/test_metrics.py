"""Metrics, alert rules and scrape configuration as Prometheus's own promtool reads them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from daprdockr.api.exposition import exposition
from daprdockr.wiring.measuring import measured
from tests.build.values import definition
from tests.build.whole import WholeCase
from tests.unit.house.sources import CHECKOUT

GIVEN = CHECKOUT / "etc/prometheus"
ALERTS = Path(__file__).parent / "rules/alerts.yml"


class PromtoolTests(WholeCase):
    skip = None if os.environ.get("CI") or shutil.which("promtool") else "promtool is not installed"

    def promtool(self, *words: str, given: bytes = b"") -> None:
        """Run it beside copies of the files that we give to people, and of the tests of the rules."""
        directory = Path(self.mktemp())
        shutil.copytree(GIVEN, directory)
        shutil.copy(ALERTS, directory)
        command = ["promtool", *words]
        ended = subprocess.run(command, input=given, cwd=directory, capture_output=True, timeout=60, check=False)
        self.assertEqual((ended.returncode, ended.stderr), (0, b""), ended.stdout.decode())

    def test_metrics(self) -> None:
        """promtool finds nothing wrong with names, types and help of what an agent answers."""
        self.cluster.define(definition(instances=2))
        self.cluster.advance(3)
        self.promtool("check", "metrics", given=exposition(self.successResultOf(measured(self.agent.parts))))

    def test_rules(self) -> None:
        """Each alert fires when it is to, and none of them in a healthy cluster."""
        self.promtool("check", "rules", "daprdockr.rules.yml")
        self.promtool("test", "rules", ALERTS.name)

    def test_scrape(self) -> None:
        """The configuration is one of Prometheus's."""
        self.promtool("check", "config", "--syntax-only", "prometheus.yml")
