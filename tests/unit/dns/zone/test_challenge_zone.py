"""The names of the challenge zone."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.message.records import AAAA, NS, SOA, TXT, A
from daprdockr.dns.zone.challenge_zone import ChallengeZone, labels_of


def zone(*names: str, addresses: tuple[str, ...] = ()) -> ChallengeZone:
    texts = dict.fromkeys(names, "value")
    return ChallengeZone.of("acme.test", thumbprint="print", texts=texts, addresses=addresses, serial=1)


def look(found: ChallengeZone, name: str) -> dict[int, tuple[object, ...]] | None:
    node = found.lookup(labels_of(name) if name else ())
    return None if node is None else {kind: rrset.data for kind, rrset in node.items()}


class ChallengeZoneTests(SynchronousTestCase):
    def test_names(self) -> None:
        """The names above a text exist and have nothing, even if they have a text of their own."""
        found = zone("a.b.test", "b.test")
        self.assertEqual([look(found, name) for name in ("a.b.test", "b.test")], [{TXT: ("value",)}] * 2)
        self.assertEqual((look(found, "test"), look(found, "c.test")), ({}, None))
        self.assertEqual(sorted(look(found, "") or {}), [NS, SOA, TXT])

    def test_addresses(self) -> None:
        """The name server has the addresses of the nodes that the world can reach, or all if there is none."""
        for given, shown in (
            (("10.0.0.1", "198.41.0.4", "junk"), {A: ("198.41.0.4",)}),
            (("10.0.0.1", "fd00::1", "10.0.0.1"), {A: ("10.0.0.1",), AAAA: ("fd00::1",)}),
            ((), {}),
        ):
            self.assertEqual(look(zone(addresses=given), "ns"), shown)

    def test_too_long(self) -> None:
        """A name that nobody can ask for is left out, and the zone stands."""
        self.assertIsNone(look(zone("a." * 122 + "test", "b.test"), "a." * 122 + "test"))

    def test_server_as_host(self) -> None:
        """A host name that is that of the name server has both."""
        self.assertEqual(sorted(look(zone("ns", addresses=("10.0.0.1",)), "ns") or {}), [A, TXT])
