"""Bytes, durations, ports and words, as a Compose file writes them."""

from __future__ import annotations

from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.compose import units
from daprdockr.compose.tree import PlacedMap
from daprdockr.model.errors import BadInput


class UnitsTests(SynchronousTestCase):
    """Each reader, with what it takes and what it refuses."""

    def refuse(self, reader: Any, *values: object) -> None:
        for value in values:
            self.assertIn("not usable", str(self.assertRaises(BadInput, reader, value)), value)

    def test_size(self) -> None:
        """Bytes have units of 1024, with or without a fraction."""
        for value, expected in {"512m": 512 << 20, "1.5gb": 3 << 29, "64KiB": 65536, 7: 7, "-1": -1, "2b": 2}.items():
            self.assertEqual(expected, units.size(value), value)
        self.refuse(units.size, "many", "-2", "1.5.5g", [], "1x")

    def test_seconds(self) -> None:
        """Durations have parts."""
        for value, expected in {"1m30s": 90, "500ms": 0.5, "1h": 3600, "10us": 0.00001, "1.5s": 1.5}.items():
            self.assertEqual(expected, units.seconds(value), value)
        self.refuse(units.seconds, "", "5", "5x", "s", "1m 30s")
        self.assertEqual(("90", "0.5"), (str(units.tidy(90.0)), str(units.tidy(0.5))))

    def test_boolean(self) -> None:
        """Yes and no may be words."""
        self.assertEqual([True, True, False, False], [units.boolean(one) for one in (True, "Yes", "off", "")])
        self.refuse(units.boolean, "maybe", [])

    def test_numbers(self) -> None:
        """Numbers may be texts, as a variable gives them."""
        self.assertEqual((3, 0.5), (units.whole("3"), units.number("0.5")))
        self.refuse(units.whole, "x", "1.5")
        self.refuse(units.number, "x", "-1", "nan", "1e12")

    def test_texts(self) -> None:
        """A text is a list of one; a command is split as a shell does."""
        self.assertEqual((["a"], ["1", "true"]), (units.texts("a"), units.texts([1, True])))
        self.assertEqual(["sh", "-c", "a b"], units.command("sh -c 'a b'"))
        self.assertEqual(["a b"], units.command(["a b"]))
        self.refuse(units.command, "'a")
        self.refuse(units.texts, PlacedMap())

    def test_pairs(self) -> None:
        """Pairs are a mapping or a list; a name may have no value."""
        expected = {"A": "1", "B": None, "C": "x=y"}
        self.assertEqual(expected, units.pairs(["A=1", "B", "C=x=y"]))
        self.assertEqual(expected, units.pairs(PlacedMap([("A", 1), ("B", None), ("C", "x=y")])))
        self.refuse(units.pairs, "A=1")

    def test_ports(self) -> None:
        """A port may be a range."""
        self.assertEqual(([80], [1, 2, 3]), (units.ports(80), units.ports("1-3")))
        self.refuse(units.ports, "0", "3-1", "65536", "a", "")
        self.assertRaises(BadInput, units.ports, "1-257")

    def test_lists(self) -> None:
        """A list is one."""
        self.assertEqual([1], list(units.tables([1])))
        self.refuse(lambda value: list(units.tables(value)), "a")
