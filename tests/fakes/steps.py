"""The two threads that tell an agent of the world, as objects that go on when the test says so: one ``step`` a time."""

from __future__ import annotations

from daprdockr.engine.events import EventConsumer
from daprdockr.etcd.follow import Listener
from daprdockr.model.errors import EngineError, EngineUnavailable, EtcdError, EtcdHistoryLost, EtcdUnavailable
from daprdockr.model.stored.entries import Batch, Prefixes
from tests.fakes.engine import MemoryEngine, MemoryEvents
from tests.fakes.store import MemoryStore


class SteppedFollower:
    """Stands for ``daprdockr.etcd.follow.Follower``: a list first, changes after it, a list again when they end."""

    def __init__(self, store: MemoryStore, prefixes: Prefixes, listener: Listener) -> None:
        self._store = store
        self._prefixes = prefixes
        self._listener = listener
        self._position: int | None = None
        self._cluster = 0
        self._life = store.life
        self._failed = False
        self.running = False

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def step(self) -> None:
        """Tell all there is to tell now."""
        if not self.running:
            return
        try:
            with self._store.news:
                self._tell_all()
            self._failed = False
        except EtcdError as error:
            if self._cluster != self._store.cluster_id or isinstance(error, EtcdHistoryLost):
                self._position = None
            if not self._failed:
                self._listener.lost(error)
            self._failed = True

    def list_again(self) -> None:
        """The next step begins with a list, as it does now and then."""
        self._position = None

    def _tell_all(self) -> None:
        self._store.check()
        if self._life != self._store.life:
            self._life = self._store.life
            raise EtcdUnavailable("etcd ended the watch: it is opened again")
        if self._position is None or self._cluster != self._store.cluster_id:
            listing = self._store.list(self._prefixes)
            self._position, self._cluster = listing.revision, listing.cluster_id
            self._listener.listed(listing)
        elif self._failed:
            self._listener.changed(Batch(self._cluster, self._position, ()))
        while (batch := self._store.since(self._prefixes, self._position + 1)) is not None:
            self._position = batch.revision
            self._listener.changed(batch)


class SteppedListener:
    """Stands for ``daprdockr.engine.events.EventListener``: connects, passes events on, and connects again."""

    def __init__(self, engine: MemoryEngine, consumer: EventConsumer) -> None:
        self._engine = engine
        self._consumer = consumer
        self._stream: MemoryEvents | None = None
        self.running = False

    def start(self) -> None:
        self.running = True

    def stop(self) -> None:
        self.running = False

    def step(self) -> None:
        """Tell all there is to tell now."""
        if not self.running:
            return
        try:
            if self._stream is None:
                self._stream = self._engine.events()
                self._consumer.on_connected()
            self._tell_all(self._stream)
        except EngineError as error:
            self._stream = None
            self._consumer.on_lost(error)

    def _tell_all(self, stream: MemoryEvents) -> None:
        while (event := stream.taken()) is not None:
            self._consumer.on_event(*event)
        if stream.ended:
            raise EngineUnavailable("the Docker Engine ended its event stream")
