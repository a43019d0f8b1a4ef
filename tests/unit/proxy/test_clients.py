"""The clients of nginx: which of their statements are believed, and what they are granted."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.proxy.clients import OUR_HEADERS, HttpClients, aliases


class ClientsTests(SynchronousTestCase):
    """``HttpClients``."""

    def test_networks(self) -> None:
        """A text that is no network in its canonical spelling is refused, because it would stand in a configuration."""
        self.assertEqual(HttpClients(trusted=("10.0.0.0/8", "2001:db8::/32")).trusted[1], "2001:db8::/32")
        for network in ["10.0.0.1/8", "10.0.0.0", "::1", "fe80::1%;}/128", "default 1; x", ""]:
            with self.assertRaises(BadInput, msg=network):
                HttpClients(trusted=(network,))

    def test_unlimited(self) -> None:
        """Loopback and trusted proxies speak for many, and each network stands there once."""
        self.assertEqual(HttpClients().unlimited, ("127.0.0.0/8", "::1/128"))
        self.assertEqual(
            HttpClients(trusted=("10.0.0.0/8", "127.0.0.0/8")).unlimited, ("127.0.0.0/8", "::1/128", "10.0.0.0/8")
        )


class AliasesTests(SynchronousTestCase):
    """``aliases``."""

    def test_underscores(self) -> None:
        """Each - that may be a _ makes another name, and the name itself is none of them."""
        self.assertEqual(sorted(aliases("X-Real-IP")), ["X-Real_IP", "X_Real-IP", "X_Real_IP"])
        self.assertEqual(aliases("Forwarded"), [])

    def test_as_an_application_sees_them(self) -> None:
        """All of them are one variable of WSGI, and no two headers have one in common."""
        variables = [{name.upper().replace("-", "_") for name in (ours, *aliases(ours))} for ours in OUR_HEADERS]
        self.assertEqual({len(found) for found in variables}, {1})
        self.assertEqual(len(set.union(*variables)), len(OUR_HEADERS))
