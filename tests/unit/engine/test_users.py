"""The number of the user as whom a container runs."""

from __future__ import annotations

import io
import tarfile
from collections.abc import Iterable, Iterator
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.users import number_in, user_id
from daprdockr.model.errors import EngineRefused

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


class FakeClient:
    """The Engine's answers about one container. ``closed`` says whether its stream was given back."""

    def __init__(self, user: str | None, parts: Iterable[bytes] = ()) -> None:
        self.user = user
        self.parts = parts
        self.asked: list[str] = []
        self.closed = False

    def inspect_container(self, container: str) -> dict[str, Any]:
        return {"Config": {} if self.user is None else {"User": self.user}}

    def get_archive(self, container: str, path: str) -> tuple[Any, dict[str, Any]]:
        self.asked.append(path)
        return self, {}

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.parts)

    def close(self) -> None:
        self.closed = True


def number_of(client: FakeClient) -> int:
    engine: Any = client
    return user_id(engine, "c1")


class UserTests(SynchronousTestCase):
    def test_stated(self) -> None:
        """A user that is stated as a number, as root or not at all is not looked up; a group beside it is no matter."""
        for user, number in ((None, 0), ("", 0), ("root", 0), ("root:web", 0), ("1001", 1001), ("1001:50", 1001)):
            client = FakeClient(user)
            self.assertEqual((number_of(client), client.asked), (number, []), user)

    def test_named(self) -> None:
        """A name is looked up in the image, in whatever parts that comes, and the stream is given back."""
        made = archive(PASSWD)
        client = FakeClient("web:staff", (made[:100], made[100:]))
        self.assertEqual((number_of(client), client.asked, client.closed), (1001, ["/etc/passwd"], True))

    def test_unknown(self) -> None:
        """A name that the image does not know, and a number too large for a user, are refused with what to write."""
        for user in ("nobody-here", str(2**31), "\N{ARABIC-INDIC DIGIT THREE}"):
            client = FakeClient(user, (archive(PASSWD),))
            with self.assertRaisesRegex(EngineRefused, "the image has no user .* in /etc/passwd: write a number"):
                number_of(client)
            self.assertTrue(client.closed)

    def test_endless(self) -> None:
        """A file without end is not read to its end."""
        read: list[bytes] = []

        def parts() -> Iterator[bytes]:
            while True:
                read.append(bytes(65536))
                yield read[-1]

        client = FakeClient("web", parts())
        self.assertRaises(EngineRefused, number_of, client)
        self.assertLess(len(read), 32)
