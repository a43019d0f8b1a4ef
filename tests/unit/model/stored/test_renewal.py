"""The records of the renewer, as etcd has them."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.renewal import ChallengeRecord, OrderRecord, RenewalRecord, bound_to_renewer

ORDER = OrderRecord("https://ca.test/order/1", "https://ca.test/dir", "-----BEGIN PRIVATE KEY-----\n")
CHALLENGE = ChallengeRecord("9jg46WB3rR_AHD-EBXdN7cBkH1WOu0tA3M9fm21mqTI")


def challenge(**members: object) -> bytes:
    return json.dumps({"Thumbprint": CHALLENGE.thumbprint, **members}).encode()


class RenewalTests(SynchronousTestCase):
    def test_there_and_back(self) -> None:
        """Each is read as it was written, and unknown members are ignored."""
        record = RenewalRecord(3, "no answer", 1.5, 301.5, True, "ab.cd", 7.0, 8.0)
        self.assertEqual(RenewalRecord.decode(record.encode()), record)
        self.assertEqual(RenewalRecord.decode(b'{"Newer":1}'), RenewalRecord())
        self.assertEqual(RenewalRecord().encode(), b"{}")
        self.assertEqual(OrderRecord.decode(ORDER.encode()), ORDER)
        shown = ChallengeRecord(CHALLENGE.thumbprint, "acme.a.test", {"b.test": CHALLENGE.thumbprint})
        for challenge in (CHALLENGE, shown):
            self.assertEqual(ChallengeRecord.decode(challenge.encode()), challenge)
        older = f'{{"Thumbprint":"{CHALLENGE.thumbprint}"}}'.encode()
        self.assertEqual(ChallengeRecord.decode(older), CHALLENGE)

    def test_refused(self) -> None:
        """A member that is missing or unusable is named."""
        long = OrderRecord("https://ca.test/1", "https://ca.test/dir", "x" * 5000)
        for read, text, said in (
            (RenewalRecord.decode, b'{"Failures":-1}', "Failures"),
            (RenewalRecord.decode, b'{"NextAttempt":"soon"}', "NextAttempt"),
            (OrderRecord.decode, b'{"Url":"a","Directory":"b"}', "Key is missing"),
            (OrderRecord.decode, long.encode(), "Key"),
            (ChallengeRecord.decode, b"{}", "Thumbprint is missing"),
            (ChallengeRecord.decode, b'{"Thumbprint":"x\\"}"}', "Thumbprint"),
            (ChallengeRecord.decode, challenge(Zone="*.a.test"), "Zone"),
            (ChallengeRecord.decode, challenge(Zone="A.test"), "Zone"),
            (ChallengeRecord.decode, challenge(Zone="a." * 64 + "test"), "Zone"),
            (ChallengeRecord.decode, challenge(Texts={"b.test": "short"}), "b.test"),
            (ChallengeRecord.decode, challenge(Texts={"b test": CHALLENGE.thumbprint}), "Texts"),
            (ChallengeRecord.decode, challenge(Texts={f"b{n}.test": CHALLENGE.thumbprint for n in range(101)}), "100"),
        ):
            with self.assertRaisesRegex(BadInput, said):
                read(text)

    def test_key_unprinted(self) -> None:
        """Nothing that prints an order prints its key."""
        self.assertNotIn("PRIVATE", repr(ORDER))

    def test_bound(self) -> None:
        """A value that is sealed for one place opens at no other."""
        self.assertNotEqual(bound_to_renewer("account"), bound_to_renewer("orders/account"))
