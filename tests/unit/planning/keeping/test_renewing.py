"""Contents that are put in their place in a running container, instead of another one."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from daprdockr.model.host import Status
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.files import with_stamps
from daprdockr.planning.keeping.renewing import renewable
from daprdockr.planning.plan import plan
from daprdockr.planning.steps import RenewFiles
from tests.build.plans import PlanTestCase
from tests.build.situations import NOW, OUT_OF_TOUCH, claim, container, running_record, situation
from tests.build.values import definition, instance

FILES = [{"Name": "x", "Target": "/x", "OnChange": "HUP"}, {"Content": "c", "Target": "/c"}]


def having(stamp: str) -> Definition:
    made = definition(Files=FILES)
    return evolve(made, files=with_stamps(made.files, {"x": stamp}))


class RenewingTests(PlanTestCase):
    def steps(self, wanted: Definition, renewed: tuple[str, ...] | None, **fields: Any) -> list[str]:
        """The steps about files for a container that runs, by their text."""
        running = container(of=having("s1"), **fields)
        known = {} if renewed is None else {running.id: renewed}
        seen = situation(wanted, (claim(running_record(running)),), (running,), renewed=known)
        return [str(step) for step in plan(seen, NOW).steps]

    def test_changed(self) -> None:
        """Where another stamp is in place, or nobody knows which, the files are renewed, and nothing else happens."""
        expected = [str(RenewFiles(instance(1), "c1"))]
        self.assertEqual(renewable(having("s2")), ("s2",))
        self.assertEqual(self.steps(having("s2"), ("s1",)), expected)
        self.assertEqual(self.steps(having("s1"), None), expected)
        self.assertEqual(self.steps(having("s1"), ("s1",)), [])

    def test_missing(self) -> None:
        """A file that is not set any more is left as it is in a container that runs; only the claim says so."""
        (report,) = self.steps(having(""), ("s1",))
        self.assertIn("file x is not set: daprdockrcmd file set", report)

    def test_not_now(self) -> None:
        """No container is renewed that is paused, or while this node is out of touch."""
        self.assertNotIn(str(RenewFiles(instance(1), "c1")), self.steps(having("s2"), ("s1",), status=Status.PAUSED))
        running = container(of=having("s1"))
        seen = situation(having("s2"), (claim(running_record(running)),), (running,), here=OUT_OF_TOUCH)
        self.assertEqual(plan(seen, NOW).steps, ())
