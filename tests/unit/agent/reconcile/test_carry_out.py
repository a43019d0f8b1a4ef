"""The outcome of a step, as the loop reads it: the module that carried it out states it, once."""

from __future__ import annotations

from typing import Any

from attrs import frozen
from twisted.internet.defer import Deferred

from daprdockr.agent.reconcile.transactions import ETCD_DELAYS
from daprdockr.model.names import InstanceName
from daprdockr.planning.claim_steps import TakeClaim
from daprdockr.planning.container_steps import CreateContainer, PullImage, StartContainer
from daprdockr.planning.lanes import Lane
from daprdockr.planning.outcome import Done, Fault, Retry
from tests.build.carry_out import FIRST, KEY, RECORD, SERVED, CarryOutCase
from tests.build.situations import WEB_1, starting_record


@frozen
class Unforeseen:
    """A step of a family that nobody carries out."""

    instance: InstanceName = FIRST


class FamilyTests(CarryOutCase):
    """Which module carries out which step."""

    def test_no_family(self) -> None:
        """A step of no known family fails, by whichever way it comes, instead of being taken for done."""
        stranger: Any = Unforeseen()
        rooms = (self.carry_out, self.carry_out.claims, self.carry_out.containers)
        for room in rooms:
            with self.subTest(room=type(room).__name__):
                done = Deferred.fromCoroutine(room(stranger))
                self.assertIn("Unforeseen", str(self.failureResultOf(done, AssertionError).value))


class OutcomeTests(CarryOutCase):
    """The outcome of a step, as the loop reads it."""

    def test_done(self) -> None:
        """A step that was carried out is done."""
        self.assertEqual(self.outcome(TakeClaim(FIRST, RECORD)), Done())
        self.assertEqual(self.outcome(PullImage("web:1")), Done())

    def test_claim_lost(self) -> None:
        """A lost claim rests at once, as briefly as anything about etcd."""
        self.store.put(KEY, starting_record("b").encode())
        outcome = self.outcome(TakeClaim(FIRST, RECORD))
        self.assertEqual(outcome, Retry("the claim of 1.web.myapp is not this node's", ETCD_DELAYS, at_once=True))

    def test_etcd_away(self) -> None:
        """A write that etcd did not take is tried again, and logged once."""
        self.store.unavailable = True
        outcome = self.outcome(TakeClaim(FIRST, RECORD))
        assert isinstance(outcome, Retry)
        self.assertEqual((outcome.delays, outcome.at_once, outcome.once), (ETCD_DELAYS, False, True))

    def test_fault_of_a_generation(self) -> None:
        """A container that cannot be created or started is counted with the digest of its definition."""
        created = self.create()
        self.engine.broken_images.add("web:1")
        outcome = self.outcome(StartContainer(FIRST, created.id))
        assert isinstance(outcome, Fault)
        self.assertEqual(outcome.lane, Lane("container", FIRST, WEB_1.digest))
        self.engine.images.clear()
        outcome = self.outcome(CreateContainer(FIRST, SERVED, (), 40))
        assert isinstance(outcome, Fault)
        self.assertEqual(outcome.lane, Lane("container", FIRST, SERVED.digest))

    def test_start_gone(self) -> None:
        """The generation of a container that is not there any more is known nevertheless."""
        created = self.create()
        self.engine.remove(created.id)
        outcome = self.outcome(StartContainer(FIRST, created.id))
        assert isinstance(outcome, Fault)
        self.assertEqual(outcome.lane.generation, WEB_1.digest)

    def test_engine_away(self) -> None:
        """An Engine that answers nothing is no fault of the container."""
        created = self.create()
        self.engine.unavailable = True
        self.assertIsInstance(self.outcome(StartContainer(FIRST, created.id)), Retry)

    def test_pulled_after_all(self) -> None:
        """The failures of an image are forgotten when it is there."""
        lane = Lane("image", "web:1")
        for step in (PullImage("web:1"), CreateContainer(FIRST, WEB_1, (), 40)):
            self.failures.take(lane, Fault("no route", lane, "no route"))
            self.do(step)
            self.assertEqual(self.failures.pulls, {})
