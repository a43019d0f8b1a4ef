"""The Docker Engine in memory keeps the contract, and does what tests ask of it besides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import EngineRefused, EngineUnavailable, PullFailed
from daprdockr.model.host import EngineNetwork, Status, Volume
from daprdockr.model.seams import Engine
from tests.contracts.absent_engine import AbsentEngineContract
from tests.contracts.engine_images import EngineImagesContract
from tests.contracts.engine_users import EngineUsersContract
from tests.contracts.pulling import PullContract
from tests.fakes.engine import MemoryEngine
from tests.marked import marked


class MemoryEngineTests(EngineUsersContract, EngineImagesContract, PullContract, SynchronousTestCase):
    """The contract, asked of the fake."""

    image = "sample:1"

    def setUp(self) -> None:
        self.host = MemoryEngine(statuses={("sh", "-c", "exit 3"): 3, ("sleep", "1000"): None})
        self.host.outputs = {("sh", "-c", "echo two >&2"): b"two\n"}
        self.host.add_image(self.image, exposed=[8080])
        self.ports = count(20000)
        super().setUp()

    def make_engine(self, node: str, former: Sequence[str] = ()) -> MemoryEngine:
        return self.host.seen_by(node, former)

    def free_port(self) -> int:
        return next(self.ports)

    @contextmanager
    def taken_port(self) -> Iterator[int]:
        port = self.free_port()
        self.host.taken_ports.add(port)
        yield port

    def crash(self, engine: Engine, container: str) -> None:
        self.host.crash(container, 137)

    def logging(self, engine: Engine, container: str) -> None:
        self.host.log(container, b"one\ntwo\n")

    def pause(self, engine: Engine, container: str, paused: bool = True) -> None:
        self.host.pause(container, paused)

    def rename(self, engine: Engine, container: str, name: str) -> None:
        self.host.rename(container, name)

    def duplicate(self, engine: Engine, container: str, name: str) -> str:
        return self.host.duplicate(container, name)

    def commit(self, engine: Engine, container: str) -> str:
        self.host.commit(container, "copy:1")
        return "copy:1"

    def tag(self, image: str, reference: str) -> None:
        self.host.images[reference] = self.host.images[image]

    def detach(self, engine: Engine, container: str) -> None:
        self.host.detach(container)

    @contextmanager
    def absent_image(self) -> Iterator[str]:
        yield "registry:5000/web:1"

    def add_volume(self, name: str, options: Mapping[str, str]) -> None:
        self.host.volumes[name] = Volume(options=options)

    def add_network(self, name: str, families: set[int]) -> str:
        self.host.networks.append(EngineNetwork(name, f"id of {name}", frozenset(families)))
        return f"id of {name}"


class MemoryEngineAbsentTests(AbsentEngineContract, SynchronousTestCase):
    """The contract of an Engine that does not answer, asked of the fake."""

    def make_absent_engine(self) -> MemoryEngine:
        engine = MemoryEngine()
        engine.unavailable = True
        return engine


class MemoryEngineControlTests(SynchronousTestCase):
    """The methods that only tests call."""

    def setUp(self) -> None:
        self.engine = MemoryEngine()
        self.engine.add_image("sample:1", healthcheck=True)
        body = {"Image": "sample:1", "Labels": marked("web", "node")}
        self.container = self.engine.create("web", body)

    def test_unavailable_ends_streams(self) -> None:
        """Taking the Engine away ends the event streams, and bringing it back lets calls through again."""
        stream = self.engine.events()
        self.engine.unavailable = True
        self.assertEqual(list(stream), [])
        with self.assertRaises(EngineUnavailable):
            self.engine.containers()
        self.engine.unavailable = False
        self.assertEqual([state.id for state in self.engine.containers()], [self.container])

    def test_pull_from_registry(self) -> None:
        """An image in the registry is on the host after a pull; one that is only local cannot be pulled."""
        self.engine.add_image("web:2", local=False)
        self.assertIsNone(self.engine.image("web:2"))
        self.engine.pull("web:2")
        self.assertIsNotNone(self.engine.image("web:2"))
        with self.assertRaises(PullFailed):
            self.engine.pull("sample:1")

    def test_crash(self) -> None:
        """A crash leaves its exit code and says whether memory ran out."""
        self.engine.start(self.container)
        self.engine.crash(self.container, 9, oom_killed=True)
        (state,) = self.engine.containers()
        self.assertEqual((state.status, state.exit_code, state.oom_killed), (Status.EXITED, 9, True))

    def test_judge(self) -> None:
        """A verdict of the HEALTHCHECK is reported as an event and as state."""
        self.assertEqual(self.engine.start(self.container).health, "starting")
        stream = self.engine.events()
        self.engine.judge(self.container, "healthy")
        self.engine.close()
        self.assertEqual(list(stream), [("health_status: healthy", self.container)])
        self.assertEqual(self.engine.containers()[0].health, "healthy")

    def test_broken_image(self) -> None:
        """A broken image starts no container."""
        self.engine.broken_images.add("sample:1")
        with self.assertRaises(EngineRefused):
            self.engine.start(self.container)

    def test_calls(self) -> None:
        """Calls are counted by name."""
        self.engine.containers()
        self.engine.containers()
        self.assertEqual(self.engine.calls["containers"], 2)
