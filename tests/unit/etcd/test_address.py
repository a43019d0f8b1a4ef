"""Tests for daprdockr.etcd.address."""

from __future__ import annotations

from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.address import Access, EtcdEndpoint, advertised
from daprdockr.model.errors import BadInput


class ParseTests(SynchronousTestCase):
    """``Access.parse``."""

    def test_urls(self) -> None:
        """Endpoints are read with and without scheme, port, slash and white space, each once."""
        for text, expected in {
            "http://localhost:5001,http://localhost:5002": [("localhost", 5001), ("localhost", 5002)],
            " a:1 , http://b:2/ ,, ": [("a", 1), ("b", 2)],
            "etcd-0.etcd.svc_x": [("etcd-0.etcd.svc_x", 2379)],
            "http://10.0.0.1": [("10.0.0.1", 2379)],
            "[::1]:5001,http://[fe80::1]": [("::1", 5001), ("fe80::1", 2379)],
            "a:1,a:1": [("a", 1)],
        }.items():
            access = Access.parse(text)
            self.assertEqual([(e.host, e.port) for e in access.endpoints], expected, text)
            self.assertFalse(access.secure)

    def test_https(self) -> None:
        """With https all endpoints are secure."""
        access = Access.parse("https://a:1,https://b:2")
        self.assertTrue(access.secure)
        self.assertEqual(str(access), "https://a:1, https://b:2")

    def test_unusable(self) -> None:
        """A text that is not an endpoint is refused by a line that quotes it."""
        for text in (
            "ftp://a:1",
            "http://",
            "http://a:0",
            "http://a:65536",
            "http://a:b",
            "http://a:1/v2",
            "http://a:1?x",
            "http://u:p@a:1",
            "::1",
            "[::1",
            "http://-a:1",
            "a b",
            "a:1;b:2",
            "é:1",
            "a\n:1",
        ):
            error = self.assertRaises(BadInput, Access.parse, f"http://fine:1,{text}")
            self.assertIn("--etcd endpoint", str(error), text)

    def test_nothing(self) -> None:
        """No endpoint at all is refused."""
        for text in ("", ",", "  "):
            self.assertIn("names no endpoint", str(self.assertRaises(BadInput, Access.parse, text)))

    def test_mixed(self) -> None:
        """http and https together are refused."""
        error = self.assertRaises(BadInput, Access.parse, "https://a:1,b:2")
        self.assertIn("mixes http and https", str(error))

    def test_advertised(self) -> None:
        """The places that members advertise are read, but for those that nobody here can use."""
        found = advertised(["http://a:1", "unix://localhost:1", "https://b:2"])
        self.assertEqual(found, (EtcdEndpoint("a", 1), EtcdEndpoint("b", 2)))

    def test_alone(self) -> None:
        """One member is reached with the same credentials."""
        access = Access.parse("https://a:1,https://b:2", user="u", password="p")
        self.assertEqual(access.alone(access.endpoints[1]), Access.parse("https://b:2", user="u", password="p"))

    @given(st.text(max_size=40))
    def test_any_text(self, text: str) -> None:
        """Any text is either refused in one line, or gives a value whose text reads as itself."""
        try:
            access = Access.parse(text)
        except BadInput as error:
            self.assertEqual(len(str(error).splitlines()), 1)
        else:
            self.assertEqual(Access.parse(str(access)), access)


class AccessTests(SynchronousTestCase):
    """The members of an ``Access`` that belong together."""

    def setUp(self) -> None:
        self.file = Path(self.mktemp())
        self.file.write_text("pem")

    def test_files_need_tls(self) -> None:
        """Certificates without https are refused: they would protect nothing."""
        self.assertRaises(BadInput, Access.parse, "http://a:1", ca=self.file)

    def test_pairs(self) -> None:
        """Certificate and key, user and password, are given both or not at all."""
        self.assertRaises(BadInput, Access.parse, "https://a:1", cert=self.file)
        self.assertRaises(BadInput, Access.parse, "https://a:1", key=self.file)
        self.assertRaises(BadInput, Access.parse, "http://a:1", user="root")
        self.assertRaises(BadInput, Access.parse, "http://a:1", password="secret")

    def test_unreadable_file(self) -> None:
        """A file that is not there is named."""
        error = self.assertRaises(BadInput, Access.parse, "https://a:1", ca=Path("/nonexistent/ca.pem"))
        self.assertIn("/nonexistent/ca.pem", str(error))

    def test_password_is_not_shown(self) -> None:
        """Neither text of an access has the password."""
        access = Access.parse("https://a:1", user="root", password="secret")
        self.assertNotIn("secret", f"{access} {access!r}")

    def test_endpoint_text(self) -> None:
        """An IPv6 address is written in brackets."""
        self.assertEqual(str(EtcdEndpoint("::1", 1)), "[::1]:1")
