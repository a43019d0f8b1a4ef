"""
A Docker Engine in memory that passes the contract of ``tests/contracts/engine.py``, without any real delay.

It knows containers, images, a registry, ports taken by other programs, and an event stream; a test makes containers
die, the Engine vanish, and pulls or starts fail.
"""

from __future__ import annotations

import hashlib
import queue
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from functools import wraps
from itertools import count
from threading import RLock
from typing import Any, Concatenate, ParamSpec, TypeVar

from attrs import define, evolve, field, frozen

from daprdockr.model.errors import (
    BadInput,
    ContainerAbsent,
    EngineFailed,
    EngineRefused,
    EngineSilent,
    EngineUnavailable,
    ImageAbsent,
    ImageRefused,
    NameTaken,
    PortTaken,
    PullFailed,
)
from daprdockr.model.host import (
    LABEL_CLUSTER,
    LABEL_DEFINED,
    LABEL_DEFINITION,
    LABEL_HEALTH,
    LABEL_INSTANCE,
    LABEL_NODE,
    LABEL_ON_PARTITION,
    LABEL_REVISION,
    LABEL_RUN,
    ContainerState,
    EngineNetwork,
    Executed,
    Image,
    Inventory,
    Port,
    Status,
    Volume,
    made_as,
)
from daprdockr.model.names import InstanceName
from daprdockr.model.wanted.kept_volumes import kept_volumes
from daprdockr.model.wanted.pinned import repository

P = ParamSpec("P")
T = TypeVar("T")

_KILLED = 137
_ENDED = object()
_LOG_OPTIONS = {"max-size", "max-file"}
"""Those that it knows; with another one no container is created."""


@frozen
class MemoryContainer:
    """One container, as the Engine remembers it."""

    state: ContainerState
    node: str
    image: str
    made_from: Image
    devices: tuple[str, ...] = ()
    stop_signal: str = "SIGTERM"
    readable: bool = True
    labels: Mapping[str, str] = field(factory=dict)
    body: Mapping[str, Any] = field(factory=dict)
    network: str = "bridge"

    def state_for(self, node: str) -> ContainerState:
        """As a node sees it that bore the container's name before, or bears it."""
        former = "" if self.node == node else self.node
        return self.state if self.state.former == former else evolve(self.state, former=former)


class MemoryEvents:
    """One subscription to the events of the containers that carry one of these names of a node."""

    def __init__(self, nodes: Collection[str]) -> None:
        self.nodes = nodes
        self.ended = False
        self._queue: queue.SimpleQueue[object] = queue.SimpleQueue()

    def __iter__(self) -> Iterator[tuple[str, str]]:
        while (event := self._queue.get()) is not _ENDED:
            assert isinstance(event, tuple)
            yield event

    def taken(self) -> tuple[str, str] | None:
        """The next event if there is one already; None also at the end, when ``ended`` says so."""
        event = None if self._queue.empty() else self._queue.get()
        self.ended = self.ended or event is _ENDED
        return event if isinstance(event, tuple) else None

    def put(self, action: str, container: str) -> None:
        self._queue.put((action, container))

    def close(self) -> None:
        self._queue.put(_ENDED)


def _call(
    method: Callable[Concatenate[MemoryEngine, P], T],
) -> Callable[Concatenate[MemoryEngine, P], T]:
    """Count the call, refuse it while the Engine is away, and let no other thread in."""

    @wraps(method)
    def counted(self: MemoryEngine, *args: P.args, **kwargs: P.kwargs) -> T:
        with self._lock:
            self.calls[method.__name__] += 1
            if self.unavailable:
                raise EngineUnavailable("the Docker Engine did not answer: the test took it away")
            return method(self, *args, **kwargs)

    return counted  # type: ignore[return-value]  # wraps() hides that self is given by position


@define(eq=False)
class MemoryEngine:
    """
    One host's Engine as ``node`` sees it; ``seen_by`` gives another node's view of the same host.

    ``calls`` counts the calls by name. ``taken_ports`` are host ports of other programs. ``registry`` holds what
    can be pulled, unless it is away. ``image_labels`` are what containers get of an image. ``broken_images`` start no
    container, and while it ``starts_nothing`` nor does any other, as where a device is missing that is not among
    ``devices``;
    while it is ``silent``, or its containerd is ``stalled``, no start is answered in time, and while it is
    ``silent`` no inspection of a container that is ``locked`` by one.
    ``deaf_to_create`` loses the answers to ``create``. ``stubborn_images`` ignore the signal that asks them to end;
    ``signals`` are those that were sent for another purpose, each with its container.
    ``statuses`` are the exit statuses of commands run inside, 0 for any other; None: the command takes too long. The
    ``hung_commands`` do not even begin.
    ``outputs`` are what they write.
    ``lost_layers`` are containers of which the Engine fails each inspection, for so long that lists pass them over.
    ``now`` is the Engine's clock in seconds since the epoch; ``memory`` and ``cpus`` are the host's, ``networks`` and
    ``volumes`` the Engine's.
    """

    node: str = "node"
    former: Collection[str] = ()
    calls: Counter[str] = field(factory=Counter)
    taken_ports: set[int] = field(factory=set)
    images: dict[str, Image] = field(factory=dict)
    image_labels: dict[str, Mapping[str, str]] = field(factory=dict)
    registry: dict[str, Image] = field(factory=dict)
    registry_away: bool = False
    broken_images: set[str] = field(factory=set)
    deaf_to_create: bool = False
    starts_nothing: bool = False
    silent: bool = False
    locked: set[str] = field(factory=set)
    stalled: bool = False
    stubborn_images: set[str] = field(factory=set)
    signals: list[tuple[str, str]] = field(factory=list)
    devices: set[str] = field(factory=set)
    statuses: dict[tuple[str, ...], int | None] = field(factory=dict)
    hung_commands: set[tuple[str, ...]] = field(factory=set)
    outputs: dict[tuple[str, ...], bytes] = field(factory=dict)
    lost_layers: set[str] = field(factory=set)
    users: dict[str, int] = field(factory=lambda: {"root": 0, "www": 1000})
    logged: dict[tuple[str, float], list[bytes]] = field(factory=dict)
    now: float = 1_000_000.0
    volumes: dict[str, Volume] = field(factory=dict)
    networks: list[EngineNetwork] = field(factory=lambda: [EngineNetwork("bridge", "b0", frozenset({4}))])
    memory: int = 8 << 30
    cpus: int = 4
    _lock: RLock = field(factory=RLock)
    _containers: dict[str, MemoryContainer] = field(factory=dict)
    _checked: set[str] = field(factory=set)
    """The references of images that bring a HEALTHCHECK."""
    _streams: list[MemoryEvents] = field(factory=list)
    _numbers: Iterator[int] = field(factory=lambda: count(1))
    _gone: list[bool] = field(factory=lambda: [False])

    # The actions of a test on the host.

    def seen_by(self, node: str, former: Collection[str] = ()) -> MemoryEngine:
        """Another node's agent on the same Engine; shares all but ``node``, ``former``, ``calls`` and ``now``."""
        return evolve(self, node=node, former=former, calls=Counter())

    def add_image(
        self, reference: str, exposed: Sequence[int] = (), healthcheck: bool = False, local: bool = True
    ) -> None:
        """An image on this host, or with ``local`` False one that a pull brings here; ``exposed`` are TCP ports."""
        ports = tuple(Port(container=number) for number in sorted(exposed))
        image = Image(id=f"sha256:{reference}", exposed=ports)
        if healthcheck:
            self._checked.add(reference)
        if local:
            self.images[reference] = image
        else:
            self.publish(reference, image)

    def publish(self, reference: str, image: Image) -> None:
        """A registry gives an image under this reference from now on, and under its digest."""
        digest = f"sha256:{hashlib.sha256(repr(image).encode()).hexdigest()}"
        given = evolve(image, digest=digest)
        self.registry |= {reference: given, f"{repository(reference)}@{digest}": given}

    def crash(self, container: str, exit_code: int = 1, oom_killed: bool = False) -> None:
        """Its program ends by itself."""
        with self._lock:
            self._end(container, exit_code, oom_killed)

    def log(self, container: str, text: bytes) -> None:
        """Its program writes this."""
        with self._lock:
            self.logged.setdefault((container, self._find(container).state.started), []).append(text)

    def pause(self, container: str, paused: bool = True) -> None:
        """Somebody pauses it, or ends its pause."""
        with self._lock:
            self._change(container, status=Status.PAUSED if paused else Status.RUNNING)
            self._tell("pause" if paused else "unpause", container)

    def detach(self, container: str) -> None:
        """Somebody takes its network from it, which is no event of the container."""
        with self._lock:
            self._change(container, cut_off=self._find(container).network)

    def rename(self, container: str, name: str) -> None:
        """Somebody renames it."""
        with self._lock:
            held = self._find(container)
            state = evolve(held.state, name=name, made_as=made_as(held.labels, name))
            self._containers[container] = evolve(held, state=state)
            self._tell("rename", container)

    def body(self, container: str) -> Mapping[str, Any]:
        """From what it was created."""
        return self._find(container).body

    def duplicate(self, container: str, name: str) -> str:
        """A tool makes another one of all that the Engine shows of it; the id of that."""
        return self.create(name, self._find(container).body)

    def commit(self, container: str, reference: str) -> None:
        """Somebody makes an image of it, which has its labels."""
        self.add_image(reference)
        self.image_labels[reference] = self._find(container).labels

    def judge(self, container: str, verdict: str) -> None:
        """The image's HEALTHCHECK says "healthy" or "unhealthy"."""
        with self._lock:
            self._change(container, health=verdict)
            self._tell(f"health_status: {verdict}", container)

    @property
    def unavailable(self) -> bool:
        """While true every call raises EngineUnavailable; turning true ends all event streams."""
        return self._gone[0]

    @unavailable.setter
    def unavailable(self, value: bool) -> None:
        with self._lock:
            self._gone[0] = value
            if value:
                self._hang_up()

    def run_by_hand(self, container: str) -> None:
        """A person starts a container, of any owner."""
        with self._lock:
            self._change(container, status=Status.RUNNING, started=self._tick())
            self._tell("start", container)

    @property
    def everything(self) -> Mapping[str, ContainerState]:
        """All containers of the host by id, of any owner."""
        with self._lock:
            return {container: held.state for container, held in self._containers.items()}

    @property
    def made_of(self) -> Mapping[str, Mapping[str, Any]]:
        """The bodies from which the containers of the host were created, by id."""
        with self._lock:
            return {container: held.body for container, held in self._containers.items()}

    @property
    def states(self) -> list[ContainerState]:
        """The same as ``containers``, also while the Engine is away."""
        with self._lock:
            return [held.state_for(self.node) for held in self._containers.values() if self._is_mine(held)]

    # The methods of daprdockr.model.seams.Engine.

    @_call
    def containers(self) -> Sequence[ContainerState]:
        return [state for state in self.states if state.id not in self.lost_layers]

    @_call
    def inspect(self, container: str) -> ContainerState | None:
        named = (held for held in self._containers.values() if held.state.name == container)
        held = self._containers.get(container) or next(named, None)
        if held and held.state.id in self.lost_layers:
            raise EngineFailed(f"the Docker Engine refused to inspect container {container}: layer does not exist")
        if held and self.silent and held.state.id in self.locked:
            raise EngineSilent(f"the Docker Engine did not answer when asked to inspect container {container}")
        return held.state_for(self.node) if held and self._is_mine(held) else None

    @_call
    def image(self, reference: str) -> Image | None:
        return self.images.get(reference)

    @_call
    def made_from(self, container: str, reference: str) -> Image | None:
        held = self._containers.get(container)
        return held.made_from if held is not None and held.image == reference else None

    @_call
    def volume(self, name: str) -> Volume | None:
        return self.volumes.get(name)

    @_call
    def ping(self) -> None:
        pass

    @_call
    def ask_containerd(self) -> None:
        if self.stalled:
            raise EngineSilent("the Docker Engine hangs, its containerd did not answer: the test stopped it")

    @_call
    def inventory(self) -> Inventory:
        others = ((held.node, held.state.cluster) for held in self._containers.values())
        names = ("", self.node, *self.former)
        there = frozenset(one for one in others if one[0] not in names)
        return Inventory(self.memory, self.cpus, frozenset(self.images), tuple(self.networks), there)

    @_call
    def pull(self, reference: str) -> None:
        if self.registry_away or reference.partition("/")[0].endswith(".invalid"):
            raise PullFailed(f"{reference!r} could not be pulled: no such host")
        if reference not in self.registry:
            raise ImageRefused(f"{reference!r} could not be pulled: manifest unknown")
        given = self.registry[reference]
        self.images |= {reference: given, f"{repository(reference)}@{given.digest}": given}

    @_call
    def create(self, name: str, body: Mapping[str, Any]) -> str:
        reference = body["Image"]
        if reference not in self.images:
            raise ImageAbsent(f"No such image: {reference}: pull or build it on this host")
        if any(held.state.name == name for held in self._containers.values()):
            raise NameTaken(f"the Docker Engine refused to create container {name}: the name is already in use")
        options = (body.get("HostConfig", {}).get("LogConfig") or {}).get("Config", {}).keys() - _LOG_OPTIONS
        if options:
            raise EngineRefused(
                f"the Docker Engine refused to create container {name}: unknown log opt {min(options)!r}"
            )
        container = f"{next(self._numbers):064x}"
        self._containers[container] = self._held(container, name, body)
        self._tell("create", container)
        if self.deaf_to_create:
            raise EngineUnavailable("the Docker Engine did not answer: the test lost its answer")
        return container

    @_call
    def user_id(self, container: str) -> int:
        user = str(self._find(container).body.get("User") or "0").partition(":")[0]
        number = int(user) if user.isdigit() else self.users.get(user)
        if number is None:
            raise EngineRefused(f"the image has no user {user} in /etc/passwd: write a number as Container.User")
        return number

    @_call
    def start(self, container: str) -> ContainerState:
        held = self._find(container)
        if held.state.running:
            return held.state_for(self.node)
        if held.image in self.broken_images:
            self._change(container, exit_code=127, error="executable file not found")
            raise EngineRefused(f"the Docker Engine refused to start {held.state.name}: executable file not found")
        if not held.state.cut_off and held.network not in {network.name for network in self.networks}:
            self._change(container, exit_code=128, error=f"network {held.network} not found")
            raise EngineRefused(f"the Docker Engine refused to start the container: network {held.network} not found")
        if self.silent or self.stalled:
            self.locked.add(container)
            raise EngineSilent("the Docker Engine did not answer when asked to start the container: read timed out")
        missing = sorted(set(held.devices) - self.devices)
        if self.starts_nothing or missing:
            text = f"no such device: {missing[0]}" if missing else "failed to create task: no space left on device"
            self._change(container, exit_code=128, error=text)
            raise EngineFailed(f"the Docker Engine refused to start the container: {text}")
        ports = tuple(port if port.host else evolve(port, host=self._free_port()) for port in held.state.ports)
        for port in ports:
            if port.host in self.taken_ports | self._published():
                self._change(container, exit_code=128, error="port is already allocated")
                raise PortTaken(f"port {port.host} of this host is taken: publish another one", port.host)
        self._change(
            container,
            status=Status.RUNNING,
            ports=ports,
            exit_code=0,
            error="",
            oom_killed=False,
            started=self._tick(),
            health="starting" if held.image in self._checked else "",
            address=f"172.17.{next(self._numbers) % 65536 // 256}.{next(self._numbers) % 256}",
        )
        self._tell("start", container)
        return self._containers[container].state_for(self.node)

    @_call
    def signal(self, container: str, signal: str) -> None:
        held = self._containers.get(container)
        if held and held.state.running:
            self._tell("kill", container)
            self.signals.append((container, signal))

    @_call
    def ask_to_stop(self, container: str) -> None:
        held = self._containers.get(container)
        if held and held.state.running:
            self._tell("kill", container)
            if held.image not in self.stubborn_images:
                self._end(container, _KILLED if held.stop_signal == "SIGKILL" else 0, False)

    @_call
    def stop(self, container: str, grace: int) -> None:
        held = self._containers.get(container)
        if held and held.state.running:
            self._tell("kill", container)
            self._end(container, 0, False)
            self._tell("stop", container)

    @_call
    def remove(self, container: str) -> None:
        if container in self._containers:
            if self._containers[container].state.running:
                self._tell("kill", container)
                self._end(container, _KILLED, False)
            self._tell("destroy", container)
            del self._containers[container]

    @_call
    def execute(self, container: str, command: Sequence[str], timeout: float) -> Executed:
        if not self._find(container).state.running:
            raise EngineRefused(f"the Docker Engine refused to run a command: container {container} is not running")
        if tuple(command) in self.hung_commands:
            raise EngineSilent("the Docker Engine did not answer when asked to run a command: read timed out")
        status = self.statuses.get(tuple(command), 0)
        return Executed(124 if status is None else status, self.outputs.get(tuple(command), b""))

    @_call
    def log_tail(self, state: ContainerState) -> bytes:
        self._find(state.id)
        return b"".join(self.logged.get((state.id, state.started), ()))

    @_call
    def events(self) -> MemoryEvents:
        stream = MemoryEvents((self.node, *self.former))
        self._streams.append(stream)
        return stream

    def close(self) -> None:
        with self._lock:
            self._hang_up()

    # How it works inside.

    def _held(self, container: str, name: str, body: Mapping[str, Any]) -> MemoryContainer:
        labels = {**self.image_labels.get(body["Image"], {}), **body.get("Labels", {})}
        bindings = body.get("HostConfig", {}).get("PortBindings", {})
        try:
            instance = InstanceName.parse(labels.get(LABEL_INSTANCE, ""))
            readable = True
        except BadInput:
            instance, readable = InstanceName.parse("1.unreadable.unreadable"), False
        state = ContainerState(
            id=container,
            name=name,
            instance=instance,
            definition=labels.get(LABEL_DEFINITION, ""),
            status=Status.CREATED,
            cluster=int(labels.get(LABEL_CLUSTER, "0"), 16),
            revision=int(labels.get(LABEL_REVISION, "0")),
            ports=tuple(sorted(_port(key, wanted) for key, wanted in bindings.items())),
            stop_timeout=body.get("StopTimeout", 10),
            on_partition=labels.get(LABEL_ON_PARTITION, "keep"),
            check=labels.get(LABEL_HEALTH, ""),
            run=int(labels.get(LABEL_RUN, "0")),
            made_as=made_as(labels, name),
            defined=int(labels.get(LABEL_DEFINED, "0")),
            volumes=kept_volumes(body.get("HostConfig", {})),
        )
        return MemoryContainer(
            state=state,
            node=labels.get(LABEL_NODE, ""),
            image=body["Image"],
            made_from=self.images[body["Image"]],
            devices=tuple(device["PathOnHost"] for device in body.get("HostConfig", {}).get("Devices", ())),
            stop_signal=body.get("StopSignal", "SIGTERM"),
            readable=readable,
            labels=labels,
            body=body,
            network=body.get("HostConfig", {}).get("NetworkMode", "bridge"),
        )

    def _is_mine(self, held: MemoryContainer) -> bool:
        return held.node in (self.node, *self.former) and held.readable

    def _find(self, container: str) -> MemoryContainer:
        try:
            return self._containers[container]
        except KeyError:
            raise ContainerAbsent(f"No such container: {container}") from None

    def _change(self, container: str, **changes: Any) -> None:
        held = self._find(container)
        self._containers[container] = evolve(held, state=evolve(held.state, **changes))

    def _end(self, container: str, exit_code: int, oom_killed: bool) -> None:
        self._change(
            container,
            status=Status.EXITED,
            exit_code=exit_code,
            oom_killed=oom_killed,
            finished=self._tick(),
            address="",
        )
        self._tell("die", container)

    def _published(self) -> set[int]:
        running = (held.state for held in self._containers.values() if held.state.running)
        return {port.host for state in running for port in state.ports}

    def _free_port(self) -> int:
        """As the Engine does: another number at every start."""
        taken = self.taken_ports | self._published()
        return next(number for number in (32768 + n % 28000 for n in self._numbers) if number not in taken)

    def _tick(self) -> float:
        self.now += 0.001
        return self.now

    def _tell(self, action: str, container: str) -> None:
        for stream in self._streams:
            if self._containers[container].node in stream.nodes:
                stream.put(action, container)

    def _hang_up(self) -> None:
        for stream in self._streams:
            stream.close()
        self._streams.clear()


def _port(key: str, wanted: Sequence[Mapping[str, str]]) -> Port:
    number, _, protocol = key.partition("/")
    return Port(container=int(number), protocol=protocol or "tcp", host=int(wanted[0].get("HostPort") or 0))
