"""Sealed values: what opens one, and what does not."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.sealed import MAX_VALUE, bound_to
from daprdockr.sealing.boxes import PrivateKey, seal

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
BOUND = bound_to("password", "0a1b")


class BoxesTests(SynchronousTestCase):
    def test_opens(self) -> None:
        """The private key opens what was sealed to its public one, of any size."""
        for value in (b"", b"hunter2", bytes(range(256)) * (MAX_VALUE // 256)):
            sealed = seal(KEY.public, value, BOUND)
            self.assertEqual(KEY.open(sealed, BOUND), value)
            if value:
                self.assertNotIn(value, sealed)

    def test_never_alike(self) -> None:
        """Two seals of one value have nothing in common that would say so."""
        self.assertNotEqual(seal(KEY.public, b"same", BOUND), seal(KEY.public, b"same", BOUND))

    def test_refused(self) -> None:
        """Another key, another name or stamp, and each damaged octet are refused."""
        sealed = seal(KEY.public, b"hunter2", BOUND)
        for key, text, bound in (
            (OTHER, sealed, BOUND),
            (KEY, sealed, bound_to("token", "0a1b")),
            (KEY, sealed, bound_to("password", "0a1c")),
            *((KEY, sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], BOUND) for at in range(len(sealed))),
            (KEY, sealed[:-1], BOUND),
            (KEY, b"", BOUND),
        ):
            with self.assertRaises(BadInput):
                key.open(text, bound)

    def test_not_printed(self) -> None:
        """A private key does not show itself in a log line or traceback."""
        self.assertNotIn(repr(KEY.secret)[2:-1], repr(KEY))
        self.assertRaises(BadInput, PrivateKey, b"short")
