"""Files of variables."""

from __future__ import annotations

import time

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.compose.variables import read_variables
from daprdockr.model.errors import BadInput
from tests.build.compose_samples import project

TEXT = b"""\
# a comment
export A=1 # another
B='$A stays'
C="x\\n$A"
D=$A-$HOME_OF
E=
F
"""


class VariablesTests(SynchronousTestCase):
    """The two formats."""

    def test_usual(self) -> None:
        """Quotes, comments, ``export`` and variables work as in Compose; in single quotes a dollar stays."""
        found = read_variables(TEXT, ".env", {"HOME_OF": "h"})
        self.assertEqual({"A": "1", "B": "$A stays", "C": "x\n1", "D": "1-h", "E": "", "F": None}, found)

    def test_dollars(self) -> None:
        """In double quotes a dollar behind a backslash stays, unless that is itself behind one."""
        known = {"A": "1"}
        cases = {
            rb'"pa\$A"': "pa$A",
            rb'"\${A}" # \$': "${A}",
            rb'"\\$A"': "\\1",
            rb'"\\\$A\n"': "\\$A\n",
            rb'"$$A"': "$A",
            rb"\$A": "\\1",
            rb"'\$A'": "\\$A",
        }
        for written, expected in cases.items():
            self.assertEqual({"B": expected}, read_variables(b"\nB=" + written + b"\n", "x.env", known), written)

    def test_many(self) -> None:
        """A file of thousands of variables is read in a moment, in which each sees those above it."""
        lines = [f"A{number}=$A{number - 1}." if number else "A0=." for number in range(100)]
        lines += [f"B{number}=$A{number % 100}" for number in range(40_000)]
        begin = time.process_time()
        found = read_variables("\n".join(lines).encode(), ".env", {})
        self.assertLess(time.process_time() - begin, 10)
        self.assertEqual("." * 100, found["B99"])

    def test_raw(self) -> None:
        """In the raw format a value is what stands there."""
        found = read_variables(b"# c\n\nA='$B' # d\nC\n", "x.env", {}, raw=True)
        self.assertEqual({"A": "'$B' # d", "C": None}, found)
        found = read_variables(b" # c\n A=1 \xc2\x85\r\n  B=\x0c2\n", "x.env", {}, raw=True)
        self.assertEqual({"A": "1 \x85", "B": "\x0c2"}, found)

    def test_unset(self) -> None:
        """A variable that is used and not set, such as a part of a password, is named with its place."""
        files = {
            "compose.yaml": "services:\n  web:\n    image: web:1\n    env_file: a.env\n",
            "a.env": "A=1\nPASSWORD=pa$word\nB=$A$B\n",
            ".env": "TOKEN=$ecret\n",
        }
        text = "is not set, it counts as empty: write $$ for a dollar, or"
        self.assertEqual(
            [
                (f"/shop/.env:1: TOKEN: variable ecret {text} ${{ecret:-}}", False),
                (f"/shop/a.env:2: PASSWORD: variable word {text} ${{word:-}}", True),
                (f"/shop/a.env:3: B: variable B {text} ${{B:-}}", True),
            ],
            [(str(one), one.weighty) for one in project(files).findings],
        )

    def test_wrong(self) -> None:
        """An error has file and line."""
        cases = {
            b"A=1\n\xff": "x.env: byte 4 is not UTF-8",
            b"A=1\n'B\n": "x.env:2: not usable, write NAME=value",
            b"A=1\nB=${C:?give it}\n": "x.env:2: B: variable C is not set: give it",
        }
        for data, expected in cases.items():
            self.assertEqual(expected, str(self.assertRaises(BadInput, read_variables, data, "x.env", {})))
        error = self.assertRaises(BadInput, read_variables, b"\n=1", "x.env", {}, raw=True)
        self.assertEqual("x.env:2: not usable, write NAME=value", str(error))
