"""The record of a slot: read back as it was written, and nothing else is one."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.entries import Batch, Deleted, Entry
from daprdockr.model.stored.slot import SlotRecord
from tests.build.values import KEYS, WEB, instance

RECORD = SlotRecord("a", instance(2), "0123456789ab")
KEY = KEYS.slot(WEB, 1)


class SlotTests(SynchronousTestCase):
    def test_read_back(self) -> None:
        """A record is read as it was written, and members of a newer version are ignored."""
        self.assertEqual(SlotRecord.decode(RECORD.encode()), RECORD)
        newer = RECORD.encode().replace(b"{", b'{"Colour": "red", ', 1)
        self.assertEqual(SlotRecord.decode(newer), RECORD)

    def test_garbage(self) -> None:
        """Anything else is bad input."""
        for text in (b"", b"[]", b"{}", b'{"Node": "a", "Instance": "web", "Definition": "d"}', b'{"Node": "a"}'):
            self.assertRaises(BadInput, SlotRecord.decode, text)

    def test_mirrored(self) -> None:
        """The mirror has the slots by service and number, and a change of one concerns its service."""
        cluster = Cluster(KEYS)
        changes = cluster.apply(Batch(1, 5, (Entry(KEY, RECORD.encode(), 5, 5, 9),)))
        slot = cluster.slots(WEB)[1]
        self.assertEqual((slot.number, slot.record, slot.fence, slot.lease), (1, RECORD, 5, 9))
        self.assertEqual(changes.services, frozenset({WEB}))
        changes = cluster.apply(Batch(1, 6, (Deleted(KEY, 6),)))
        self.assertEqual((cluster.slots(WEB), changes.services), ({}, frozenset({WEB})))

    def test_of_another_service(self) -> None:
        """A slot for an instance of another service is broken, and counts for nothing."""
        cluster = Cluster(KEYS)
        other = RECORD.encode().replace(b"2.web.myapp", b"2.api.myapp")
        (broken,) = cluster.apply(Batch(1, 5, (Entry(KEY, other, 5, 5, 9),))).broken
        self.assertEqual((cluster.slots(WEB), broken.reason), ({}, "a slot of web.myapp is none for 2.api.myapp"))
