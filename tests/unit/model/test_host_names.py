"""The one spelling of host names."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.host_names import host_name, is_host_name


class HostNameTests(SynchronousTestCase):
    """``host_name`` and ``is_host_name``."""

    def test_one_spelling(self) -> None:
        """Capitals, a dot at the end, spaces around, and letters beyond ASCII make no other name."""
        for text, name in [
            ("example.com", "example.com"),
            (" Example.COM. ", "example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("BÜCHER.Example.", "xn--bcher-kva.example"),
            ("bu\u0308cher.example", "xn--bcher-kva.example"),
            ("*.bücher.example", "*.xn--bcher-kva.example"),
            ("faß.example", "xn--fa-hia.example"),
            ("日本。example", "xn--wgv71a.example"),
            ("my_app._tcp.example.com", "my_app._tcp.example.com"),
            ("*.example.com", "*.example.com"),
        ]:
            self.assertEqual(host_name(text), name, text)

    def test_refused(self) -> None:
        """A text that is no host name is refused with the reason, in one line of ASCII."""
        for text, reason in [
            ("a b", "write host names such as"),
            ("a..b", "write host names such as"),
            (".", "write host names such as"),
            ("*.", "write host names such as"),
            ("*", "write host names such as"),
            ("a.*.b", "write host names such as"),
            ("-a.b", "write host names such as"),
            ("x" * 64, "write host names such as"),
            ("a." * 128, "write host names such as"),
            ("ü" * 254, "at most 253 characters"),
            ("ü" * 64 + ".com", "IDNA 2008"),
            ("☃.com", "U+2603"),
            ("a\u200db.com", "U+200D"),
            ("\uff58\uff1b\uff59{ü}.com", "IDNA 2008"),
            ("ü\udcff.com", "is no host name"),
        ]:
            error = self.assertRaises(BadInput, host_name, text)
            self.assertIn(reason, str(error))
            self.assertTrue(str(error).replace("…", "").isascii(), str(error))
            self.assertTrue(str(error).isprintable(), str(error))

    @given(st.one_of(st.text(max_size=20), st.text("aä.*-_ß。 ", max_size=8)))
    def test_anything(self, text: str) -> None:
        """Any text is refused, or becomes a name that stays as it is."""
        try:
            name = host_name(text)
        except BadInput as error:
            self.assertNotIn("\n", str(error))
            return
        self.assertTrue(is_host_name(name), name)
        self.assertEqual(host_name(name), name)
