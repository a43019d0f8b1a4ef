"""Tests for daprdockr.etcd.channel, as far as it needs no network."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.address import Access, EtcdEndpoint
from daprdockr.etcd.channel import addresses, note_lookup, open_lanes, target
from daprdockr.model.errors import EtcdRefused, EtcdUnavailable


class TargetTests(SynchronousTestCase):
    """``target``."""

    def test_one_family(self) -> None:
        """Addresses of one family are listed under its name."""
        self.assertEqual(
            target([EtcdEndpoint("10.0.0.1", 1), EtcdEndpoint("10.0.0.2", 2)]), "ipv4:10.0.0.1:1,10.0.0.2:2"
        )
        self.assertEqual(target([EtcdEndpoint("fd00::1", 1)]), "ipv6:[fd00::1]:1")


class AddressesTests(SynchronousTestCase):
    """``addresses`` and ``open_lanes``."""

    def test_literal(self) -> None:
        """An address stands for itself."""
        self.assertEqual(addresses(EtcdEndpoint("127.0.0.9", 1)), [EtcdEndpoint("127.0.0.9", 1)])

    def test_not_to_be_looked_up(self) -> None:
        """A host name that nobody knows gives none."""
        self.assertEqual(addresses(EtcdEndpoint("no..name", 1)), [])

    def test_logged_once(self) -> None:
        """It is logged once, although every call looks it up as long as there is no other endpoint."""
        with self.assertLogs("daprdockr.etcd.channel") as caught:
            for _ in range(3):
                addresses(EtcdEndpoint("no..name-logged", 1))
        self.assertEqual(len(caught.records), 1)
        self.assertIn("no..name-logged:1 is left out", caught.output[0])

    def test_logged_anew(self) -> None:
        """When it was found meanwhile, the next time is logged, too."""
        endpoint = EtcdEndpoint("127.0.0.9", 2)
        with self.assertLogs("daprdockr.etcd.channel") as caught:
            for _ in range(2):
                note_lookup(endpoint, "Name or service not known")
                self.assertTrue(addresses(endpoint))
        self.assertEqual(len(caught.records), 2)

    def test_no_endpoint_left(self) -> None:
        """When no endpoint can be looked up, etcd is unavailable, for now."""
        error = self.assertRaises(EtcdUnavailable, open_lanes, Access.parse("http://no..name:1"))
        self.assertIn("no..name", str(error))

    def test_unreadable_file(self) -> None:
        """A certificate that vanished since the start is refused by name."""
        access = Access((EtcdEndpoint("127.0.0.1", 1),), secure=True, ca=Path("/nonexistent/ca.pem"))
        self.assertIn("/nonexistent/ca.pem", str(self.assertRaises(EtcdRefused, open_lanes, access)))

    def test_endless_file(self) -> None:
        """So is one that is no certificate, but never ends."""
        access = Access((EtcdEndpoint("127.0.0.1", 1),), secure=True, ca=Path("/dev/zero"))
        self.assertIn("it has more than", str(self.assertRaises(EtcdRefused, open_lanes, access)))

    def test_lanes(self) -> None:
        """Each endpoint has a channel of its own, in plain text and with TLS."""
        for scheme in ("http", "https"):
            lanes = open_lanes(Access.parse(f"{scheme}://127.0.0.1:1,{scheme}://127.0.0.2:1"))
            for lane in lanes:
                self.addCleanup(lane.channel.close)
            self.assertEqual(len(lanes), 2)
