"""The last words of containers on this host."""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.host.last_words import ReadLastWords
from daprdockr.model.errors import EngineFailed
from daprdockr.model.host import ContainerState
from daprdockr.model.last_words import LastWords
from tests.build.values import instance
from tests.fakes.engine import MemoryEngine
from tests.fakes.run import OnePool, run_at_once
from tests.marked import marked


class MuteEngine(MemoryEngine):
    """Its logging driver cannot be read."""

    def log_tail(self, state: ContainerState) -> bytes:
        raise EngineFailed("the Docker Engine refused: configured logging driver does not support reading")


class LastWordsTests(SynchronousTestCase):
    """``ReadLastWords``."""

    def last_words(self, engine: MemoryEngine, log: bytes = b"begin\nno database\n") -> LastWords:
        """Those of a container that logged two lines and ended with status 3."""
        engine.add_image("web:1")
        container = engine.create("one", {"Image": "web:1", "Labels": marked("one", "a", str(instance(1)))})
        engine.start(container)
        engine.log(container, log)
        engine.crash(container, 3)
        state = engine.inspect(container)
        assert state is not None
        read = ReadLastWords(engine, OnePool(run_at_once))
        return self.successResultOf(Deferred.fromCoroutine(read(state)))

    def test_lines(self) -> None:
        """They say how it ended, and have the lines that it logged last."""
        self.assertEqual(self.last_words(MemoryEngine(node="a")), LastWords("exit status 3", ("begin", "no database")))

    def test_nothing_logged(self) -> None:
        """They say that it logged nothing, which they cannot know without its log."""
        self.assertEqual(self.last_words(MemoryEngine(node="a"), b""), LastWords("exit status 3", silent=True))

    def test_no_log(self) -> None:
        """Without a log that can be read they say how it ended."""
        self.assertEqual(self.last_words(MuteEngine(node="a")), LastWords("exit status 3"))
