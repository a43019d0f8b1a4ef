"""The number of a user, as an image's ``passwd`` has it."""

from __future__ import annotations

import io
import tarfile

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.users import number_in

PASSWD = b"root:x:0:0:root:/:/bin/sh\nweb:x:1001:1001::/:\nbroken\nodd:x:minus:1::/:\n"


def archive(content: bytes, kind: bytes = tarfile.REGTYPE) -> bytes:
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as members:
        member = tarfile.TarInfo("passwd")
        member.type, member.size = kind, len(content)
        members.addfile(member, io.BytesIO(content))
    return made.getvalue()


class NumberTests(SynchronousTestCase):
    def test_known(self) -> None:
        """A name has the number of its line."""
        self.assertEqual([number_in(archive(PASSWD), name) for name in ("root", "web")], [0, 1001])

    def test_unknown(self) -> None:
        """A name without a line, a number that is none, a link, and an archive that is cut off give no number."""
        for content, name in (
            (archive(PASSWD), "we"),
            (archive(PASSWD), "odd"),
            (archive(b"", tarfile.SYMTYPE), "web"),
            (archive(PASSWD)[:300], "web"),
            (b"", "web"),
        ):
            self.assertIsNone(number_in(content, name))
