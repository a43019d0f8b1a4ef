"""The checker as a whole, and the laws ``settled`` and ``history``."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.build.chaos_story import FIRST, SECOND, Story, story
from tests.chaos.checker import check


def quiet() -> Story:
    """Two instances come up, and one fault is over in time."""
    told = story()
    told.up("c1", FIRST, "host1")
    told.up("c2", SECOND, "host2")
    told.fault("begin", kind="nginx killed", hosts=["host3"])
    told.harm("host3", "nginx killed", part="nginx: master")
    told.wait(5)
    told.fault("heal", kind="nginx killed")
    told.wait(1)
    told.fault("settled", kind="nginx killed", seconds=1.0)
    return told


class CheckTests(SynchronousTestCase):
    """All laws together."""

    def test_good(self) -> None:
        """A run in which nothing went wrong breaks no law."""
        told = quiet()
        told.end()
        self.assertEqual([], check(told.lines))

    def test_order_of_time(self) -> None:
        """Violations come in the order of time, whichever law they break, and point to lines that count from 1."""
        told = quiet()
        told.stop("c2", SECOND, "host2")
        told.claim(FIRST, "host3")
        found = check(told.lines)
        self.assertEqual(["stops", "claims", "settled"], [violation.law for violation in found])
        self.assertEqual("kill", told.lines[found[0].lines[0] - 1].data["action"])
        self.assertIn("2.web.chaos", str(found[0]))

    def test_no_start(self) -> None:
        """A history that does not begin with its setting cannot be judged, and the checker says so."""
        self.assertEqual(["history"], [violation.law for violation in check([])])


class HistoryTests(SynchronousTestCase):
    """The law ``history``: a history with holes proves nothing."""

    def test_nothing_seen(self) -> None:
        """A run of which neither claims nor containers were seen is no good run."""
        told = story()
        told.end()
        self.assertEqual(2, len(told.broken("history")))

    def test_unknown_harm(self) -> None:
        """A harm that the checker does not know is reported."""
        told = quiet()
        told.harm("host1", "struck by lightning")
        self.assertIn("struck by lightning", told.broken("history")[0].text)

    def test_missing_write(self) -> None:
        """A write that was not recorded shows by the version of the next one."""
        told = quiet()
        told.claim(FIRST, "host1", healthy=False)
        del told.lines[-1]
        told.claim(FIRST, "host1")
        self.assertEqual(1, len(told.broken("history")))

    def test_missing_creation(self) -> None:
        """So does the creation of a key after its end."""
        told = quiet()
        told.lose(FIRST)
        told.claim(FIRST, "host1")
        del told.lines[-1]
        told.claim(FIRST, "host1")
        self.assertEqual(1, len(told.broken("history")))

    def test_another_etcd(self) -> None:
        """An etcd that was wiped counts from the beginning again."""
        told = quiet()
        told.wipe()
        told.claim(FIRST, "host1")
        self.assertEqual([], told.broken("history"))

    def test_twice(self) -> None:
        """A change that was recorded twice counts once."""
        told = quiet()
        told.claim(FIRST, "host1")
        told.lines.append(told.lines[-1])
        self.assertEqual([], told.broken("history"))


class SettledTests(SynchronousTestCase):
    """The law ``settled``."""

    def test_unsettled(self) -> None:
        """A fault that is not over in time breaks it."""
        told = quiet()
        told.fault("begin", 2)
        told.fault("unsettled", 2, seconds=60.0, lacking="not claimed: 1.web.chaos")
        told.end()
        self.assertIn("not claimed: 1.web.chaos", told.broken("settled")[0].text)

    def test_too_late(self) -> None:
        """So does one that took longer than was stated."""
        told = quiet()
        told.fault("begin", 2)
        told.fault("settled", 2, seconds=60.5)
        told.end()
        self.assertEqual(1, len(told.broken("settled")))

    def test_never_told(self) -> None:
        """A fault without an end, and a run without one, break it."""
        told = quiet()
        told.fault("begin", 2)
        told.fault("heal", 2)
        self.assertEqual(2, len(told.broken("settled")))

    def test_end_unsettled(self) -> None:
        """A run ends when all is well."""
        told = quiet()
        told.tell("end", settled=False)
        self.assertEqual(1, len(told.broken("settled")))
