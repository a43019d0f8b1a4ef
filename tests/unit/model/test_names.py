"""The law of names: what passes, what is refused, and that a name reads back from what it was written as."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.names import MAX_INSTANCES, InstanceName, ServiceName, check_label, one_line, printable, shorten
from tests.build.strategies import INSTANCE_NAMES, SERVICE_NAMES

BAD_LABELS = ("", "Web", "-web", "web-", "we_b", "a/b", "a.b", "x" * 64, "x" * 80, "wéb", "web\n", " web", "٣", None, 7)


class LabelTests(SynchronousTestCase):
    def test_a_dns_label_in_lower_case(self) -> None:
        """Letters, digits and inner hyphens pass, up to 63 of them."""
        for label in ("web", "0", "a-b", "a--b", "x" * 63):
            self.assertEqual(check_label(label, "service"), label)

    def test_anything_else(self) -> None:
        """Everything else is refused in one line that says which name it is."""
        for label in BAD_LABELS:
            error = self.assertRaises(BadInput, check_label, label, "group")
            self.assertTrue(str(error).startswith("group name "), str(error))
            self.assertTrue(str(error).isprintable(), str(error))


class ServiceNameTests(SynchronousTestCase):
    def test_bad_texts(self) -> None:
        """Only ``<service>.<group>`` of two labels is a service."""
        for text in (
            "",
            ".",
            "web",
            "web.",
            ".myapp",
            "Web..x",
            "a/b.c",
            "web.my.app",
            "x" * 80 + ".g",
            "w.g\n",
            "w b.g",
        ):
            self.assertRaises(BadInput, ServiceName.parse, text)

    @given(SERVICE_NAMES)
    def test_reads_what_it_writes(self, name: ServiceName) -> None:
        """A service name reads back from its text."""
        self.assertEqual(ServiceName.parse(str(name)), name)

    @given(st.text(max_size=20))
    def test_any_text(self, text: str) -> None:
        """A text is a service that writes itself as that text, or bad input."""
        try:
            self.assertEqual(str(ServiceName.parse(text)), text)
        except BadInput as error:
            self.assertTrue(str(error).isprintable())


class InstanceNameTests(SynchronousTestCase):
    def test_bad_texts(self) -> None:
        """Numbers go from 1 to the largest count, in plain digits."""
        numbers = ("0", "01", "-1", "+1", " 1", "1.5", "x", "", "٣", "²", str(MAX_INSTANCES + 1), "9" * 5000)
        for number in numbers:
            self.assertRaises(BadInput, InstanceName.parse, f"{number}.web.myapp")
        self.assertRaises(BadInput, InstanceName.parse, "1")
        self.assertRaises(BadInput, InstanceName.parse, "1.web")

    @given(INSTANCE_NAMES)
    def test_reads_what_it_writes(self, name: InstanceName) -> None:
        """An instance name reads back from its text."""
        self.assertEqual(InstanceName.parse(str(name)), name)

    def test_order(self) -> None:
        """Instances sort by group, service and number, so that 10 comes after 9."""
        names = [InstanceName.parse(text) for text in ("10.web.b", "9.web.b", "1.web.a", "1.api.b")]
        self.assertEqual([str(name) for name in sorted(names)], ["1.web.a", "1.api.b", "9.web.b", "10.web.b"])


class ForeignTextTests(SynchronousTestCase):
    @given(st.text())
    def test_printable(self, text: str) -> None:
        """Nothing that moves a cursor is left, and what was printable is untouched."""
        self.assertTrue(printable(text).isprintable())
        if text.isprintable():
            self.assertEqual(printable(text), text)

    @given(st.text(), st.integers(1, 50))
    def test_one_line(self, text: str, limit: int) -> None:
        """One line, without control characters, no longer than the limit."""
        self.assertTrue(one_line(text, limit).isprintable())
        self.assertLessEqual(len(one_line(text, limit)), limit)

    def test_words_stay(self) -> None:
        """White space becomes single spaces, colours go."""
        self.assertEqual(one_line(" no\n\tsuch\x1b[31m image "), "no such[31m image")


class ShortenTests(SynchronousTestCase):
    @given(st.one_of(st.text(), st.binary(), st.integers(), st.lists(st.text())))
    def test_one_short_line(self, value: object) -> None:
        """Any value that is quoted becomes one short printable line."""
        self.assertTrue(shorten(value).isprintable())
        self.assertLessEqual(len(shorten(value)), 60)

    def test_json(self) -> None:
        """A value of JSON is quoted as JSON spells it, and a text as it is in Python."""
        for value, quoted in (
            (None, "null"),
            (True, "true"),
            (10.5, "10.5"),
            ("it", "'it'"),
            ([False, {"a": None}], '[false, {"a": null}]'),
            (["\x7f\x1b"], '["\\u007f\\u001b"]'),
            ([b"x"], "[\"b'x'\"]"),
        ):
            self.assertEqual(shorten(value), quoted)

    def test_no_json(self) -> None:
        """A key that is no text and a list that contains itself, which YAML can have, are quoted, too."""
        cyclic: list[object] = []
        cyclic.append(cyclic)
        self.assertEqual([shorten({b"x": 1}), shorten(cyclic)], ["{b'x': 1}", "[[...]]"])
