"""The reading of a guide: what is typed where, and what has to be shown."""

from __future__ import annotations

import tempfile
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from tests.rig.guide import Typed, typed

TEXT = """\
Trying
------

::

    desk# cat > a.yaml <<'END'
    Name: a
    END
    desk# daprdockrcmd wait a.shop
    a.shop: 3 healthy

    ...
    daprdockrcmd: the rollout was reverted by anna@desk

Text. ::

    not typed by anybody
    host1# true \\
        --all
"""


class GuideTests(SynchronousTestCase):
    """``typed``, and what each command ``shows``."""

    def setUp(self) -> None:
        page = Path(self.enterContext(tempfile.TemporaryDirectory())) / "page.rst"
        page.write_text(TEXT)
        self.found = typed(page)

    def test_typed(self) -> None:
        """Commands have places, further lines and output; text and blocks without a prompt are nobody's."""
        shown = ["a.shop: 3 healthy", "...", "daprdockrcmd: the rollout was reverted by anna@desk"]
        self.assertEqual(
            self.found,
            [
                Typed("desk", "cat > a.yaml <<'END'\nName: a\nEND"),
                Typed("desk", "daprdockrcmd wait a.shop", shown),
                Typed("host1", "true \\\n    --all"),
            ],
        )
        self.assertEqual([one.fails for one in self.found], [False, True, False])

    def test_shown(self) -> None:
        """Numbers and people may differ, and nothing else of a line that is shown."""
        wait = self.found[1]
        end = "daprdockrcmd: the rollout was reverted by root@vm\n"
        self.assertEqual(wait.missing(f"a.shop:   41 healthy\nmore\n{end}"), [])
        self.assertEqual(wait.missing(f"b.shop: 3 healthy\n{end}"), ["a.shop: 3 healthy"])
        self.assertEqual(Typed("desk", "x", ["a: ..."]).missing("a: what there is"), [])
        self.assertEqual(Typed("desk", "x", ["a: ..."]).missing("b: what there is"), ["a: ..."])
