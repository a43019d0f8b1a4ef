"""Answers from the challenge zone, through the real protocol classes."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.answering.challenge import answer_challenge
from daprdockr.dns.zone.challenge_zone import ChallengeZone
from tests.build.dns_samples import STRANGER, Nameserver, over_stream, question, read, said

ZONE = "acme.example.org"
PRINT, VALUE = "9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI", "LPsIwTo7o8BoG0-vjCyGQGBWSVIPxI-i_X336eUOQZo"
SOA = f"{ZONE}. 1 SOA ns.{ZONE}. hostmaster.{ZONE}. 7 3600 600 86400 1"
FOUND, NOTHING, ABSENT = "NOERROR AA RD", ["NOERROR AA RD", f"N {SOA}"], ["NXDOMAIN AA RD", f"N {SOA}"]
SERVER = [f"ns.{ZONE}. 60 A 198.41.0.4", f"ns.{ZONE}. 60 AAAA 2001:500:200::b"]

# name below the zone, type, answer
TABLE: list[tuple[str, str, list[str]]] = [
    ("b.test.", "TXT", [FOUND, f'A b.test.{ZONE}. 0 TXT "{VALUE}"']),
    ("b.test.", "A", NOTHING),
    ("b.test.", "ANY", [FOUND, f'A b.test.{ZONE}. 0 TXT "{VALUE}"']),
    ("test.", "TXT", NOTHING),
    ("c.test.", "TXT", ABSENT),
    ("a.b.test.", "TXT", ABSENT),
    ("", "TXT", [FOUND, f'A {ZONE}. 0 TXT "{PRINT}"']),
    ("", "SOA", [FOUND, f"A {SOA}"]),
    ("", "NS", [FOUND, f"A {ZONE}. 60 NS ns.{ZONE}.", *(f"X {one}" for one in SERVER)]),
    ("", "A", NOTHING),
    ("ns.", "A", [FOUND, f"A {SERVER[0]}"]),
    ("ns.", "AAAA", [FOUND, f"A {SERVER[1]}"]),
    ("", "AXFR", ["REFUSED RD"]),
]


class ChallengeTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.nameserver = Nameserver()
        addresses = ("10.0.0.1", "198.41.0.4", "2001:500:200::b")
        self.zone = ChallengeZone.of(ZONE, thumbprint=PRINT, texts={"b.test": VALUE}, addresses=addresses, serial=7)
        self.nameserver.authority.challenges = self.zone

    def test_table(self) -> None:
        """A stranger, as a CA is one, gets each answer whole."""
        for name, kind, expected in TABLE:
            answer = self.nameserver.ask(question(name + ZONE, kind), STRANGER)
            self.assertEqual(said(answer), expected, f"{name} {kind}")
            self.assertEqual(said(self.nameserver.ask(question(name + ZONE, kind, edns=0), STRANGER)), expected)
            self.assertEqual(said(over_stream(self.nameserver, question(name + ZONE, kind)))[1:], expected[1:])

    def test_case(self) -> None:
        """A resolver that mixes the case of names gets them back so."""
        answer = self.nameserver.ask(question("B.tEsT.aCmE.exAMPLE.org", "TXT"), STRANGER)
        self.assertEqual([str(rrset.name) for rrset in answer.answer], ["B.tEsT.aCmE.exAMPLE.org."])
        answer = self.nameserver.ask(question("no.aCmE.exAMPLE.org", "TXT"), STRANGER)
        self.assertEqual([str(rrset.name) for rrset in answer.authority], ["aCmE.exAMPLE.org."])

    def test_change(self) -> None:
        """A change counts from the next query on; names beside the zone are none of it."""
        query = question(f"b.test.{ZONE}", "TXT")
        self.assertEqual(len(self.nameserver.ask(query, STRANGER).answer), 1)
        self.nameserver.authority.challenges = ChallengeZone.of(
            ZONE, thumbprint=PRINT, texts={}, addresses=(), serial=8
        )
        self.assertEqual(said(self.nameserver.ask(query, STRANGER))[0], "NXDOMAIN AA RD")
        for other in ("example.org", f"x{ZONE}", "test"):
            self.assertEqual(said(self.nameserver.ask(question(other, "TXT"), STRANGER)), ["REFUSED RD"])
            self.assertIsNone(answer_challenge(self.zone, read(question(other, "TXT").to_wire()).question))
        self.nameserver.authority.challenges = None
        self.assertEqual(said(self.nameserver.ask(query, STRANGER)), ["REFUSED RD"])
