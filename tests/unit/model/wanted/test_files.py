"""The ``Files`` of a definition, and what happens when a content changes."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.files import MOST_BYTES, MOST_FILES, FileUse, stamp_of, with_stamps
from tests.build.values import definition


def using(*files: dict[str, Any], **members: Any) -> Definition:
    return definition(Files=list(files), **members)


class FilesTests(SynchronousTestCase):
    def test_read(self) -> None:
        """A file is a stored one or its content, with permissions and a reaction; the same is written back."""
        made = using(
            {"Name": "a.conf", "Target": "/etc/a.conf"},
            {"Content": "b\n", "Target": "/b", "mode": "555", "OnChange": "HUP"},
        )
        stored, stated = made.files
        self.assertEqual(stored, FileUse("a.conf", "/etc/a.conf"))
        self.assertEqual(stated, FileUse("", "/b", "b\n", 0o555, "HUP", stamp_of(b"b\n")))
        self.assertEqual(made.write()["Files"][0], {"Name": "a.conf", "Target": "/etc/a.conf"})
        self.assertEqual(
            made.write()["Files"][1], {"Target": "/b", "Content": "b\n", "Mode": "0555", "OnChange": "HUP"}
        )
        self.assertEqual(Definition.read(made.write()), made)
        self.assertEqual(made.stated, made)

    def test_refused(self) -> None:
        """Each mistake is named, with its place."""
        half = "x" * (MOST_BYTES // 2 + 1)
        for files, said in (
            ([{"Name": "a"}], "Files[0].Target is missing"),
            ([{"Target": "/a"}], "Files[0] needs Name, of a file that file set stored, or Content"),
            ([{"Name": "a", "Content": "", "Target": "/a"}], "write one of them"),
            ([{"Name": "a/b", "Target": "/a"}], "Files[0].Name: file name"),
            ([{"Name": "a", "Target": "a"}], "the whole path"),
            ([{"Content": "\0", "Target": "/a"}], "write a text"),
            ([{"Content": "\ud800", "Target": "/a"}], "half a character"),
            ([{"Name": "a", "Target": "/a", "Mode": "u+x"}], "octal permissions"),
            ([{"Name": "a", "Target": "/a", "Mode": "4755"}], "octal permissions"),
            ([{"Name": "a", "Target": "/a", "OnChange": "TERM"}], "write one of roll, HUP"),
            ([{"Name": "a", "Target": "/a"}, {"Name": "b", "Target": "/a"}], "'/a' is given twice"),
            (
                [{"Name": "a", "Target": "/a/b/c"}, {"Name": "b", "Target": "/a"}],
                "'/a/b/c' lies below '/a', which is a",
            ),
            ([{"Name": "a", "Target": f"/{number}"} for number in range(MOST_FILES + 1)], "write at most 32"),
            ([{"Content": half, "Target": "/a"}, {"Content": half, "Target": "/b"}], "more than 64 KiB of Content"),
        ):
            with self.assertRaises(BadInput) as caught:
                using(*files)
            self.assertIn(said, str(caught.exception))
        with self.assertRaisesRegex(BadInput, "Secrets and Files: '/a' is given twice"):
            using({"Name": "a", "Target": "/a"}, Secrets=[{"Name": "s", "Target": "/a"}])
        with self.assertRaisesRegex(BadInput, "Env and OnChange HUP: a variable stays as it was"):
            definition(Secrets=[{"Name": "s", "Env": "S", "OnChange": "HUP"}])

    def test_digest(self) -> None:
        """Another content, place or mode needs other containers, but for a content whose changes are signalled."""

        def digest(file: dict[str, Any], stamp: str = "s1") -> str:
            made = using(file)
            return evolve(made, files=with_stamps(made.files, {"a": stamp})).digest

        file = {"Name": "a", "Target": "/a"}
        rolled = [digest(file), digest(file, "s2"), digest({**file, "Target": "/b"}), digest({**file, "Mode": "0400"})]
        rolled += [digest({"Content": content, "Target": "/a"}) for content in ("c", "d")]
        signalled = [digest({**file, "OnChange": "HUP"}, stamp) for stamp in ("s1", "s2", "")]
        self.assertEqual((len(set(rolled)), len(set(signalled))), (6, 1))
        self.assertEqual(using().digest, definition().digest)

    def test_digest_of_secrets(self) -> None:
        """A secret whose changes are signalled is the same definition with each stamp."""
        before = definition(Secrets=[{"Name": "s"}]).digest
        made = definition(Secrets=[{"Name": "s", "OnChange": "HUP"}])
        other = evolve(made, secrets=tuple(evolve(use, stamp="s1", key="k") for use in made.secrets))
        self.assertEqual((other.digest, Definition.read(made.write())), (made.digest, made))
        self.assertNotEqual(made.digest, before)
