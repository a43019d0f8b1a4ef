"""The console script: what ends it, and streams that are closed."""

from __future__ import annotations

import io
import os
import subprocess
import sys

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli import start
from daprdockr.cli.outcome import INTERRUPTED

INTERRUPTED_WHILE_LOADING = """
import sys

interrupted = sys.argv.pop()

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == interrupted:
            raise KeyboardInterrupt

sys.meta_path.insert(0, Finder())
from daprdockr.cli.start import run
sys.argv.append("ps")
run()
"""

RUN = "from daprdockr.cli.start import run; run()"
FIRST_OPENED = """
import os
from daprdockr.cli import start

def begin():
    print(min(os.pipe()) > 2)
    return 0

start.begin = begin
start.run()
"""


class ProcessTests(SynchronousTestCase):
    """The script in a process of its own."""

    def test_interrupted(self) -> None:
        """Ctrl-C while the program is loaded, or the command of the line is, ends it without any output."""
        for module in ("daprdockr.cli.main", "daprdockr.cli.commands.ps"):
            command = [sys.executable, "-c", INTERRUPTED_WHILE_LOADING, module]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout, done.stderr), (130, "", ""), module)

    def test_pipe(self) -> None:
        """Nobody reads any more: the interpreter does not complain either."""
        reader, writer = os.pipe()
        os.close(reader)
        command = [sys.executable, "-c", RUN, "-help"]
        with open(writer, "wb") as pipe:
            done = subprocess.run(command, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr), (1, ""))

    def test_full(self) -> None:
        """A file that takes only the beginning of the output is full, and nobody takes it for whole."""
        for unbuffered in ("", "1"):
            command = ["sh", "-c", 'ulimit -f 1; exec "$@" >"$0"', self.mktemp(), sys.executable, "-c", RUN, "-help"]
            # coverage could not write its own file under this limit
            inherited = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE")}
            environment = {**inherited, "PYTHONUNBUFFERED": unbuffered}
            done = subprocess.run(command, stderr=subprocess.PIPE, text=True, check=False, env=environment)
            self.assertEqual(done.returncode, 1)
            self.assertEqual(done.stderr, "daprdockrcmd: nothing more can be written: File too large\n")

    def test_closed(self) -> None:
        """Nothing gets the descriptor of a standard stream, which exec would read from, or write into."""
        for line in ('exec "$@" <&-', 'exec "$@" 2>&-', 'exec "$@" <&- 2>&-'):
            command = ["sh", "-c", line, "sh", sys.executable, "-c", FIRST_OPENED]
            done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
            self.assertEqual((done.returncode, done.stdout), (0, "True\n"), line)

    def test_terminal(self) -> None:
        """A terminal that is asked for without stdin is wrong usage, said in one line."""
        words = ["exec", "-it", "1.web.myapp", "--", "sh"]
        command = ["sh", "-c", 'exec "$@" <&-', "sh", sys.executable, "-c", RUN, *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stderr.count("\n")), (2, 1), done.stderr)


class StreamTests(SynchronousTestCase):
    """The streams of this process, in place of which the test has its own."""

    def begun(self, stdin: object, stdout: object, stderr: object, *words: str) -> int:
        for name, stream in (("stdin", stdin), ("stdout", stdout), ("stderr", stderr)):
            self.patch(sys, name, stream)
        self.patch(sys, "argv", ["daprdockrcmd", *words])
        return start.begin()

    def test_ordinary(self) -> None:
        """The words are carried out; what no encoding has is written by its number."""
        written = io.BytesIO()
        stdout = io.TextIOWrapper(written, "ascii")
        status = self.begun(io.TextIOWrapper(io.BytesIO()), stdout, io.StringIO(), "-help")
        self.assertEqual((status, stdout.errors), (0, "backslashreplace"))
        self.assertIn(b"Usage: daprdockrcmd", written.getvalue())

    def test_closed(self) -> None:
        """Without stdout nothing is done, and one line says why; closed stdin and stderr hinder nobody."""
        stderr = io.StringIO()
        self.assertEqual(self.begun(None, None, stderr, "-help"), 1)
        self.assertEqual(stderr.getvalue(), "daprdockrcmd: stdout is closed: redirect it, to /dev/null at least\n")
        self.assertEqual(self.begun(None, io.StringIO(), None, "-nope"), 2)
        self.assertEqual(self.begun(None, None, None, "-help"), 1)

    def test_interrupted(self) -> None:
        """Ctrl-C gives the exit status that shells expect."""

        def interrupted() -> int:
            raise KeyboardInterrupt

        self.assertEqual((start.ended(interrupted), start.ended(lambda: 4)), (INTERRUPTED, 4))
