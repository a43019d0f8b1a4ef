"""The certificates in nginx: which one a name gets, and the messages that say so."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.certificate import ACME, FILE, STORED, CertificateFacts, CertificatePair
from daprdockr.proxy import certificates
from daprdockr.proxy.certificates import Certificate, certificate_state, chosen, difference, whole

NOW = 1000.0


def certificate(name: str, source: str = STORED, end: float = 2000.0, begin: float = 0.0) -> Certificate:
    facts = CertificateFacts((name,), begin, end)
    return Certificate(name, source, CertificatePair(f"chain {name} {source} {end}\n", f"key {name}\n"), facts)


class ChosenTests(SynchronousTestCase):
    def test_order(self) -> None:
        """A valid one before one that is not, a file before what was stored, that before a CA's, the longest first."""
        order = [
            certificate("a.b", FILE, 1500.0),
            certificate("a.b", STORED, 9000.0),
            certificate("a.b", ACME, 9000.0),
            certificate("a.b", ACME, 1500.0),
            certificate("a.b", FILE, 999.0),
            certificate("a.b", ACME, 9000.0, begin=1001.0),
        ]
        for number in range(len(order)):
            rest = order[number:]
            self.assertEqual(chosen(reversed(rest), NOW), {"a.b": rest[0]})

    def test_names(self) -> None:
        """A certificate of several names leaves each of them to a better one, and has the others."""
        both = Certificate("x.y", ACME, CertificatePair("c", "k"), CertificateFacts(("x.y", "*.x.y"), 0, 2000))
        better = certificate("x.y", FILE)
        self.assertEqual(chosen((both, better), NOW), {"x.y": better, "*.x.y": both})


class MessageTests(SynchronousTestCase):
    def test_whole(self) -> None:
        """A message has each pair once, and the pair for unknown names under the empty name."""
        one = Certificate("a.b", FILE, CertificatePair("c\n", "k\n"), CertificateFacts(("a.b", "*.b"), 0, 2000))
        state = certificate_state({"a.b": one, "*.b": one}, CertificatePair("d\n", "e\n"), b"\x01\xff")
        message = json.loads(whole(state, 3))
        self.assertEqual((message["version"], message["whole"], message["ticket"]), (3, True, "01ff"))
        self.assertEqual(set(message["names"]), {"", "a.b", "*.b"})
        self.assertEqual(message["names"]["a.b"], message["names"]["*.b"])
        pairs = [message["pairs"][message["names"][name]] for name in ("a.b", "")]
        self.assertEqual(pairs, [{"chain": "c\n", "key": "k\n"}, {"chain": "d\n", "key": "e\n"}])
        self.assertEqual(len(message["pairs"]), 2)

    def test_difference(self) -> None:
        """A difference has what changed, null for what is gone, and says from which version on."""
        kept, old, new = certificate("kept.x"), certificate("old.x"), certificate("old.x", end=3000.0)
        gone = certificate("gone.x")
        before = certificate_state({one.name: one for one in (kept, old, gone)}, None, b"1")
        after = certificate_state({one.name: one for one in (kept, new)}, None, b"2")
        message = json.loads(difference(before, after, 8))
        self.assertEqual((message["version"], message["from"], message["ticket"]), (8, 7, "32"))
        self.assertEqual(message["names"], {"old.x": after.names["old.x"], "gone.x": None})
        expected = {before.names["old.x"]: None, before.names["gone.x"]: None}
        added = {after.names["old.x"]: {"chain": new.pair.chain, "key": new.pair.key}}
        self.assertEqual(message["pairs"], expected | added)

    def test_unprinted(self) -> None:
        """Nothing that prints a state prints a key."""
        state = certificate_state({"a.b": certificate("a.b")}, None, b"ticket")
        self.assertNotIn("key a.b", repr(state))
        self.assertNotIn(b"ticket".hex(), repr(state))

    def test_bounded(self) -> None:
        """A pair that does not fit is left out and named, and those before and after it have their room."""
        self.patch(certificates, "MOST_BYTES", 2 * (certificates.NAME_BYTES + certificates.PAGE_BYTES))
        many = {f"{letter}.x": certificate(f"{letter}.x") for letter in "abcd"}
        long = Certificate("b.x", FILE, CertificatePair("c" * 5000, "k"), CertificateFacts(("b.x",), 0, 2000))
        state = certificate_state(many | {"b.x": long}, None, b"")
        self.assertEqual((set(state.names), len(state.pairs), state.left_out), ({"a.x", "c.x"}, 2, ("b.x", "d.x")))
