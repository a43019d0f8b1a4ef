"""A secret that is not set holds back what needs it, and stops nothing: Note [What is missing] in ``running``."""

from __future__ import annotations

from attrs import evolve

from daprdockr.model.host import Status
from daprdockr.model.wanted.secrets import stamped
from daprdockr.planning.claim_steps import WriteClaim
from daprdockr.planning.container_steps import CreateContainer
from daprdockr.planning.plan import plan
from daprdockr.planning.rollout_steps import TakeSlot
from tests.build.plans import PlanTestCase
from tests.build.situations import NOW, claim, container, running_record, situation, starting_record
from tests.build.values import definition

WITHOUT = definition(Secrets=[{"Name": "password"}, {"Name": "password", "Env": "P"}])
WITH = evolve(WITHOUT, secrets=stamped(WITHOUT.secrets, {"password": ("s1", "k")}))
AGAIN = evolve(WITHOUT, secrets=stamped(WITHOUT.secrets, {"password": ("s2", "k")}))
MISSING = "secret password is not set: daprdockrcmd secret set password"


class MissingTests(PlanTestCase):
    def test_not_set(self) -> None:
        """No container is created, and the claim says why; with the secret it is."""
        waits = claim(starting_record(reason=MISSING))
        (report,) = plan(situation(WITHOUT, (claim(starting_record()),)), NOW).steps
        assert isinstance(report, WriteClaim)
        self.assertEqual(report.record.reason, MISSING)
        self.assertEqual(plan(situation(WITHOUT, (waits,)), NOW).steps, ())
        steps = plan(situation(WITH, (waits,)), NOW).steps
        self.assertTrue(any(isinstance(step, CreateContainer) for step in steps))

    def test_all_named(self) -> None:
        """Everything that is not set is named, by its kind."""
        both = definition(
            Secrets=[{"Name": "a"}, {"Name": "b"}],
            Files=[{"Name": "f", "Target": "/f"}, {"Content": "", "Target": "/g"}],
        )
        (report,) = plan(situation(both, (claim(starting_record()),)), NOW).steps
        assert isinstance(report, WriteClaim)
        self.assertEqual(
            report.record.reason,
            "secrets a, b are not set: daprdockrcmd secret set NAME; file f is not set: daprdockrcmd file set f",
        )

    def test_deleted(self) -> None:
        """A container that runs stays, healthy, and the claim says what is missing; no slot is taken to replace it."""
        running = container(of=WITH)
        seen = situation(WITHOUT, (claim(running_record(running)),), (running,))
        (report,) = plan(seen, NOW).steps
        assert isinstance(report, WriteClaim)
        self.assertEqual((report.record.healthy, report.record.reason), (True, MISSING))

    def test_ended(self) -> None:
        """One that ended waits as well, and is not removed."""
        ended = container(of=WITH, status=Status.EXITED)
        seen = situation(WITHOUT, (claim(starting_record(reason=MISSING)),), (ended,))
        self.assertEqual(plan(seen, NOW).steps, ())

    def test_set_again(self) -> None:
        """With another stamp it is replaced as by any change of the definition."""
        running = container(of=WITH)
        seen = situation(AGAIN, (claim(running_record(running)),), (running,))
        self.assertTrue(any(isinstance(step, TakeSlot) for step in plan(seen, NOW).steps))
