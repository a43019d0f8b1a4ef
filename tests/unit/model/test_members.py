"""Tables of members: strict and lenient reading, and what is written."""

from __future__ import annotations

import json

from attrs import frozen
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import (
    Members,
    all_members,
    changed_members,
    decode_members,
    encode_members,
    known_members,
    read_members,
)
from daprdockr.model.wanted.health import Health
from daprdockr.model.wanted.placement import Placement
from daprdockr.model.wanted.update import Update

MEMBERS: Members = {"Size": ("size", reading.integer(0, 9)), "Name": ("called", reading.text)}


@frozen
class Part:
    size: int = 1
    called: str = ""


class MembersTests(SynchronousTestCase):
    def test_strict(self) -> None:
        """A definition's members are read in any case, by attribute; an unknown one is refused, and null is absent."""
        self.assertEqual(read_members({"SIZE": 2, "Name": None}, "Part", MEMBERS), {"size": 2})
        bad: tuple[object, ...] = ({"Sizes": 2}, {"Size": 10}, [], {"Size": 1, "size": 1})
        for value in bad:
            self.assertRaises(BadInput, read_members, value, "Part", MEMBERS)

    def test_required(self) -> None:
        """A member without a default is missed by its place in the document."""
        for path, text in (("Part", "Part.Name is missing"), ("", "Name is missing")):
            error = self.assertRaises(BadInput, read_members, {"Size": 2}, path, MEMBERS, ("Name",))
            self.assertEqual(str(error), text)

    def test_lenient(self) -> None:
        """A record's unknown members are ignored, and a known one is refused if it is unusable."""
        self.assertEqual(known_members({"Size": 2, "Novelty": 3, "Name": None}, "it", MEMBERS), {"size": 2})
        self.assertEqual(decode_members(b'{"Name": "x", "size": 2}', MEMBERS), {"called": "x"})
        for data in (b"[]", b"{", b'{"Size": "2"}'):
            self.assertRaises(BadInput, decode_members, data, MEMBERS)

    def test_written(self) -> None:
        """All members are written in the order of the table, or those alone that are not at their defaults."""
        self.assertEqual(list(all_members(Part(2, "x"), MEMBERS).items()), [("Size", 2), ("Name", "x")])
        self.assertEqual(changed_members(Part(2), Part(), MEMBERS), {"Size": 2})
        self.assertEqual(json.loads(encode_members({"Name": "ü"})), {"Name": "ü"})
        self.assertEqual(encode_members({"Name": "ü", "Size": 1}), '{"Name":"ü","Size":1}'.encode())

    def test_defaults_are_not_written(self) -> None:
        """Members that have their default are left out."""
        self.assertEqual(Placement.read({"OnePerNode": False, "Constraints": []}, "P").write(), {})
        self.assertEqual(Update.read({"Parallelism": 1, "OnFailure": "revert"}, "U").write(), {})
        self.assertEqual(Health.read({"Type": "none", "Path": "/", "Retries": 3}, "H").write(), {"Type": "none"})
