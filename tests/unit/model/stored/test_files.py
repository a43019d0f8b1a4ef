"""The records of files for containers."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.files import FileContent, FileRecord


class FileRecordTests(SynchronousTestCase):
    def test_round_trip(self) -> None:
        """A record is read as it was written; members of a newer version are ignored, absent ones have defaults."""
        record = FileRecord(3, "a" * 16, 20, 1e9, "anna@desk")
        self.assertEqual(FileRecord.decode(record.encode()), record)
        shortest = b'{"Revision": 1, "Stamp": "s", "Size": 0, "Newer": []}'
        self.assertEqual(FileRecord.decode(shortest), FileRecord(1, "s", 0))
        content = FileContent(b"\0\xff\n")
        self.assertEqual(FileContent.decode(content.encode()), content)

    def test_refused(self) -> None:
        """Each fault is named."""
        for value, said in ((b"{}", "Revision is missing"), (b'{"Revision": 1, "Stamp": "s", "Size": 65537}', "Size")):
            with self.assertRaisesRegex(BadInput, said):
                FileRecord.decode(value)
        for value, said in ((b"{}", "Content is missing"), (b'{"Content": "?"}', "no base64")):
            with self.assertRaisesRegex(BadInput, said):
                FileContent.decode(value)
