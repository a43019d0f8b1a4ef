"""The reports on a cluster at a quiet moment, and the law ``agreement`` about them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from tests.build.chaos_story import FIRST, SECOND, story
from tests.chaos import reports
from tests.chaos.evidence import Violation
from tests.chaos.services import Wanted

PLACES = {FIRST: "host1", SECOND: "host2"}
CONTAINERS = {FIRST: "c1", SECOND: "c2"}
COUNTS = {"web.chaos": [2, 2, 2]}
KNOWN = {"places": PLACES, "containers": CONTAINERS, "counts": COUNTS}
ROWS = [
    {"Instance": FIRST, "Node": "host1", "State": "running", "Healthy": True, "ContainerId": "c1"},
    {"Instance": SECOND, "Node": "host2", "State": "running", "Healthy": True, "ContainerId": "c2"},
]
DOCUMENT = {"Services": [{"Service": "web.chaos", "Wanted": 2, "Running": 2, "Healthy": 2}]}
PAGE = """\
<li id="node-host1" class="node ok">
<div class="head">
<h3>host1</h3> <span class="count">1 instance</span>
</div>
<ul class="groups">
<li><a href="#service-web.chaos">web.chaos</a> <ul class="pills">
<li class="pill ok" title="1.web.chaos: healthy">1<span class="unseen"> healthy</span></li>
</ul></li>
</ul>
</li>
<li id="node-host2" class="node ok">
<div class="head">
<h3>host2</h3> <span class="count">2 instances</span>
</div>
<li class="pill ok" title="2.web.chaos: healthy, of late">2</li>
<li class="pill bad" title="3.web.chaos: backing off, exit status 1">3</li>
</li>
"""
METRICS = """\
# TYPE daprdockr_instances gauge
daprdockr_instances{state="running"} 1.0
daprdockr_instances{state="starting"} 0.0
daprdockr_service_instances_wanted{service="web.chaos"} 2.0
daprdockr_service_instances_running{service="web.chaos"} 2.0
daprdockr_service_instances_healthy{service="web.chaos"} 2.0
"""


def told(changed: Mapping[str, Any] = MappingProxyType({}), quiet: bool = True) -> list[Violation]:
    """The violations of a quiet moment at which everybody says the truth, but for the reports that are given."""
    one = story()
    one.up("c1", FIRST, "host1")
    one.up("c2", SECOND, "host2")
    found = {
        "ps": reports.of_instances(ROWS),
        "status": reports.of_status(DOCUMENT),
        "host1 /metrics": reports.of_metrics(METRICS, "host1"),
    }
    one.tell("reports", known=KNOWN, reports={**found, **changed}, quiet=quiet)
    return one.broken("agreement")


class AgreementTests(SynchronousTestCase):
    """``agreement``."""

    def test_truth(self) -> None:
        """Nothing is wrong with reports that say what is there."""
        self.assertEqual([], told())

    def test_lies(self) -> None:
        """Each lie is caught, with its teller and what is there."""
        lies: tuple[tuple[str, dict[str, Any], str, str], ...] = (
            ("ps", {"places": {**PLACES, FIRST: "host3"}}, "ps differs", "places: 1.web.chaos: host3, not host1"),
            ("ps", {"containers": {FIRST: "c1"}}, "ps differs", "containers: 2.web.chaos: nothing, not c2"),
            ("status", {"counts": {"web.chaos": [2, 2, 1]}}, "status differs", "[2, 2, 1], not [2, 2, 2]"),
            ("status", {"counts": {**COUNTS, "old.chaos": [1, 0, 0]}}, "status differs", "[1, 0, 0], not there"),
            ("host2 /metrics", {"own": {"host2": 2}}, "host2 /metrics differs", "own: host2: 2, not 1"),
            ("host3 page", {"places": {}}, "host3 page differs", "1.web.chaos: nothing, not host1"),
        )
        for name, report, *parts in lies:
            (found,) = told({name: report})
            for part in parts:
                self.assertIn(part, found.text)

    def test_never_quiet(self) -> None:
        """While something moves nobody is judged, but a run in which something always moves proves nothing."""
        (found,) = told({"ps": {"places": {}}}, quiet=False)
        self.assertIn("never quiet", found.text)

    def test_nobody_asked(self) -> None:
        """A quiet moment at which nobody was asked proves nothing."""
        one = story()
        one.tell("reports", known=KNOWN, reports={}, quiet=True)
        self.assertIn("nobody asked ps and status", one.broken("agreement")[0].text)


class ReportTests(SynchronousTestCase):
    """Reports in the form of the truth."""

    def test_truth(self) -> None:
        """The truth is what is claimed, and what a person wants."""
        claims = {
            instance: {"Node": PLACES[instance], "ContainerId": CONTAINERS[instance], "Healthy": True}
            for instance in PLACES
        }
        self.assertEqual(KNOWN, reports.truth(claims, Wanted({"web.chaos": {"Instances": 2}})))

    def test_unhealthy(self) -> None:
        """An instance that is said not to be healthy is missing in what was said."""
        found = reports.of_instances([{**ROWS[0], "Healthy": False}, ROWS[1]])
        self.assertEqual({"places": {SECOND: "host2"}, "containers": {SECOND: "c2"}}, found)
        self.assertEqual(["places", "containers"], reports.disagreeing(KNOWN, found))

    def test_page(self) -> None:
        """The page has the healthy instances in the boxes of their nodes."""
        self.assertEqual({"places": PLACES}, reports.of_page(PAGE))

    def test_metrics(self) -> None:
        """Metrics have the counts of all services, and of the node alone."""
        found = reports.of_metrics(METRICS, "host1")
        self.assertEqual({"counts": COUNTS, "own": {"host1": 1}}, found)
        self.assertEqual([], reports.disagreeing(KNOWN, found))
        self.assertEqual(["counts", "own"], reports.disagreeing(KNOWN, reports.of_metrics("", "host1")))
