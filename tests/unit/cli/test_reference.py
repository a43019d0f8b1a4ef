"""The table of the reference page, made from the declarations."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.command import ACTIONS, WORDS
from daprdockr.cli.flags import ALL
from daprdockr.cli.reference import renewed, table

STALE = """\
Before.

=====  =====
flag or command  what it did
=====  =====
``x``  old
=====  =====

===========  =======
exit status  meaning
===========  =======
0            done
===========  =======
"""


class TableTests(SynchronousTestCase):
    """The rows and texts of the table."""

    def test_rows(self) -> None:
        """Each action, flag and form of a command has one row, and a command shows what may stand behind it."""
        first = [line.split("``")[1] for line in table().splitlines() if line.startswith("``")]
        self.assertEqual(sorted(set(first)), sorted(first))
        flags = {f"-{name}" for name in (*ACTIONS, *(flag.name for flag in ALL))}
        self.assertEqual({name.split()[0] for name in first}, {*WORDS, *flags})
        self.assertIn("drain NODE", first)

    def test_texts(self) -> None:
        """A form is described in the words of its own, and a flag names the commands that take it."""
        said = " ".join(table().split())
        self.assertIn("``-stdin`` store the definition read from stdin in place of the old one", said)
        self.assertIn(
            "``-yes`` let ``delete``, ``secret``, ``file``, ``volume``, ``restore``, ``recover`` and ``trust-etcd`` go"
            " on without asking",
            said,
        )
        self.assertIn("``-del`` delete a service", said)

    def test_width(self) -> None:
        """No line is longer than a line of a page may be."""
        self.assertLessEqual(max(map(len, table().splitlines())), 120)


class RenewedTests(SynchronousTestCase):
    """A page whose table is of an older version."""

    def test_renewed(self) -> None:
        """The table is put in the place of the old one; what stands around it, other tables too, stays."""
        before, after = STALE.split("=====  =====\nflag")[0], STALE[STALE.index("\n===========") :]
        self.assertEqual(renewed(STALE), before + table() + after)
        self.assertEqual(renewed(renewed(STALE)), renewed(STALE))
