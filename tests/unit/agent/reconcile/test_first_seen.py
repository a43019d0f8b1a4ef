"""Since when something has been so."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.reconcile.first_seen import FirstSeen
from tests.build.values import API, WEB


class FirstSeenTests(SynchronousTestCase):
    """``FirstSeen``."""

    def setUp(self) -> None:
        self.seen = FirstSeen()

    def test_lasts(self) -> None:
        """An instance that is seen without a break keeps the time at which it was first seen."""
        self.assertEqual(self.seen(WEB, [1], 10.0), {1: 10.0})
        self.assertEqual(self.seen(WEB, [1, 2], 11.0), {1: 10.0, 2: 11.0})

    def test_interrupted(self) -> None:
        """An instance that was missing once begins anew."""
        self.seen(WEB, [1, 2], 10.0)
        self.assertEqual(self.seen(WEB, [2], 11.0), {2: 10.0})
        self.assertEqual(self.seen(WEB, [1, 2], 12.0), {1: 12.0, 2: 10.0})

    def test_services_apart(self) -> None:
        """The instances of one service say nothing of those of another, and a service without any is forgotten."""
        self.seen(WEB, [1], 10.0)
        self.assertEqual(self.seen(API, [1], 11.0), {1: 11.0})
        self.assertEqual(self.seen(WEB, [], 12.0), {})
        self.assertEqual(list(self.seen._times), [API])
