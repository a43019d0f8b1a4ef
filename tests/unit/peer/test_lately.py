"""The connections that need no event of their own."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.peer.lately import MOST, QUIET, Lately
from tests.build.values import instance


class LatelyTests(SynchronousTestCase):
    def test_news(self) -> None:
        """Another person, address, instance or port is news, and so is the same after a while."""
        lately, first = Lately(), ("anna@desk", "192.0.2.1", instance(1), 80)
        others = [("ben@desk", *first[1:]), (first[0], "192.0.2.2", *first[2:]), (*first[:2], instance(2), 80)]
        for what in (first, *others, (*first[:3], 81)):
            self.assertTrue(lately.is_news(what, 0.0))
            self.assertFalse(lately.is_news(what, QUIET - 1))
        self.assertTrue(lately.is_news(first, QUIET))
        self.assertFalse(lately.is_news(first, 2 * QUIET - 1))

    def test_bounded(self) -> None:
        """Of very many the earliest is forgotten."""
        lately = Lately()
        for port in range(1, MOST + 2):
            lately.is_news(("anna@desk", "192.0.2.1", instance(1), port), float(port))
        self.assertTrue(lately.is_news(("anna@desk", "192.0.2.1", instance(1), 1), MOST + 2.0))
        self.assertFalse(lately.is_news(("anna@desk", "192.0.2.1", instance(1), 3), MOST + 2.0))
