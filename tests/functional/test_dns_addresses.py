"""``daprdockr.dns.listening.addresses`` on the kernel of this machine."""

from __future__ import annotations

import socket

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.listening.addresses import host_addresses


class HostAddressTests(SynchronousTestCase):
    """``host_addresses``"""

    def test_here(self) -> None:
        """The loopback address is among them, and each of them can be bound."""
        addresses = host_addresses()
        self.assertIn("127.0.0.1", addresses)
        for address in addresses:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as bound:
                bound.bind((address, 0))
