"""
A thread that listens to the Docker Engine's events until it is stopped, and reports when it was disconnected.

Knows how to reconnect after a loss. Does not know what an event means; the consumer decides.

Note [Subscribe first, then list]
    The stream reports only what happens while it is open. A consumer that listed the containers and then subscribed
    would permanently miss the events in between. So the stream is opened first, and then ``on_connected`` is called:
    the consumer lists everything once more, and events of the time between are merely reported twice. (The Engine sends
    the head of its answer a few microseconds before it subscribes; a request that follows that head takes longer, and
    the consumer's slow repeated list repairs the rest.) Between ``on_lost`` and the next ``on_connected`` the
    consumer's knowledge may be stale.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import closing
from typing import Protocol

from twisted.logger import Logger

from daprdockr.model.backoff import Backoff
from daprdockr.model.errors import EngineError, EngineUnavailable
from daprdockr.model.seams import ContainerEvents, Engine


class EventConsumer(Protocol):
    """The subscriber; every method is called in the listener's thread."""

    def on_connected(self) -> None:
        """List everything, because the stream is open. See Note [Subscribe first, then list]."""

    def on_event(self, action: str, container: str) -> None:
        """Take note that something happened to the container with this id."""

    def on_lost(self, error: EngineError) -> None:
        """Take note that the stream ended, or could not be opened; it is retried until ``stop``."""


class EventListener:
    """
    One thread with one stream.

    :param random: gives numbers in [0, 1).
    :param wait: waits until the event is set, for at most so many seconds.
    """

    log = Logger()

    def __init__(
        self,
        engine: Engine,
        consumer: EventConsumer,
        random: Callable[[], float],
        wait: Callable[[threading.Event, float], object] = threading.Event.wait,
        backoff: Backoff = Backoff(first=0.1, limit=5.0),  # noqa: B008 (frozen)
    ) -> None:
        self._engine = engine
        self._consumer = consumer
        self._random = random
        self._wait = wait
        self._backoff = backoff
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self._stream: ContainerEvents | None = None
        # A daemon: a thread that hangs in a frozen Engine must not keep the process from ending.
        self._thread = threading.Thread(target=self._listen, name="engine-events", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout: float = 5.0) -> bool:
        """End the stream and wait at most ``timeout`` seconds for the thread; return whether it has ended."""
        self._stopping.set()
        with self._lock:
            stream = self._stream
        if stream is not None:
            stream.close()
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def _listen(self) -> None:
        failures = 0
        while not self._stopping.is_set():
            received = self._listen_once()
            # Judged by the events received: an Engine that accepts and disconnects at once is no better than none.
            failures = 1 if received else failures + 1
            if not self._stopping.is_set():
                self._wait(self._stopping, self._backoff.delay(failures, self._random()))

    def _listen_once(self) -> bool:
        """Read one stream to its end; return whether at least one event arrived."""
        received = False
        error: EngineError = EngineUnavailable("the Docker Engine ended its event stream")
        try:
            with closing(self._open()) as stream:
                self._consumer.on_connected()
                for action, container in stream:
                    received = True
                    self._consumer.on_event(action, container)
        except EngineError as problem:
            error = problem
        except Exception:
            # The consumer missed something: it has to list everything again.
            self.log.failure("the consumer of container events failed")
        if not self._stopping.is_set():
            self._report_lost(error)
        return received

    def _open(self) -> ContainerEvents:
        stream = self._engine.events()
        with self._lock:
            self._stream = stream
        if self._stopping.is_set():
            stream.close()
        return stream

    def _report_lost(self, error: EngineError) -> None:
        try:
            self._consumer.on_lost(error)
        except Exception:
            self.log.failure("the consumer of container events failed")
