"""The part of a host in a cluster, and the addresses of members."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import HostPart, check_address, client_url, member_url


class HostPartTests(SynchronousTestCase):
    def test_kept(self) -> None:
        """A part is read as it was written, for a founder, a member and a client."""
        for part in (
            HostPart("a", "10.0.0.1", ("a=https://10.0.0.1:2380",), "5f"),
            HostPart("b", "10.0.0.2", ("a=https://10.0.0.1:2380", "b=https://10.0.0.2:2380")),
            HostPart("c", "2001:db8::1"),
        ):
            self.assertEqual(HostPart.decode(part.encode()), part)
        self.assertFalse(HostPart("c", "10.0.0.3").is_member)

    def test_damaged(self) -> None:
        """A file without a name, or with one that no node can have, is refused."""
        for content in (b"{}", b'{"Node":"A b","Address":"10.0.0.1"}', b'{"Node":"a","Address":"x"}', b"["):
            self.assertRaises(BadInput, HostPart.decode, content)

    def test_urls(self) -> None:
        """An IPv6 address has brackets in a URL."""
        self.assertEqual(client_url("2001:db8::1"), "https://[2001:db8::1]:2379")
        self.assertEqual(member_url("10.0.0.1"), "https://10.0.0.1:2380")

    def test_address(self) -> None:
        """An address that no other host can reach is refused by name."""
        self.assertEqual(check_address("10.0.0.1", "Address"), "10.0.0.1")
        for text in ("0.0.0.0", "::", "224.0.0.1", "fe80::1%eth0", "host1", ""):
            self.assertIn(f"Address {text}", str(self.assertRaises(BadInput, check_address, text, "Address")))
