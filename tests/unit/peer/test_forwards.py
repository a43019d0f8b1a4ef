"""Where the ports of a container are reached; the rest is tried on real connections."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.peer.forwards import address_of


class AddressTests(SynchronousTestCase):
    def test_networks(self) -> None:
        """A container is reached at its own address, one on the host's network at loopback, one without any nowhere."""
        for mode, networks, expected in (
            ("bridge", {"bridge": {"IPAddress": "172.17.0.2"}}, "172.17.0.2"),
            ("own", {"own": {"IPAddress": "", "GlobalIPv6Address": "fd00::2"}}, "fd00::2"),
            ("host", {"host": {"IPAddress": ""}}, "127.0.0.1"),
            ("none", {"none": {"IPAddress": ""}}, ""),
            ("bridge", None, ""),
        ):
            found = {"HostConfig": {"NetworkMode": mode}, "NetworkSettings": {"Networks": networks}}
            self.assertEqual(address_of(found), expected)
