"""The record of an instance's volumes: read as it was written, and refused with a reason."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.volume import VolumeRecord


class VolumeRecordTests(SynchronousTestCase):
    def test_round_trip(self) -> None:
        """It is read as it was written; what a newer agent adds is ignored, what is absent has its default."""
        for record in (VolumeRecord("a", ("data", "logs")), VolumeRecord("a", ("data",), overdue=True)):
            self.assertEqual(VolumeRecord.decode(record.encode()), record)
        newer = b'{"Node": "a", "Volumes": ["data"], "Copies": 2}'
        self.assertEqual(VolumeRecord.decode(newer), VolumeRecord("a", ("data",)))

    def test_refused(self) -> None:
        """One that does not say where the data is counts for nothing."""
        for data, part in ((b"{}", "Node is missing"), (b'{"Node": "a"}', "Volumes is missing"), (b"[]", "no")):
            self.assertIn(part, str(self.assertRaises(BadInput, VolumeRecord.decode, data)))
        self.assertRaises(BadInput, VolumeRecord.decode, b'{"Node": "A/b", "Volumes": []}')
