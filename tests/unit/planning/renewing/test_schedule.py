"""When the next attempt for a certificate is due."""

from __future__ import annotations

import re
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.renewal import RenewalRecord
from daprdockr.planning.renewing.schedule import (
    MINUTES,
    Life,
    ask_after,
    drawn,
    due_at,
    names_to_ask,
    next_names,
    pause,
    renew_at,
)

DAY = 86400.0
PAGE = Path(__file__).parents[4] / "docs" / "design" / "acme.rst"


class PauseTests(SynchronousTestCase):
    def test_table(self) -> None:
        """The pauses grow with the failures in a row as the table says, and stay at the last one."""
        pauses = [pause(failures, 0.0) / 60 for failures in range(1, 13)]
        self.assertEqual(pauses, [1, 2, 5, 10, 20, 30, 60, 120, 240, 360, 360, 360])

    def test_never_sooner(self) -> None:
        """Chance makes a pause longer by up to a tenth, and never shorter."""
        self.assertEqual((pause(1, 0.0), pause(1, 0.5)), (60.0, 63.0))
        self.assertLess(pause(10, 0.999), 1.1 * 360 * 60)

    def test_wish_of_the_server(self) -> None:
        """A server that asks for a longer pause gets it, up to a day; one that asks for a shorter one does not."""
        self.assertEqual([pause(1, 0.0, wish) for wish in (5.0, 3600.0, 10 * DAY)], [60.0, 3600.0, DAY])

    def test_documented(self) -> None:
        """The page of the design has the same table."""
        rows = re.findall(r"^(\d+)(?: and more)? +(\d+) (minutes?|hours?)$", PAGE.read_text(), re.MULTILINE)
        found = [int(count) * (60 if unit.startswith("hour") else 1) for _, count, unit in rows]
        self.assertEqual((found, [int(row[0]) for row in rows]), (list(MINUTES), [*range(1, len(MINUTES) + 1)]))


class RenewalTests(SynchronousTestCase):
    def test_a_third_left(self) -> None:
        """A certificate is renewed when a third of its life is left, however long that is."""
        for days in (90, 45, 6):
            self.assertEqual(renew_at(Life(100.0, 100.0 + days * DAY)), 100.0 + days * DAY * 2 / 3)

    def test_as_the_server_wants(self) -> None:
        """A time that the server wants comes before that rule, earlier or later."""
        life = Life(0.0, 90 * DAY)
        self.assertEqual([renew_at(life, wanted * DAY) for wanted in (1, 80)], [DAY, 80 * DAY])

    def test_emergency(self) -> None:
        """When a twentieth is left it is renewed, whatever the server wants."""
        self.assertEqual(renew_at(Life(0.0, 100 * DAY), 99 * DAY), 95 * DAY)

    def test_drawn(self) -> None:
        """A time is drawn from a window, and stays while it lies in there."""
        self.assertEqual(drawn(100.0, 200.0, 0.0, 0.25), 125.0)
        self.assertEqual(drawn(100.0, 200.0, 190.0, 0.25), 190.0)
        self.assertEqual(drawn(100.0, 200.0, 90.0, 0.25), 125.0)
        self.assertEqual(drawn(200.0, 100.0, 0.0, 0.5), 200.0)

    def test_drawn_before_all_times(self) -> None:
        """A window from before 1970 is one in the past: it is no wish for nothing, and can be stored."""
        for begins, ends in ((0.0, 0.0), (-7.0, 0.0), (-7.0, -5.0)):
            wanted = drawn(begins, ends, 0.0, 0.5)
            self.assertEqual(renew_at(Life(100.0, 200.0), wanted), wanted)
            self.assertEqual(RenewalRecord.decode(RenewalRecord(renew=wanted).encode()).renew, wanted)

    def test_asked_again(self) -> None:
        """A server is asked again as often as it wants, from hourly to daily; every six hours if it wants nothing."""
        self.assertEqual([ask_after(wish) / 3600 for wish in (0.0, 1.0, 7200.0, 1e9)], [6, 1, 2, 24])


class DueTests(SynchronousTestCase):
    def test_new_name(self) -> None:
        """A name without a certificate is due at once, or after the pause of a failure."""
        self.assertEqual(due_at(RenewalRecord(), None, 0.0), 0.0)
        self.assertEqual(due_at(RenewalRecord(failures=1, next_attempt=70.0), None, 0.0), 70.0)

    def test_failed_renewal(self) -> None:
        """A renewal that failed is tried again after the pause, not at once."""
        life = Life(0.0, 90.0)
        self.assertEqual(due_at(RenewalRecord(), life, 0.0), 60.0)
        self.assertEqual(due_at(RenewalRecord(failures=2, next_attempt=75.0), life, 0.0), 75.0)

    def test_old_at_once(self) -> None:
        """A certificate that is to be renewed when it is stored, as by a wrong clock or server, is not at once."""
        made, life = 500 * DAY, Life(400 * DAY, 490 * DAY)
        stored = RenewalRecord(time=made, next_attempt=made + 60, renew=1.0)
        self.assertEqual(due_at(stored, life, made + 61), made + 90 * DAY / 200)
        self.assertEqual(due_at(stored, None, made + 61), made + 60)

    def test_clock_was_wrong(self) -> None:
        """Times that a clock far ahead left in a record hold nothing back; the longest possible ones do."""
        now, life = 100 * DAY, Life(99 * DAY, 102 * DAY)
        ahead = RenewalRecord(time=400 * DAY, next_attempt=400 * DAY, renewal_id="x.y", ask=400 * DAY)
        self.assertEqual((due_at(ahead, None, now), due_at(ahead, life, now)), (0.0, 101 * DAY))
        self.assertEqual(names_to_ask(["a.test"], {"a.test": ahead}, {"a.test": life}, now), ["a.test"])
        longest = RenewalRecord(failures=1, next_attempt=now + pause(1, 0.999, 10 * DAY))
        self.assertEqual(due_at(longest, None, now), longest.next_attempt)
        asked = RenewalRecord(renewal_id="x.y", ask=now + ask_after(1e9))
        self.assertEqual(names_to_ask(["a.test"], {"a.test": asked}, {"a.test": life}, now), [])

    def test_order(self) -> None:
        """Names that have no valid certificate come first, then those that lose theirs first; others are not due."""
        lives = {"b.test": Life(0.0, 90.0), "c.test": Life(0.0, 80.0), "late.test": Life(0.0, 900.0)}
        lives["ended.test"] = Life(0.0, 50.0)
        wanted = ["a.test", "b.test", "c.test", "ended.test", "late.test", "waits.test"]
        records = {"waits.test": RenewalRecord(next_attempt=71.0)}
        self.assertEqual(next_names(wanted, records, lives, 70.0), ["a.test", "ended.test", "c.test", "b.test"])

    def test_asked(self) -> None:
        """A server is asked about valid certificates that it has a name for, when the time has come."""
        lives = {name: Life(0.0, 90.0) for name in ("a.test", "b.test", "c.test")} | {"d.test": Life(0.0, 10.0)}
        known = RenewalRecord(renewal_id="x.y", ask=50.0)
        records = {"a.test": known, "b.test": RenewalRecord(ask=50.0), "d.test": known, "e.test": known}
        wanted = [*"abcde"]
        wanted = [f"{letter}.test" for letter in wanted]
        self.assertEqual(names_to_ask(wanted, records, lives, 50.0), ["a.test"])
        self.assertEqual(names_to_ask(wanted, records, lives, 49.0), [])
