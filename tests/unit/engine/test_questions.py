"""Questions to an Engine: what one costs it, and which error says what went wrong."""

from __future__ import annotations

from daprdockr.engine.questions import EngineQuestions
from daprdockr.model.errors import EngineFailed, EngineRefused, EngineSilent, EngineUnavailable
from tests.build.adapter import AdapterCase


class QuestionTests(AdapterCase):
    """See Note [A question is no call]."""

    def setUp(self) -> None:
        super().setUp()
        self.server.answers["/_ping"] = (200, b"OK")

    def test_pulse(self) -> None:
        """A ping is one request, and a question to containerd is another one: none is asked for its version before."""
        self.engine.ping()
        self.engine.ask_containerd()
        self.engine.ping()
        self.assertEqual(self.server.paths(), ["/_ping", "/version", "/_ping"])

    def test_refused(self) -> None:
        """An Engine that refuses says why, and one that is about to end cannot be reached."""
        for status, kind in ((400, EngineRefused), (500, EngineFailed), (503, EngineUnavailable)):
            self.server.answers["/_ping"] = (status, {"message": "no room"})
            with self.assertRaises(kind) as caught:
                self.engine.ping()
            self.assertIn("no room", str(caught.exception))

    def test_silent(self) -> None:
        """An Engine that takes a question and does not answer in time is silent."""
        self.server.silent.add("/_ping")
        with self.assertRaises(EngineSilent):
            self.ask(0.05)

    def test_no_answer(self) -> None:
        """An Engine that hangs up cannot be reached, nor one of which there is no socket; which is not silence."""
        self.server.answers["/_ping"] = (200, b"")
        for close in (self.server.server_close, (self.directory / "s").unlink):
            close()
            with self.assertRaises(EngineUnavailable) as caught:
                self.ask(5.0)
            self.assertNotIsInstance(caught.exception, EngineSilent)

    def test_closed(self) -> None:
        """After closing, no question is asked."""
        self.engine.close()
        with self.assertRaises(EngineUnavailable):
            self.engine.ping()
        self.assertEqual(self.server.paths(), [])

    def ask(self, timeout: float) -> None:
        EngineQuestions(f"unix://{self.directory}/s", timeout).ask("/_ping", "answer a ping")
