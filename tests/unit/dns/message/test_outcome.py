"""The outcome of a reply, from its octets."""

from __future__ import annotations

import dns.message
import dns.rcode
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.message.outcome import outcome_of, spelled
from daprdockr.dns.message.query import read_header
from daprdockr.dns.message.records import FORMERR
from daprdockr.dns.message.response import bare
from tests.build.dns_samples import question


def reply(name: str, kind: str, rcode: dns.rcode.Rcode) -> bytes:
    """A reply with a question, as dnspython writes it."""
    made = dns.message.make_response(question(name, kind))
    made.set_rcode(rcode)
    return made.to_wire()


class OutcomeTests(SynchronousTestCase):
    def test_read(self) -> None:
        """The type is found behind a name of any length, wherever the reply begins."""
        for name in ("a.container", "1.web.myapp.container", ".".join(["x" * 63] * 3), "."):
            packet = reply(name, "SRV", dns.rcode.NXDOMAIN)
            self.assertEqual(spelled(outcome_of(packet)), ("SRV", "nxdomain"))
            self.assertEqual(spelled(outcome_of(b"12345" + packet + b"6789", 5)), ("SRV", "nxdomain"))

    def test_without_a_question(self) -> None:
        """A reply to a packet that could not be read has no type."""
        header = read_header(question("a.container").to_wire())
        assert header is not None
        self.assertEqual(spelled(outcome_of(bare(header, FORMERR, recursion=False))), ("none", "formerr"))

    def test_few_words(self) -> None:
        """Types and codes that hardly occur share one word, so that clients cannot make up new ones."""
        self.assertEqual(spelled(outcome_of(reply("a.b", "TYPE4711", dns.rcode.NOTZONE))), ("other", "other"))

    def test_few_outcomes(self) -> None:
        """Nor does each type that a client makes up take memory: such replies have one outcome."""
        found = {outcome_of(reply("a.b", f"TYPE{number}", dns.rcode.NOERROR)) for number in range(256, 512)}
        self.assertEqual(1, len(found))
