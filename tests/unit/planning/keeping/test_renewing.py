"""Contents that are put in their place in a running container, instead of another one."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from daprdockr.model.host import Status
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.files import with_stamps
from daprdockr.planning.container_steps import RenewFiles
from daprdockr.planning.keeping.delivered import awaits_signal, delivery_digest, renewable
from daprdockr.planning.keeping.renewing import is_to_renew
from daprdockr.planning.keeping.reporting import report
from daprdockr.planning.plan import plan
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
        delivered = "" if renewed is None else delivery_digest(renewed)
        record = running_record(running, delivered=delivered)
        seen = situation(wanted, (claim(record),), (running,), renewed=known)
        return [str(step) for step in plan(seen, NOW).steps]

    def test_changed(self) -> None:
        """Where another stamp is in place, or nobody knows which, the files are renewed, and nothing else happens."""
        expected = [str(RenewFiles(instance(1), "c1"))]
        self.assertEqual(renewable(having("s2")), ("s2",))
        self.assertEqual(self.steps(having("s2"), ("s1",)), expected)
        self.assertEqual(self.steps(having("s1"), None), expected)
        self.assertEqual(self.steps(having("s1"), ("s1",)), [])

    def test_paused(self) -> None:
        """A container that is paused could not handle the signal, so its files wait until it runs on."""
        for status, expected in ((Status.RUNNING, True), (Status.PAUSED, False)):
            one = container(of=having("s1"), status=status)
            seen = situation(having("s2"), (), (one,), renewed={one.id: ("s1",)})
            self.assertIs(is_to_renew(seen, one, having("s2")), expected)

    def test_missing(self) -> None:
        """A file that is not set any more is left as it is in a container that runs; only the claim says so."""
        (report,) = self.steps(having(""), ("s1",))
        self.assertIn("file x is not set: daprdockrcmd file set x", report)

    def told(self, wanted: Definition, renewed: tuple[str, ...] | None, before: str | None = None) -> str | None:
        """Return what the node says of the contents in a container, which it said ``before``, too."""
        running = container(of=wanted)
        known = {} if renewed is None else {running.id: renewed}
        record = running_record(running, delivered=before)
        seen = situation(wanted, (claim(record),), (running,), renewed=known)
        return report(seen, instance(1), wanted, NOW).delivered

    def test_told(self) -> None:
        """
        The claim says for which contents the container got the signal; it says nothing of a definition without such
        contents, "" as long as the node does not know, and what it said before in place of that.
        """
        self.assertEqual(self.told(having("s2"), ("s1",)), delivery_digest(("s1",)))
        self.assertEqual((self.told(having("s2"), None), self.told(having("s2"), None, "0123")), ("", "0123"))
        self.assertIsNone(self.told(definition(), ("s1",), "0123"))

    def test_told_of_another_container(self) -> None:
        """A report about a former container is not repeated for the next one."""
        wanted = having("s1")
        former = running_record(container("old", of=wanted), delivered=delivery_digest(("s1",)))
        seen = situation(wanted, (claim(former),), (container("new", of=wanted),))
        self.assertEqual(report(seen, instance(1), wanted, NOW).delivered, "")

    def test_awaited(self) -> None:
        """
        A signal is awaited until the claim names the contents of the definition; not of an older agent, which says
        nothing, nor where there is nothing to deliver, or something is missing.
        """
        now = delivery_digest(("s2",))
        for wanted, delivered, awaited in (
            (having("s2"), "", True),
            (having("s2"), delivery_digest(("s1",)), True),
            (having("s2"), now, False),
            (having("s2"), None, False),
            (having(""), "", False),
            (definition(), "", False),
        ):
            self.assertEqual(awaits_signal(wanted, delivered), awaited, (wanted, delivered))

    def test_not_now(self) -> None:
        """No container is renewed that is paused, or while this node is out of touch."""
        self.assertNotIn(str(RenewFiles(instance(1), "c1")), self.steps(having("s2"), ("s1",), status=Status.PAUSED))
        running = container(of=having("s1"))
        seen = situation(having("s2"), (claim(running_record(running)),), (running,), here=OUT_OF_TOUCH)
        self.assertEqual(plan(seen, NOW).steps, ())
