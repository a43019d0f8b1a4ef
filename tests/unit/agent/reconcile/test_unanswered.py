"""Writes whose outcome is not known."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reconcile.unanswered import Unanswered
from daprdockr.model.errors import EtcdRefused, EtcdUnavailable
from tests.build.values import API, WEB, instance


class UnansweredTests(SynchronousTestCase):
    """``Unanswered``."""

    def setUp(self) -> None:
        self.unanswered = Unanswered()

    def ask(self, number: int, error: BaseException | None = None) -> None:
        with self.unanswered.asking(instance(number)):
            self.assertIn(number, self.unanswered.of(WEB))
            if error is not None:
                raise error

    def test_answered(self) -> None:
        """While a write is under way it is unanswered; then it is not, and nothing is kept of it."""
        self.ask(1)
        self.assertEqual(self.unanswered.of(WEB), frozenset())
        self.assertEqual(self.unanswered._services, {})

    def test_lost(self) -> None:
        """A write that ended without an answer may have happened, until the next one about the instance is answered."""
        self.assertRaises(EtcdUnavailable, self.ask, 1, EtcdUnavailable("etcd did not answer"))
        self.ask(2)
        self.assertEqual((self.unanswered.of(WEB), self.unanswered.of(API)), ({1}, frozenset()))
        self.ask(1)
        self.assertEqual(self.unanswered.of(WEB), frozenset())

    def test_refused(self) -> None:
        """A refusal is an answer, and so is a fault of ours before anything was sent."""
        for error in (EtcdRefused("no right"), ValueError("a fault")):
            self.assertRaises(type(error), self.ask, 1, error)
            self.assertEqual(self.unanswered.of(WEB), frozenset())
