"""Answers that are larger than an Engine's ever are, slower, or in pieces."""

from __future__ import annotations

import io
import json

from requests import Response, Timeout

from daprdockr.engine.documents import MAX_ANSWER, MAX_LINE, documents, read_whole
from daprdockr.model.errors import EngineUnavailable
from tests.build.adapter import AdapterCase
from tests.fakes.scripted_engine import event


class SizeTests(AdapterCase):
    """Answers that are larger than an Engine's ever are, or slower."""

    def test_long_answer(self) -> None:
        """An answer that is too long counts as none, and so does a refusal, of a stream too."""
        self.server.answers["/containers/json"] = (200, b"[" + b" " * MAX_ANSWER + b"]")
        self.server.answers["/events"] = (500, b"[" + b" " * MAX_ANSWER + b"]")
        for call in (self.engine.containers, self.engine.events):
            error = self.assertRaises(EngineUnavailable, call)
            self.assertIn(f"its answer has more than {MAX_ANSWER} bytes", str(error))

    def test_slow_answer(self) -> None:
        """An answer that comes bit by bit ends when its time is up."""
        response = Response()
        response.raw = io.BytesIO(b"[" + b" " * 100_000 + b"]")
        times = iter(range(10))
        self.assertRaises(Timeout, read_whole, response, 5.0, lambda: float(next(times)))
        self.assertEqual(next(times), 7)

    def test_long_event(self) -> None:
        """An event that is too long ends the stream, whether or not it ends itself; those before it were reported."""
        for end in (b'"}}\n', b""):
            line = b'{"Action": "start", "Actor": {"ID": "%s' % (b"x" * MAX_LINE)
            self.server.answers["/events"] = (200, b"%s\n" % json.dumps(event("die", "a")).encode() + line + end)
            events = iter(self.engine.events())
            self.assertEqual(next(events), ("die", "a"))
            self.assertIn("a line has more", str(self.assertRaises(EngineUnavailable, next, events)))

    def test_strange_event(self) -> None:
        """A value that is JSON but no event ends the stream, too."""
        for line in (b"[]\n", b"{}\n", b"7\n"):
            self.server.answers["/events"] = (200, line)
            self.assertRaises(EngineUnavailable, list, self.engine.events())

    def test_long_progress(self) -> None:
        """A pull whose progress is reported in a line that is too long fails."""
        self.server.answers["/images/create"] = (200, b'{"status": "%s"}\n' % (b"x" * MAX_LINE))
        self.assertRaises(EngineUnavailable, self.engine.pull, "web:1")

    def test_pieces(self) -> None:
        """A document may come in any pieces, and several in one."""
        text = b'{"a": 1}\r\n\n{"b": 2}\n{"c": 3}'
        for size in range(1, len(text) + 1):
            pieces = (text[at : at + size] for at in range(0, len(text), size))
            self.assertEqual(list(documents(pieces)), [{"a": 1}, {"b": 2}, {"c": 3}])
