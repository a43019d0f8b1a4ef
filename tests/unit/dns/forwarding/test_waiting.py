"""``daprdockr.dns.forwarding.shares`` and ``waiting``: the counts stay right while clients come and go."""

from __future__ import annotations

from random import Random

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.forwarding.forwarded import Asked
from daprdockr.dns.forwarding.shares import Client, Shares
from daprdockr.dns.forwarding.waiting import MAX_OPEN, OpenQuestions


class SharesTests(SynchronousTestCase):
    """``Shares``"""

    def test_any_order(self) -> None:
        """However much is taken and freed, who holds most and what it holds longest is known."""
        chance, shares = Random(1), Shares[int]()
        held: dict[str, list[int]] = {name: [] for name in "abcd"}
        for number in range(3000):
            holder = chance.choice("aabcd")
            if held[holder] and chance.random() < 0.5:
                shares.free(holder, held[holder].pop(chance.randrange(len(held[holder]))))
            else:
                held[holder].append(number)
                shares.take(holder, number)
            self.assertEqual(len(held[holder]), shares.count(holder))
            if any(held.values()):
                largest = [ones[0] for ones in held.values() if len(ones) == shares.most]
                self.assertEqual(max(map(len, held.values())), shares.most)
                self.assertIn(shares.oldest_of_most(), largest)
            self.assertEqual(sum(map(len, held.values())), shares.total)


class WaitingTests(SynchronousTestCase):
    """``OpenQuestions``"""

    def test_any_order(self) -> None:
        """Each question is in the share of a client that waits for it, or in nobody's."""
        chance, waiting = Random(2), OpenQuestions()
        for number in range(3000):
            client = Client(str(chance.randrange(5)), chance.random() < 0.3)
            asked = Asked(bytes([chance.randrange(250)]), 0, dnssec_ok=False)
            opened = waiting.get(asked)
            if opened is None:
                if waiting.full:
                    leaving = waiting.gives_way(client, float(number))
                    if leaving is None:
                        continue
                    waiting.end(leaving)
                opened = waiting.begin(asked, float(number))
            elif chance.random() < 0.1:
                waiting.leave(opened)
                continue
            waiting.wait(opened, client)
            for one in waiting.opened():
                clients = {waiter.client for waiter in one.waiters}
                self.assertTrue(one.holder in clients or (one.holder is None and not clients))
            self.assertLessEqual(len(waiting.opened()), MAX_OPEN)
        for one in waiting.opened():
            waiting.end(one)
        self.assertFalse(waiting.full)
