"""
The same zone in Knot and here, and 10,000 questions drawn by lot: the answers are equal.

Each difference has a reason (``explained``); a reason that no difference needs any more is a failure too.
"""

from __future__ import annotations

import re
from collections import Counter

from twisted.trial.unittest import SynchronousTestCase

from tests.rig.dns.alone import CHECKOUT, DnsAlone
from tests.rig.dns.asker import Asker
from tests.rig.dns.explained import explained
from tests.rig.dns.knot import Knot, missing
from tests.rig.dns.questions import Asked, Lot
from tests.rig.dns.town import town
from tests.rig.dns.view import View

SEED = 20_261_122
QUESTIONS = 10_000
WINDOW = 100
SHOWN = 10
DESIGN = CHECKOUT / "docs/design/dns.rst"


class DifferentialTests(SynchronousTestCase):
    """Knot as the measure."""

    skip = missing()

    def test_same_answers(self) -> None:
        """Each question has the same answer from both servers, but for what is explained."""
        print(f"the questions are those of seed {SEED}")
        lot = Lot(town(), SEED)
        differences, met = [], Counter[str]()
        for one, ours, theirs in self.answers([lot.draw() for _ in range(QUESTIONS)]):
            for reason in explained(town()):
                if ours != theirs and reason.applies(one, ours, theirs):
                    met[reason.title] += 1
                    ours, theirs = reason.even(ours), reason.even(theirs)
            if ours != theirs:
                differences.append(f"{one}\n   ours {ours}\n   Knot {theirs}")
        print(f"explained: {dict(met)}")
        self.assertEqual(0, len(differences), "\n".join(differences[:SHOWN]))
        self.assertEqual({reason.title for reason in explained(town())}, set(met))

    def answers(self, asked: list[Asked]) -> list[tuple[Asked, View, View]]:
        """Each question with what we say to it, and what Knot does; twice, for our second answer may be a kept one."""
        server = DnsAlone("town")
        self.addCleanup(server.stop)
        knot = Knot(town().zone_file())
        self.addCleanup(knot.stop)
        # Why our last address: that is one of IPv6 where there is any.
        askers = [Asker(a) for a in (server.addresses[0], server.addresses[-1], knot.address)]
        for asker in askers:
            self.addCleanup(asker.close)
        found = []
        for start in range(0, len(asked), WINDOW):
            window = dict(enumerate(asked[start : start + WINDOW], start))
            ours, again, theirs = (self.ask(asker, window) for asker in askers)
            found += [(window[n], View.of(one[n]), View.of(theirs[n])) for one in (ours, again) for n in window]
        self.assertEqual("", server.log())
        return found

    def ask(self, asker: Asker, window: dict[int, Asked]) -> dict[int, bytes]:
        """The reply of one server to each question of a window."""
        datagrams = {n: one.packet(n) for n, one in window.items() if not one.stream}
        streams = {n: one.packet(n) for n, one in window.items() if one.stream}
        received = asker.datagrams(datagrams) | asker.stream(streams)
        self.assertEqual([], [str(one) for n, one in window.items() if n not in received])
        return {n: replies[0] for n, replies in received.items()}


class DesignTests(SynchronousTestCase):
    """``docs/design/dns.rst``"""

    def test_each_difference_is_told(self) -> None:
        """The design explains these differences and no others."""
        section = DESIGN.read_text("utf-8").partition("\nBeside Knot\n-----------\n")[2].partition("\n---")[0]
        titles = re.findall(r"^- \*\*(.+?)\*\*", section, re.M)
        self.assertEqual([reason.title for reason in explained(town())], titles)
