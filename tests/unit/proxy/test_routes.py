"""The checks of a route."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.proxy.routes import check_endpoint, check_host_name


class CheckTests(SynchronousTestCase):
    """``check_host_name`` and ``check_endpoint``."""

    def test_host_names(self) -> None:
        """Host names in lower case pass, with or without ``*.`` before them."""
        for name in [
            "example.com",
            "*.example.com",
            "localhost",
            "a-b.c1.d",
            "xn--bcher-kva.example",
            "1.2.3.4",
            "*.x",
            "my_app.example.com",
        ]:
            self.assertEqual(check_host_name(name), name)

    def test_no_host_names(self) -> None:
        """Everything else is refused."""
        for name in [
            *("", ".", "a.", ".a", "a..b", "-a", "a-", "A", "*", "*a.b", "a.*", "*.*.a", "~^a$", "a b"),
            *("a;b", "a{", "a}", '"a"', "'a'", "a$b", "a\\b", "a\n", "a\0", "a/b", "a:80", "[::1]", "ä.de", "a\u212a"),
            *("x" * 64, "a." * 126 + "aa", None, 1, b"example.com"),
        ]:
            with self.assertRaises(BadInput, msg=name):
                check_host_name(name)

    def test_endpoints(self) -> None:
        """An address and a port give one canonical text."""
        for address, expected in [
            ("10.0.0.1", "10.0.0.1:80"),
            ("::1", "[::1]:80"),
            ("2001:DB8:0:0::1", "[2001:db8::1]:80"),
            ("0::0:1:2", "[::1:2]:80"),
        ]:
            self.assertEqual(check_endpoint(address, 80), expected)

    def test_no_addresses(self) -> None:
        """A text that is no IP literal is refused, also an IPv6 scope, which could be any text."""
        for address in [
            "",
            "example.com",
            "10.0.0",
            "10.0.0.01",
            "10.0.0.1 ",
            "10.0.0.1/8",
            "[::1]",
            "unix:/x",
            "1" * 99,
        ]:
            with self.assertRaises(BadInput, msg=address):
                check_endpoint(address, 80)
        for given_address in ["fe80::1%eth0", "fe80::1%;}{", None, 1, b"\x7f\0\0\1"]:
            with self.assertRaises(BadInput, msg=given_address):
                check_endpoint(given_address, 80)

    def test_no_ports(self) -> None:
        """A value that is no port number is refused."""
        for port in [0, -1, 65536, "80", "80; }", 80.0, True, None]:
            with self.assertRaises(BadInput, msg=port):
                check_endpoint("10.0.0.1", port)
