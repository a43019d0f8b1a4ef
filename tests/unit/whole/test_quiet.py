"""The log of an agent that nothing happens to."""

from __future__ import annotations

from tests.build.values import definition
from tests.build.whole import MARKED, WholeCase
from tests.fakes.log_lines import LogLines


class QuietTests(WholeCase):
    def test_nothing_repeated(self) -> None:
        """While nothing changes nothing is logged, whatever the number of beats, lists and sweeps."""
        self.cluster.define(definition())
        self.cluster.advance(MARKED + 5)
        lines = LogLines(self)
        self.cluster.advance(60)
        self.assertEqual(lines(), [])
