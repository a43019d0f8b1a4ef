"""The lines of the log, and what is left out of it."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

from twisted.internet.error import ReactorNotRunning
from twisted.internet.testing import MemoryReactorClock
from twisted.logger import Logger, LogLevel
from twisted.python.failure import Failure
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.names import ServiceName
from daprdockr.runtime.agent_log import LONGEST_FIELD, observer, written

NO_UTF8 = b"/srv/\xfc".decode("utf-8", "surrogateescape")


class FormTests(SynchronousTestCase):
    """Events, written in both forms."""

    def write(self, namespace: str, text: str, level: Any = LogLevel.info, form: str = "json", **fields: Any) -> str:
        file = io.StringIO()
        Logger(namespace, observer=written(file, form)).emit(level, text, **fields)
        return file.getvalue()

    def test_fields(self) -> None:
        """A line of JSON has the sentence, and each field by its name: numbers as they are, the rest as text."""
        service = ServiceName("myapp", "web")
        line = self.write("daprdockr.x", "{service} has {count}", service=service, count=3, time="taken", log_more=1)
        self.assertEqual(line.count("\n"), 1)
        found = json.loads(line)
        self.assertRegex(found.pop("time"), r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}\+00:00$")
        self.assertEqual(
            found,
            {"level": "info", "part": "daprdockr.x", "text": "web.myapp has 3", "service": "web.myapp", "count": 3},
        )

    def test_hostile(self) -> None:
        """A field cannot begin a line of its own, and is not endless."""
        line = self.write("daprdockr.x", "failed: {reason}", reason="a\nb" + "x" * 9999)
        self.assertEqual((line.count("\n"), len(json.loads(line)["reason"])), (1, LONGEST_FIELD))

    def test_no_number_of_json(self) -> None:
        """A value for which JSON has no number becomes text: readers refuse the whole line otherwise."""
        line = self.write("daprdockr.x", "{a} and {b}", a=float("nan"), b=float("-inf"))

        def refuse(word: str) -> None:
            raise AssertionError(f"{word} is not JSON")

        self.assertEqual(json.loads(line, parse_constant=refuse)["b"], "-inf")

    def test_no_unicode(self) -> None:
        """Half a character, as of a file name that is no UTF-8, is escaped: the line could not be written otherwise."""
        for form in ("json", "text"):
            line = self.write("daprdockr.x", "{path} cannot be read", form=form, path=NO_UTF8)
            self.assertIn(r"/srv/\udcfc cannot be read", json.loads(line)["text"] if form == "json" else line)
            self.assertEqual(line, line.encode().decode())

    def test_traceback(self) -> None:
        """A fault of ours stays one line, which has the traceback."""
        try:
            raise ValueError("odd")
        except ValueError:
            failure = Failure()
        line = self.write("daprdockr.x", "a beat failed", LogLevel.critical, log_failure=failure)
        self.assertEqual((line.count("\n"), json.loads(line)["level"]), (1, "critical"))
        self.assertIn("ValueError: odd", json.loads(line)["traceback"])

    def test_stopped_twice(self) -> None:
        """A second Ctrl-C, or SIGTERM, while the agent ends is no fault, and leaves no traceback."""
        failure = Failure(ReactorNotRunning("Can't stop reactor that isn't running."))
        for form in ("text", "json"):
            written = self.write("twisted.internet.base", "while running", LogLevel.critical, form, log_failure=failure)
            self.assertEqual(written, "")

    def test_text(self) -> None:
        """Text is Twisted's own form."""
        line = self.write("daprdockr.x", "in touch at {revision}", form="text", revision=5)
        self.assertRegex(line, r"^\d{4}-\d\d-\d\dT\S+ \[daprdockr\.x#info\] in touch at 5\n$")

    def test_left_out(self) -> None:
        """Twisted's remarks on itself are left out, its warnings and all of ours are not."""
        self.assertEqual(self.write("twisted.application.app.AppLogger", "twistd starting up."), "")
        self.assertEqual(self.write("daprdockrish", "x"), "")
        self.assertNotEqual(self.write("twisted.web", "odd", LogLevel.warn), "")
        self.assertNotEqual(self.write("urllib3.connectionpool", "odd", LogLevel.error), "")


class DestinationTests(SynchronousTestCase):
    """The place that the log is written to: that of twistd's own options."""

    def setUp(self) -> None:
        self.reactor: Any = MemoryReactorClock()
        self.stdout = io.StringIO()

    def write(self, **twistd: Any) -> Path:
        path = Path(self.mktemp())
        found = observer("json", {"logfile": str(path), **twistd}, self.reactor, self.stdout)
        assert found is not None
        found({"log_time": 0.0, "log_namespace": "daprdockr", "log_format": "x", "log_level": LogLevel.info})
        return path

    def test_file(self) -> None:
        """``--logfile`` of twistd names the file, in the foreground and as a daemon."""
        for nodaemon in (True, False):
            self.assertEqual(json.loads(self.write(nodaemon=nodaemon).read_text())["text"], "x")

    def test_unusable_file(self) -> None:
        """A file that cannot be opened is refused in one line."""
        for path, reason in (("/no/such/directory/x.log", "No such file"), ("/", "directory")):
            refused = self.assertRaises(BadInput, observer, "text", {"logfile": path}, self.reactor, self.stdout)
            self.assertRegex(str(refused), f"^--logfile {path} cannot be written: .*{reason}")

    def test_stdout(self) -> None:
        """In the foreground the log goes to stdout, unless a file is named."""
        found = observer("text", {"nodaemon": True, "logfile": None}, self.reactor, self.stdout)
        assert found is not None
        found({"log_time": 0.0, "log_namespace": "daprdockr", "log_format": "seen", "log_level": LogLevel.info})
        self.assertIn("seen", self.stdout.getvalue())

    def test_locale(self) -> None:
        """A locale that lacks a character keeps no line from the log; JSON is UTF-8 in each."""
        for form, found in (("json", "\u2026".encode()), ("text", rb"\u2026")):
            written = io.BytesIO()
            stdout = io.TextIOWrapper(written, "iso-8859-15", newline="\n")
            write = observer(form, {"nodaemon": True}, self.reactor, stdout)
            assert write is not None
            event = {"log_time": 0.0, "log_namespace": "daprdockr", "log_level": LogLevel.info}
            write({**event, "log_format": "cut\u2026"})
            self.assertIn(b"cut" + found, written.getvalue())

    def test_left_to_twistd(self) -> None:
        """twistd writes to syslog by itself, and refuses stdout to a daemon."""
        self.assertIsNone(observer("text", {"syslog": True}, self.reactor, self.stdout))
        self.assertIsNone(observer("text", {"logfile": "-", "nodaemon": False}, self.reactor, self.stdout))
