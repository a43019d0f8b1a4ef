"""Reading JSON of a stranger: what counts as a document, and the checks that its members pass through."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from tests.build.strategies import JSON

BAD_DOCUMENTS = (
    (b"", "not JSON"),
    (b'{"Name": "we', "not JSON"),
    (b'{"Name": "web"}}', "not JSON"),
    (b"\xff\xfe{}", "byte 0 is not UTF-8"),
    (b"\xef\xbb\xbf{}", "not JSON"),
    (b'{"a": NaN}', "not a number"),
    (b'{"a": -Infinity}', "not a number"),
    (b'{"a": 1e999}', "too large"),
    (b'{"a": 1, "a": 2}', "'a' is given twice"),
    (b'[{"b": {"a": 1, "a": 1}}]', "'a' is given twice"),
    (b'{"a": "\\ud800"}', "surrogate"),
    (b'{"\\udfff": 1}', "surrogate"),
    (b"9" * 5000, "not usable"),
    (b"[" * 33 + b"]" * 33, "nested"),
    (b"[" * 990 + b"]" * 990, "nested"),
    (b"[" * 100_000, "nested"),
    (b" " * (reading.MAX_DOCUMENT + 1), "at most 262144 are read"),
    (b"[" + b"1," * 5_000_000 + b"1]", "at most 262144 are read"),
)


class ParseTests(SynchronousTestCase):
    def test_bad_documents(self) -> None:
        """Bytes that are not JSON, or JSON that could not be written again, are refused in one line that says why."""
        for data, part in BAD_DOCUMENTS:
            error = self.assertRaises(BadInput, reading.parse_json, data)
            self.assertIn(part, str(error))
            self.assertTrue(str(error).isprintable(), str(error))

    def test_nesting_at_the_limit(self) -> None:
        """The deepest nesting that is allowed is read."""
        reading.parse_json(b"[" * reading.MAX_NESTING + b"]" * reading.MAX_NESTING)

    @given(JSON)
    def test_any_json(self, value: object) -> None:
        """Any value that JSON can express is read as that value."""
        self.assertEqual(reading.parse_json(json.dumps(value).encode()), value)

    @given(st.binary(max_size=60))
    def test_any_bytes(self, data: bytes) -> None:
        """Bytes are a document that can be written again as UTF-8, or bad input."""
        try:
            json.dumps(reading.parse_json(data), ensure_ascii=False, allow_nan=False).encode()
        except BadInput as error:
            self.assertTrue(str(error).isprintable())


class CheckTests(SynchronousTestCase):
    def assert_check(self, check: reading.Check[object], good: list[object], bad: list[object]) -> None:
        for value in good:
            self.assertEqual(check(value, "A.B"), value)
        for value in bad:
            error = self.assertRaises(BadInput, check, value, "A.B")
            self.assertTrue(str(error).startswith("A.B"), str(error))
            self.assertTrue(str(error).isprintable(), str(error))

    def test_text(self) -> None:
        """A text has no control characters; a free text may have all but NUL."""
        self.assert_check(reading.text, ["", "a b", "é"], ["a\nb", "\x7f", "a\0", None, 1, ["a"], "\u2028"])
        self.assert_check(reading.free_text, ["", "a\nb"], ["a\0b", None, 1, {}])

    def test_boolean(self) -> None:
        """Only true and false are booleans."""
        self.assert_check(reading.boolean, [True, False], [0, 1, "true", None])

    def test_integer(self) -> None:
        """A whole number within its limits; neither a boolean, nor a text, nor a fraction."""
        self.assert_check(reading.integer(0, 10), [0, 10], [-1, 11, True, "5", 1.0, None, 10**400])

    def test_seconds(self) -> None:
        """Seconds may have a fraction, within their limits."""
        self.assert_check(reading.seconds(0.1, 300), [0.1, 5, 300], [0, 301, "5", True, float("inf"), float("nan")])
        error = self.assertRaises(BadInput, reading.seconds(10, 30 * 86400), "1h", "Window")
        self.assertEqual(str(error), "Window: '1h' is not usable, write seconds from 10 to 2592000")

    def test_port(self) -> None:
        """A port is a number, in quotes or not, from 1 to 65535."""
        self.assert_check(
            reading.port, [1, 8080, 65535], [0, 65536, -1, "x", "", "0", "65536", "1" * 9, "8o", "٣", 80.0]
        )
        self.assertEqual([reading.port(port, "P") for port in ("80", "08080")], [80, 8080])

    def test_one_of(self) -> None:
        """One of the words, exactly."""
        self.assert_check(reading.one_of("keep", "stop"), ["keep", "stop"], ["Keep", "", None, ["keep"]])

    def test_list_and_map(self) -> None:
        """Lists and maps check each member and name the place of a bad one, whatever its key."""
        self.assert_check(reading.list_of(reading.boolean), [[], [True]], ["", {}, None, [1], [True, None]])
        self.assert_check(
            reading.map_of(reading.boolean), [{}, {"a": True}], ["", [], {"a": 1}, {"a\nb": 1}, {"\0": True}]
        )


class RecordTests(SynchronousTestCase):
    CHECKS = {"HostName": reading.text, "ContainerPort": reading.port}

    def test_keys_in_any_case(self) -> None:
        """Keys are matched without regard to case and come out under their proper names."""
        self.assertEqual(
            reading.record({"hostname": "a", "CONTAINERPORT": 1}, "Http", self.CHECKS),
            {"HostName": "a", "ContainerPort": 1},
        )

    def test_null(self) -> None:
        """A member that is null counts as not given."""
        self.assertEqual(reading.record({"HostName": None}, "Http", self.CHECKS), {})

    def test_a_key_twice_in_different_case(self) -> None:
        """One key in two spellings is refused."""
        error = self.assertRaises(BadInput, reading.record, {"HostName": "a", "hostname": "b"}, "Http", self.CHECKS)
        self.assertIn("given twice", str(error))

    def test_an_unknown_key(self) -> None:
        """An unknown key is named, with the nearest known one, or all of them when none is near."""
        near = self.assertRaises(BadInput, reading.record, {"HostNames": "a"}, "Http", self.CHECKS)
        self.assertEqual(str(near), "Http.HostNames is not a known key, did you mean HostName?")
        far = self.assertRaises(BadInput, reading.record, {"x\ny": "a"}, "Http", self.CHECKS)
        self.assertEqual(str(far), "Http.x\\ny is not a known key: known are HostName, ContainerPort")

    def test_no_object(self) -> None:
        """Only an object has members."""
        values: tuple[object, ...] = (None, [], "x", 1)
        for value in values:
            self.assertRaises(BadInput, reading.record, value, "", self.CHECKS)
