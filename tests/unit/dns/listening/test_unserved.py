"""``daprdockr.dns.listening.unserved``: which addresses without DNS are a trouble."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.listening.unserved import DnsAddresses
from daprdockr.model.troubles.dns import DnsNotServed


class DnsAddressesTests(SynchronousTestCase):
    """``DnsAddresses``"""

    def test_published(self) -> None:
        """An address that this node publishes is one as long as another program has it, and its moves are followed."""
        taken, published = dict[Endpoint, str](), ["192.0.2.2", "fd00::2"]
        judged = DnsAddresses(taken, lambda: published)
        self.assertIsNone(judged.condition)
        taken[Endpoint("127.0.0.53")] = "Address already in use"
        self.assertIsNone(judged.condition)
        taken[Endpoint("192.0.2.2")] = "Permission denied"
        self.assertEqual(judged.condition, DnsNotServed(("192.0.2.2:53",), "Permission denied"))
        published.remove("192.0.2.2")
        self.assertIsNone(judged.condition)
