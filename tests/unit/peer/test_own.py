"""A node as it shows itself: the same certificate after each start, and an address that others reach."""

from __future__ import annotations

import contextlib
import datetime
import ssl
from pathlib import Path
from typing import Any

from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOFactory
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.certificate import CertificatePair
from daprdockr.peer.own import OwnPeer, fingerprint_of, kept_pair, listened
from daprdockr.sealing.certificates import read_own, self_signed
from daprdockr.sessions.client import show_own
from tests.fakes.log_lines import LogLines


def made() -> CertificatePair:
    return self_signed(datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))


class KeptTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.path = Path(self.mktemp())

    def pair(self) -> CertificatePair:
        return kept_pair(self.path, read_own, made)

    def test_kept(self) -> None:
        """The first agent makes the pair, for its owner alone to read, and the next one has it."""
        first = self.pair()
        self.assertEqual((self.pair(), self.path.stat().st_mode & 0o777), (first, 0o600))

    def test_damaged(self) -> None:
        """A file that cannot be used is set aside, and another pair made; so is one whose parts do not fit."""
        first = self.pair()
        for content in (b"garbage", CertificatePair(first.chain, made().key).encode()):
            self.path.write_bytes(content)
            lines = LogLines(self)
            self.assertNotEqual(self.pair(), first)
            self.assertEqual(len(lines("set aside")), 1)

    def test_unwritable(self) -> None:
        """An agent that cannot write it says so, and goes on."""
        self.path = self.path / "nowhere" / "peer.json"
        lines = LogLines(self)
        self.pair()
        self.assertEqual(len(lines("was not written")), 1)

    def test_shown(self) -> None:
        """The fingerprint is that of the certificate, and TLS takes the pair."""
        pair = made()
        own = OwnPeer(pair, lambda: (("10.0.0.1", 1), ("10.0.0.1", 1)))
        self.assertEqual(len(own.fingerprint), 64)
        self.assertNotEqual(own.fingerprint, OwnPeer(made(), own.where).fingerprint)
        self.assertIsNotNone(own.options().getContext())


class ClientTests(SynchronousTestCase):
    """The certificates of clients, in connections in memory."""

    def shown(self, pair: CertificatePair | None) -> str:
        """The fingerprint that a node sees of a client that shows this certificate, or none."""
        own = OwnPeer(made(), lambda: (("", 1), ("", 1)))
        factory: Any = TLSMemoryBIOFactory(own.options(), False, Factory.forProtocol(Protocol))
        server, wire = factory.buildProtocol(None), StringTransport()
        server.makeConnection(wire)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if pair is not None:
            show_own(context, pair)
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = context.wrap_bio(incoming, outgoing)
        for _ in range(3):
            with contextlib.suppress(ssl.SSLWantReadError):
                client.do_handshake()
            if outgoing.pending:
                server.dataReceived(outgoing.read())
            incoming.write(wire.value())
            wire.clear()
        return fingerprint_of(server)

    def test_shown(self) -> None:
        """One that shows a certificate is known by its fingerprint, and one that shows none is served too."""
        pair = made()
        self.assertEqual(self.shown(pair), OwnPeer(pair, lambda: (("", 1), ("", 1))).fingerprint)
        self.assertEqual(self.shown(None), "")


class ListenedTests(SynchronousTestCase):
    def test_addresses(self) -> None:
        """An address of this machine is listened to; all are where a router has it; others reach the published one."""
        for wanted, own, expected in (
            (("10.0.0.1", 1), {"10.0.0.1"}, (("10.0.0.1", 1), ("10.0.0.1", 1))),
            (("192.0.2.1", 1), {"10.0.0.1"}, (("0.0.0.0", 1), ("192.0.2.1", 1))),
            (("2001:db8::1", 1), {"10.0.0.1"}, (("::", 1), ("2001:db8::1", 1))),
            (("0.0.0.0", 1), {"10.0.0.1"}, (("0.0.0.0", 1), ("10.0.0.9", 1))),
            (("127.0.0.1", 1), {"10.0.0.1"}, (("127.0.0.1", 1), ("127.0.0.1", 1))),
            (("192.0.2.1", 1), set(), (("192.0.2.1", 1), ("192.0.2.1", 1))),
        ):
            self.assertEqual(listened(wanted, "10.0.0.9", own), expected)

    def test_written(self) -> None:
        """An IPv6 address has brackets in the record."""
        own = OwnPeer(CertificatePair("", ""), lambda: (("::", 5081), ("2001:db8::1", 5081)))
        self.assertEqual(own.published, "[2001:db8::1]:5081")
