"""From the history of a run to the table of what it cost."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from docutils.core import publish_doctree
from twisted.trial.unittest import SynchronousTestCase

from tests.chaos.history import Line
from tests.chaos.table import simple_table, table, total
from tests.chaos.tally import TWO, Count, Row, Tally, tally


def fault(at: float, kind: str, phase: str, **more: Any) -> Line:
    return Line(at, "fault", {"number": 1, "kind": kind, "phase": phase, "hosts": [], **more})


def http(at: float, host: str, ok: bool) -> Line:
    return Line(at, "http", {"host": host, "ok": ok})


def dns(at: float, host: str, *addresses: str) -> Line:
    return Line(at, "dns", {"host": host, "addresses": addresses})


POWER_CUT = [
    http(0.5, "host1", ok=False),
    fault(1.0, "power cut", "begin"),
    Line(1.1, "harm", {"host": "host3", "harm": "power cut"}),
    http(2.0, "host3", ok=False),
    http(2.1, "host1", ok=False),
    http(2.2, "host1", ok=True),
    dns(2.3, "host3"),
    dns(2.4, "host1", "10.0.0.1"),
    fault(3.0, "power cut", "heal"),
    dns(3.5, "host3"),
    fault(4.0, "power cut", "settled", seconds=1.5),
    dns(4.5, "host1"),
]


class TallyTests(SynchronousTestCase):
    """Questions count for the fault during which they were asked."""

    def test_one_fault(self) -> None:
        """From its beginning until all has settled; the harmed hosts and the others are counted apart."""
        row = Row("power cut", 1, Count(3, 1, 1), Count(3, 2, 0), [1.5])
        self.assertEqual({"power cut": row}, tally(POWER_CUT).rows)

    def test_late_lines(self) -> None:
        """Lines count by their moments, not by their places in the file."""
        self.assertEqual(tally(POWER_CUT).rows, tally(reversed(POWER_CUT)).rows)

    def test_scheduled_host(self) -> None:
        """A host is harmed from the beginning of its fault, before anything is done to it."""
        lines = [fault(1.0, "drain", "begin", hosts=["host2"]), http(1.5, "host2", ok=False)]
        self.assertEqual(Count(1, 1, 0), tally(lines).rows["drain"].http)

    def test_two_at_once(self) -> None:
        """All pairs are one row."""
        pairs = ["drain + power cut", "agent killed + bad line"]
        lines = [fault(number, pair, "begin") for number, pair in enumerate(pairs)]
        self.assertEqual([TWO], list(tally(lines).rows))
        self.assertEqual(2, tally(lines).rows[TWO].times)

    def test_never_well(self) -> None:
        """The seconds of a fault that was not over in time count too."""
        lines = [fault(1.0, "drain", "begin"), fault(9.0, "drain", "unsettled", seconds=60.0)]
        self.assertEqual([60.0], tally(lines).rows["drain"].seconds)

    def test_total(self) -> None:
        """All rows together."""
        rows = [Row("a", 1, Count(5, 1, 2), Count(7, 3, 4), [1.0]), Row("b", 2, Count(1, 1, 1), Count(1, 1, 1), [2.0])]
        self.assertEqual(Row("all", 3, Count(6, 2, 3), Count(8, 4, 5), [1.0, 2.0]), total(rows))


class TableTests(SynchronousTestCase):
    """How it looks."""

    def test_cells(self) -> None:
        """A row for each kind, in the order of the alphabet, and one for all, with median and maximum."""
        rows = {
            kind: Row(kind, 3, Count(30, 2, 1), Count(20, 0, 0), [1.0, 2.0, 9.0]) for kind in ("power cut", "Drain")
        }
        drain, cut, everything = [line.split() for line in table(Tally(rows)).splitlines()[3:6]]
        self.assertEqual(["Drain", "3", "30", "2", "1", "20", "0", "0", "2.0", "9.0"], drain)
        self.assertEqual(["power", "cut"], cut[:2])
        self.assertEqual(["all", "6", "60", "4", "2", "40", "0", "0", "2.0", "9.0"], everything)

    def test_nothing_over(self) -> None:
        """Without a fault that was over there are no seconds."""
        self.assertIn("-", table(Tally({"drain": Row("drain", 1)})).splitlines()[3].split())

    def test_rst(self) -> None:
        """It is a table for docutils, without a complaint."""
        document = publish_doctree(table(tally(POWER_CUT)), settings_overrides={"report_level": 1, "halt_level": 1})
        rows = list(document.findall(nodes.row))
        self.assertEqual(["fault", "power cut", "all"], [row[0].astext() for row in rows])

    def test_widths(self) -> None:
        """Columns are as wide as their widest cell, the first to the left and the others to the right."""
        drawn = simple_table([("a", "cost"), ("late", "7")])
        self.assertEqual(["====  ====", "a     cost", "====  ====", "late     7", "====  ===="], drawn.splitlines())
