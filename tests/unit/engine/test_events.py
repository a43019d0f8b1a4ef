"""The listener comes back after every loss, and always lets the consumer list after it has subscribed."""

from __future__ import annotations

import threading
from queue import SimpleQueue

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.engine.events import EventListener
from daprdockr.model.errors import EngineError, EngineRefused
from tests.fakes.engine import MemoryEngine
from tests.marked import marked

PATIENCE = 20.0
Told = tuple[object, ...]


class Consumer:
    """Puts the reports that it receives into a queue, and can be made to fail."""

    def __init__(self, engine: MemoryEngine) -> None:
        self.engine = engine
        self.told: SimpleQueue[Told] = SimpleQueue()
        self.failing: set[str] = set()

    def on_connected(self) -> None:
        self._take("connected", self.engine.calls["events"])

    def on_event(self, action: str, container: str) -> None:
        self._take(action, container)

    def on_lost(self, error: EngineError) -> None:
        self._take("lost", type(error).__name__)

    def _take(self, what: str, detail: object) -> None:
        self.told.put((what, detail))
        if what in self.failing:
            raise KeyError(what)


class Pauses:
    """Stands in for the waiting between tries: the listener goes on when the test says so."""

    def __init__(self) -> None:
        self.asked: SimpleQueue[float] = SimpleQueue()
        self.permits: SimpleQueue[None] = SimpleQueue()

    def __call__(self, stopping: threading.Event, seconds: float) -> None:
        self.asked.put(seconds)
        self.permits.get(timeout=PATIENCE)

    def let_go(self) -> float:
        """Let the next pause end at once; how long it was to be."""
        self.permits.put(None)
        return self.asked.get(timeout=PATIENCE)


class EventListenerTests(SynchronousTestCase):
    """``EventListener`` against the Engine in memory."""

    def setUp(self) -> None:
        self.engine = MemoryEngine()
        self.engine.add_image("sample:1")
        self.consumer = Consumer(self.engine)
        self.pauses = Pauses()
        self.listener = EventListener(self.engine, self.consumer, random=lambda: 0.0, wait=self.pauses)

    def start(self) -> None:
        self.listener.start()
        self.addCleanup(self.stop)

    def stop(self) -> None:
        self.pauses.permits.put(None)
        self.assertTrue(self.listener.stop(PATIENCE))

    def told(self) -> Told:
        return self.consumer.told.get(timeout=PATIENCE)

    def create(self, name: str) -> str:
        return self.engine.create(name, {"Image": "sample:1", "Labels": marked(name, "node")})

    def test_subscribed_before_connected(self) -> None:
        """The consumer is asked to list when the stream is open already, so that nothing falls in between."""
        self.start()
        self.assertEqual(self.told(), ("connected", 1))

    def test_event(self) -> None:
        """An event is handed on with its container."""
        self.start()
        self.told()
        container = self.create("web")
        self.assertEqual(self.told(), ("create", container))

    def test_lost_and_found(self) -> None:
        """After the Engine vanished the listener tries ever later, and has the consumer list when it is back."""
        self.start()
        self.told()
        self.engine.unavailable = True
        self.assertEqual(self.told(), ("lost", "EngineUnavailable"))
        delays = []
        for _ in range(8):
            delays.append(self.pauses.let_go())
            self.assertEqual(self.told(), ("lost", "EngineUnavailable"))
        self.assertEqual(delays, [0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 5.0, 5.0])
        self.engine.unavailable = False
        self.pauses.let_go()
        self.assertEqual(self.told()[0], "connected")

    def test_hung_up_at_once(self) -> None:
        """An Engine that accepts the stream and ends it at once is not asked at full speed."""
        self.start()
        delays = []
        for _ in range(3):
            self.assertEqual(self.told()[0], "connected")
            self.engine.close()
            self.assertEqual(self.told()[0], "lost")
            delays.append(self.pauses.let_go())
        self.assertEqual(delays, [0.1, 0.2, 0.4])

    def test_heard_something(self) -> None:
        """After a stream that reported something the first pause is short again."""
        self.start()
        for name in ("a", "b", "c"):
            self.assertEqual(self.told()[0], "connected")
            self.create(name)
            self.assertEqual(self.told()[0], "create")
            self.engine.close()
            self.assertEqual(self.told()[0], "lost")
            self.assertEqual(self.pauses.let_go(), 0.1)

    def test_jitter(self) -> None:
        """Chance shortens a pause, so that many agents do not return together."""
        self.listener = EventListener(self.engine, self.consumer, random=lambda: 0.5, wait=self.pauses)
        self.engine.unavailable = True
        self.start()
        self.assertAlmostEqual(self.pauses.let_go(), 0.075)

    def fail_once(self, what: str) -> None:
        """Let the consumer fail when it receives ``what``, until a loss was reported to it."""
        self.consumer.failing = {what}
        self.start()
        self.assertEqual(self.told()[0], "connected")
        if what == "create":
            self.create("web")
            self.assertEqual(self.told()[0], "create")
        if what == "lost":
            self.engine.close()
        self.assertEqual(self.told()[0], "lost")
        self.pauses.asked.get(timeout=PATIENCE)
        self.consumer.failing = set()
        self.pauses.permits.put(None)
        self.assertEqual(self.told()[0], "connected")
        self.assertEqual(len(self.flushLoggedErrors(KeyError)), 1)

    def test_consumer_fails_to_list(self) -> None:
        """A consumer that fails when the stream opens is called again later; the listener goes on."""
        self.fail_once("connected")

    def test_consumer_fails_on_event(self) -> None:
        """A consumer that fails on an event gets to list everything again; the listener goes on."""
        self.fail_once("create")

    def test_consumer_fails_on_loss(self) -> None:
        """A consumer that fails when it receives a loss does not end the listener."""
        self.fail_once("lost")

    def test_consumer_meets_engine_error(self) -> None:
        """An Engine that refuses what the consumer asks in its turn counts as lost, for the same reason."""

        def refused() -> None:
            raise EngineRefused("no")

        self.consumer.on_connected = refused  # type: ignore[method-assign]  # one method is enough to differ
        self.start()
        self.assertEqual(self.told(), ("lost", "EngineRefused"))

    def test_stop(self) -> None:
        """Stopping ends stream and thread, and is not reported as a loss."""
        self.start()
        self.told()
        self.assertTrue(self.listener.stop(PATIENCE))
        self.assertTrue(self.consumer.told.empty())

    def test_stop_while_waiting(self) -> None:
        """With the real way of waiting, stopping ends a pause at once."""
        self.engine.unavailable = True
        listener = EventListener(self.engine, self.consumer, random=lambda: 0.0)
        listener.start()
        self.told()
        self.assertTrue(listener.stop(PATIENCE))

    def test_stop_while_connecting(self) -> None:
        """A stream that opens after the stop is closed again."""
        opening, stopped = threading.Event(), threading.Event()

        class SlowEngine(MemoryEngine):
            def events(self):  # type: ignore[no-untyped-def]  # as in the fake
                opening.set()
                stopped.wait(PATIENCE)
                return MemoryEngine.events(self)

        engine = SlowEngine()
        listener = EventListener(engine, Consumer(engine), random=lambda: 0.0)
        listener.start()
        opening.wait(PATIENCE)
        self.assertFalse(listener.stop(0.01))
        stopped.set()
        self.assertTrue(listener.stop(PATIENCE))
