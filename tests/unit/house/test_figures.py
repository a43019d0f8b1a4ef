"""The figures and words in tables of the pages are those by which the code goes."""

from __future__ import annotations

import re

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.guarding.guarded import grace, margin
from daprdockr.model.stored.claim import State
from daprdockr.model.stored.run import RunState
from daprdockr.model.wanted.privileges import PRIVILEGES
from daprdockr.planning.etcd_membership import MOST_MEMBERS, votes_wanted
from daprdockr.planning.renewing.schedule import MINUTES
from tests.unit.house.pages import DESIGN, literals, read, rows, section
from tests.unit.house.sources import CHECKOUT

SECURITY = CHECKOUT / "docs/guide/security.rst"
IN_MINUTES = {"minute": 1, "minutes": 1, "hour": 60, "hours": 60}


class FigureTests(SynchronousTestCase):
    def test_pauses_of_acme(self) -> None:
        """The pauses after failures to get a certificate."""
        told = [row[1].split() for row in rows(DESIGN / "acme.rst", "When the next attempt is due")]
        self.assertEqual(list(MINUTES), [int(number) * IN_MINUTES[unit] for number, unit in told])

    def test_deadlines_of_the_guard(self) -> None:
        """When the guard ends containers, for some leases."""
        for lease, term, kill, most in rows(DESIGN / "partition.rst", "When what happens", table=1):
            ttl, left = (float(one.removesuffix(" s")) for one in (lease, most))
            self.assertAlmostEqual(left, grace(ttl, 3600), places=2)
            self.assertAlmostEqual(float(kill.removesuffix(" s")), ttl - margin(ttl), places=2)
            self.assertAlmostEqual(float(term.removesuffix(" s")), ttl - margin(ttl) - grace(ttl, 3600), places=2)

    def test_votes(self) -> None:
        """How many members of etcd vote, by the number of hosts."""
        for hosts, votes, _ in rows(DESIGN / "joining.rst", "How many vote"):
            number = int(hosts.removesuffix(" ..."))
            self.assertEqual(votes_wanted(min(number, MOST_MEMBERS)), int(votes), hosts)


class WordTests(SynchronousTestCase):
    def test_states_of_instances(self) -> None:
        """Each state of an instance is explained."""
        told = [row[0] for row in rows(DESIGN / "vocabulary.rst", "States of an instance")]
        self.assertEqual([one.value for one in State], told)

    def test_states_of_runs(self) -> None:
        """Each state of a run is named where its record is."""
        named = set(literals(read(DESIGN / "etcd-keys.rst")[0]))
        self.assertEqual([], [one.value for one in RunState if one.value not in named])

    def test_privileges(self) -> None:
        """Each privilege that ``--allow`` takes is explained."""
        named = {text for text in literals(section(SECURITY, "Security")) if re.fullmatch("[a-z-]+", text)}
        self.assertEqual(set(), set(PRIVILEGES) - named)
