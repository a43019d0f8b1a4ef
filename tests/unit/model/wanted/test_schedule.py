"""The schedule of a job: what can be written, and when runs are due, also where clocks change."""

from __future__ import annotations

import datetime
import random
from itertools import islice, takewhile
from zoneinfo import ZoneInfo

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.wanted.schedule import FOREVER, Schedule

BERLIN = "Europe/Berlin"


def local(schedule: Schedule, *begin: int, count: int) -> list[str]:
    """The first due times after a local time, as local times with their distance from UTC."""
    zone = ZoneInfo(schedule.time_zone)
    after = datetime.datetime(*begin, tzinfo=zone).timestamp()  # type: ignore[arg-type, misc]
    found = (datetime.datetime.fromtimestamp(due, zone) for due in islice(schedule.due_after(after), count))
    return [f"{one:%d %H:%M %z}" for one in found]


class ReadTests(SynchronousTestCase):
    def test_written_back(self) -> None:
        """A schedule is written as it was read, without defaults."""
        for given in (
            {"Cron": "*/5 * * * *"},
            {"Once": True, "Retries": 2},
            {"Cron": "0 3 * * *", "TimeZone": BERLIN, "Window": 60, "Retries": 1, "Deadline": 90, "Overlap": True},
        ):
            self.assertEqual(Schedule.read(given, "Schedule").write(), given)

    def test_refused(self) -> None:
        """A schedule that nobody can mean is refused with one line that names the place."""
        daily = "0 3 * * *"
        for given, expected in (
            ({}, "Schedule.Cron is missing"),
            ({"Cron": ""}, "Schedule.Cron is missing"),
            ({"Cron": "* * * *"}, "Schedule.Cron: '* * * *' is not usable, write five fields"),
            ({"Cron": "@daily"}, "Schedule.Cron: '@daily' is not usable, write five fields"),
            ({"Cron": "0 * * * * *"}, "write five fields"),
            ({"Cron": f"{'1,' * 100}1 * * * *"}, "write five fields"),
            ({"Cron": "61 * * * *"}, "Schedule.Cron: '61 * * * *' is not usable: there is no such minute"),
            ({"Cron": "0 0 30 2 *"}, "Schedule.Cron: '0 0 30 2 *' is not usable: there is no such day-of-month"),
            ({"Cron": daily, "TimeZone": "Mars"}, "Schedule.TimeZone: 'Mars' is not a time zone"),
            ({"Cron": daily, "TimeZone": "../../etc/hostname"}, "is not a time zone"),
            ({"Cron": daily, "TimeZone": "Europe"}, "is not a time zone"),
            ({"Cron": daily, "Once": True}, "Schedule: Once goes with neither Cron, TimeZone nor Window"),
            ({"Once": True, "Window": 60}, "Schedule: Once goes with neither"),
            ({"Cron": daily, "Window": 1}, "Schedule.Window"),
            ({"Cron": daily, "Retries": -1}, "Schedule.Retries"),
            ({"Cron": daily, "Every": 5}, "Schedule.Every"),
        ):
            error = str(self.assertRaises(BadInput, Schedule.read, given, "Schedule"))
            self.assertIn(expected, error)
            self.assertNotIn("\n", error)


class DueTests(SynchronousTestCase):
    def test_plain(self) -> None:
        """In UTC times are due as written, and the time itself that is asked about is not."""
        fives = Schedule(cron="*/5 * * * *")
        self.assertEqual(list(islice(fives.due_after(600), 3)), [900, 1200, 1500])
        self.assertEqual(next(fives.due_after(599.9)), 600)

    def test_never(self) -> None:
        """A job that runs once, or at the end of the calendar, has no due time."""
        self.assertEqual(list(Schedule(once=True).due_after(0)), [])
        for after in (FOREVER - 1, FOREVER * 2):
            self.assertLessEqual(len(list(islice(Schedule(cron="0 0 1 1 *").due_after(after), 2))), 1)

    def test_clocks_go_forward(self) -> None:
        """A fixed time that does not exist is due at the first moment after the hole, once."""
        twice = Schedule(cron="15,45 2 * * *", time_zone=BERLIN)
        self.assertEqual(local(twice, 2026, 3, 28, 12, count=3), ["29 03:00 +0200", "30 02:15 +0200", "30 02:45 +0200"])

    def test_clocks_go_back(self) -> None:
        """A fixed time that comes twice is due the first time; what follows the time that passes is due in both."""
        fixed, hourly = (Schedule(cron=cron, time_zone=BERLIN) for cron in ("30 2 * * *", "30 * * * *"))
        self.assertEqual(local(fixed, 2026, 10, 24, 12, count=2), ["25 02:30 +0200", "26 02:30 +0100"])
        self.assertEqual(
            local(hourly, 2026, 10, 25, 1, count=4),
            ["25 01:30 +0200", "25 02:30 +0200", "25 02:30 +0100", "25 03:30 +0100"],
        )

    def test_where_one_begins(self) -> None:
        """
        Due times rise, and are the same from wherever one begins to ask: an agent that was restarted finds none twice,
        and leaves none out.
        """
        chance = random.Random(7)
        begin = int(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC).timestamp())
        zones = ("UTC", BERLIN, "America/New_York", "Australia/Lord_Howe", "America/Santiago")
        for cron in ("15,45 2 * * *", "*/20 * * * *", "30 * * * *", "*/30 1-3 * * *", "0 0 * * 0", "59 23 L * *"):
            for zone in zones:
                schedule = Schedule(cron=cron, time_zone=zone)
                for around in (86, 90, 94, 276, 297, 304):  # days on which clocks change somewhere
                    first = begin + around * 86400
                    whole = list(takewhile(lambda due: due < first + 4 * 86400, schedule.due_after(first)))  # noqa: B023
                    self.assertEqual(whole, sorted(set(whole)))
                    cut = first + chance.randrange(4 * 86400)
                    rest = takewhile(lambda due: due < first + 4 * 86400, schedule.due_after(cut))  # noqa: B023
                    self.assertEqual(list(rest), [due for due in whole if due > cut], (cron, zone, around, cut))
