"""The behaviour of every implementation of ``daprdockr.model.seams.Engine``, of the fake as of the real one."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from attrs import evolve

from daprdockr.model.errors import (
    ContainerAbsent,
    EngineFailed,
    EngineRefused,
    ImageAbsent,
    NameTaken,
)
from daprdockr.model.host import (
    LABEL_CLUSTER,
    LABEL_DEFINED,
    LABEL_DEFINITION,
    LABEL_INSTANCE,
    LABEL_NAME,
    LABEL_NODE,
    LABEL_ON_PARTITION,
    LABEL_REVISION,
    LABEL_RUN,
    ContainerState,
    EngineNetwork,
    Executed,
    Port,
    Status,
    Volume,
)
from daprdockr.model.names import InstanceName
from daprdockr.model.seams import ContainerEvents, Engine

if TYPE_CHECKING:
    from twisted.trial.unittest import SynchronousTestCase as _Case
else:
    _Case = object

PATIENCE = 20.0
"""Seconds after which an event that did not come counts as missing."""


class Told:
    """The events of a stream, collected in a thread of its own."""

    def __init__(self, stream: ContainerEvents) -> None:
        self.stream = stream
        self.events: SimpleQueue[tuple[str, str] | None] = SimpleQueue()
        self.thread = threading.Thread(target=self._collect, daemon=True)
        self.thread.start()

    def _collect(self) -> None:
        for event in self.stream:
            self.events.put(event)
        self.events.put(None)

    def until(self, action: str, container: str) -> list[str]:
        """The actions in the events of this container up to ``action``."""
        actions: list[str] = []
        while not actions or actions[-1] != action:
            try:
                event = self.events.get(timeout=PATIENCE)
            except Empty:
                raise AssertionError(f"no {action!r} came after {actions}") from None
            if event is None:
                raise AssertionError(f"the stream ended after {actions}")
            if event[1] == container:
                actions.append(event[0])
        return actions

    def ended(self) -> bool:
        self.thread.join(PATIENCE)
        return not self.thread.is_alive()


class EngineContract(_Case):
    """
    Mix in and give ``make_engine``, ``image``, ``free_port``, ``crash``, ``pause``, ``rename``, ``duplicate``,
    ``commit``, ``detach``, ``add_network`` and ``add_volume``.

    ``prefix`` keeps the names and labels of one run apart from those of another on the same Engine. ``image`` is a
    reference to an image on the host that exposes TCP port 8080 and runs until it is stopped.
    """

    prefix = "contract"
    image: str

    def make_engine(self, node: str, former: Sequence[str] = ()) -> Engine:
        """The Engine under test as ``node``, with its former names, sees it; each call in one test: the same host."""
        raise NotImplementedError

    def free_port(self) -> int:
        """A port of the host that nobody listens on."""
        raise NotImplementedError

    @contextmanager
    def taken_port(self) -> Iterator[int]:
        """A port of the host that another program listens on."""
        raise NotImplementedError

    def crash(self, engine: Engine, container: str) -> None:
        """Kill the program of a running container behind the Engine's back."""
        raise NotImplementedError

    def settle(self, container: str) -> None:
        """Wait until the program of a container that was started heeds TERM, if it does not from the beginning."""

    def pause(self, engine: Engine, container: str, paused: bool = True) -> None:
        """Pause a container, or end its pause, behind the engine's back."""
        raise NotImplementedError

    def rename(self, engine: Engine, container: str, name: str) -> None:
        """Give a container another name behind the engine's back."""
        raise NotImplementedError

    def duplicate(self, engine: Engine, container: str, name: str) -> str:
        """Make another container of all that the Engine shows of one, behind the engine's back; its id."""
        raise NotImplementedError

    def commit(self, engine: Engine, container: str) -> str:
        """Make an image of a container behind the engine's back; its reference."""
        raise NotImplementedError

    def detach(self, engine: Engine, container: str) -> None:
        """Take a container's network from it behind the engine's back."""
        raise NotImplementedError

    def add_network(self, name: str, families: set[int]) -> str:
        """Make a bridge network with these families until the test ends; its id."""
        raise NotImplementedError

    def add_volume(self, name: str, options: Mapping[str, str]) -> None:
        """Make a volume with these options until the test ends."""
        raise NotImplementedError

    def setUp(self) -> None:
        self.node = f"{self.prefix}-node"
        self.engine = self.make_engine(self.node)

    def body(self, instance: str = "1.web.myapp", **fields: Any) -> dict[str, Any]:
        """A create body of this node, with more fields of the API."""
        labels = {
            LABEL_NODE: self.node,
            LABEL_INSTANCE: instance,
            LABEL_DEFINITION: "abc123",
            LABEL_CLUSTER: "cafe0123456789ab",
            LABEL_REVISION: "42",
        }
        return {"Image": self.image, "Labels": {**labels, **fields.pop("labels", {})}, **fields}

    def publishing(self, port: int, **fields: Any) -> dict[str, Any]:
        """A create body that publishes port 8080 as ``port`` of the host."""
        host = {"PortBindings": {"8080/tcp": [{"HostPort": str(port)}]}}
        return self.body(ExposedPorts={"8080/tcp": {}}, HostConfig=host, **fields)

    def create(self, name: str, body: Mapping[str, Any] | None = None) -> str:
        """Create a container that is removed after the test."""
        name, body = f"{self.prefix}-{name}", self.body() if body is None else body
        container = self.engine.create(name, {**body, "Labels": {**body["Labels"], LABEL_NAME: name}})
        self.addCleanup(self.make_engine(self.node).remove, container)
        return container

    def create_by_hand(self, name: str, body: Mapping[str, Any]) -> str:
        """As somebody else would, who gives no mark."""
        container = self.engine.create(f"{self.prefix}-{name}", body)
        self.addCleanup(self.make_engine(self.node).remove, container)
        return container

    def state(self, container: str) -> ContainerState:
        state = self.engine.inspect(container)
        assert state is not None
        return state

    def listen(self) -> Told:
        told = Told(self.engine.events())
        self.addCleanup(told.ended)
        self.addCleanup(told.stream.close)
        return told

    def listed(self) -> Sequence[ContainerState]:
        return [state for state in self.engine.containers() if state.name.startswith(f"{self.prefix}-")]

    # Creating and looking.

    def test_created(self) -> None:
        """A created container is returned with the content of its labels, and with its host port before it ever ran."""
        port = self.free_port()
        labels = {LABEL_ON_PARTITION: "stop", LABEL_DEFINED: "41", LABEL_RUN: "7"}
        container = self.create("made", self.publishing(port, StopTimeout=3, labels=labels))
        expected = ContainerState(
            id=container,
            name=f"{self.prefix}-made",
            instance=InstanceName.parse("1.web.myapp"),
            definition="abc123",
            status=Status.CREATED,
            cluster=0xCAFE0123456789AB,
            revision=42,
            ports=(Port(container=8080, host=port),),
            stop_timeout=3,
            on_partition="stop",
            defined=41,
            run=7,
        )
        self.assertEqual((self.state(container), list(self.listed())), (expected, [expected]))

    def test_other_node(self) -> None:
        """A node does not see another node's containers."""
        container = self.create("mine")
        other = self.make_engine(f"{self.prefix}-other")
        self.assertEqual(list(other.containers()), [])
        self.assertIsNone(other.inspect(container))

    def test_renamed_node(self) -> None:
        """A node that was renamed sees what it made under its former name, with that name, and receives its events."""
        container = self.create("mine")
        self.engine = self.make_engine(f"{self.prefix}-new", former=[self.node])
        told = self.listen()
        self.assertEqual((self.engine.start(container).former, self.state(container).former), (self.node, self.node))
        self.assertEqual([one.id for one in self.engine.containers()], [container])
        told.until("start", container)

    def test_others(self) -> None:
        """Which other nodes have containers on the host is known after a list, and of which clusters they are."""
        self.create("mine")
        other = self.make_engine(f"{self.prefix}-other")
        other.containers()
        self.assertIn((self.node, 0xCAFE0123456789AB), other.inventory().others)
        self.engine.containers()
        self.assertNotIn((self.node, 0xCAFE0123456789AB), self.engine.inventory().others)

    def test_unreadable_label(self) -> None:
        """A container whose instance label makes no sense is passed over, and the others are listed."""
        bad = self.create("bad", self.body(labels={LABEL_INSTANCE: "../../etc"}))
        good = self.create("good")
        self.assertEqual([state.id for state in self.listed()], [good])
        self.assertIsNone(self.engine.inspect(bad))

    # The owner of a container: Note [The name is the mark].

    def test_copies(self) -> None:
        """A copy of labels, of an image that has them, or of all that is shown, shows that it is not the original."""
        original = self.create("original")
        of_image = {"Image": self.commit(self.engine, original)}
        of_labels = self.body(labels={LABEL_NAME: f"{self.prefix}-original"})
        copies = [self.create_by_hand(f"copy{number}", body) for number, body in enumerate((of_image, of_labels))]
        copies.append(self.duplicate(self.engine, original, f"{self.prefix}-copy2"))
        self.addCleanup(self.make_engine(self.node).remove, copies[2])
        for number, copy in enumerate(copies):
            state = self.state(copy)
            self.assertEqual((state.name, state.mark), (f"{self.prefix}-copy{number}", f"{self.prefix}-original"))
        stated = {one.id: one.made_as for one in self.listed()}
        self.assertEqual(stated, {original: "", **dict.fromkeys(copies, f"{self.prefix}-original")})

    def test_renamed(self) -> None:
        """A container that somebody renamed shows the name it was made with, and one that gets that name none."""
        container = self.create("before")
        self.rename(self.engine, container, f"{self.prefix}-after")
        state = self.state(container)
        self.assertEqual((state.name, state.made_as), (f"{self.prefix}-after", f"{self.prefix}-before"))
        self.assertEqual(list(self.listed()), [state])
        new = self.duplicate(self.engine, container, f"{self.prefix}-before")
        self.addCleanup(self.make_engine(self.node).remove, new)
        self.assertEqual((self.state(new).made_as, self.state(new).mark), ("", state.mark))

    def test_former_naming(self) -> None:
        """A container of an agent that gave no mark is known by the name that such an agent gave."""
        former = self.body(instance="1.web.myapp", labels={LABEL_DEFINITION: self.prefix})
        container = self.engine.create(f"1.web.myapp-{self.prefix}", former)
        self.addCleanup(self.make_engine(self.node).remove, container)
        self.assertEqual(self.state(container).instance, InstanceName.parse("1.web.myapp"))

    def test_image_absent(self) -> None:
        """Creating from an image that is not on the host says so."""
        with self.assertRaises(ImageAbsent):
            self.engine.create(f"{self.prefix}-none", {**self.body(), "Image": "nowhere.invalid/none:1"})

    def test_unknown_option(self) -> None:
        """A setting that the Engine does not know is refused in words that name it."""
        log = {"Type": "json-file", "Config": {"nowhere": "1"}}
        with self.assertRaises(EngineRefused) as caught:
            self.engine.create(f"{self.prefix}-odd", self.body(HostConfig={"LogConfig": log}))
        self.assertIn("unknown log opt 'nowhere'", str(caught.exception))

    def test_name_taken(self) -> None:
        """A second container of the same name is refused, and the first one can be inspected by that name."""
        first = self.create("twice")
        with self.assertRaises(NameTaken):
            self.engine.create(f"{self.prefix}-twice", self.body())
        self.assertEqual(self.engine.inspect(f"{self.prefix}-twice"), self.state(first))

    def test_inspect_absent(self) -> None:
        """A container that does not exist is returned as None."""
        self.assertIsNone(self.engine.inspect("0" * 64))

    def test_image(self) -> None:
        """An image is returned with the ports it exposes."""
        image = self.engine.image(self.image)
        assert image is not None
        self.assertEqual(image.exposed, (Port(container=8080),))

    def test_inventory(self) -> None:
        """The inventory of the host has its memory, its processors, and its images by the names they were given."""
        inventory = self.engine.inventory()
        self.assertGreater(inventory.memory, 0)
        self.assertGreater(inventory.cpus, 0)
        self.assertIn(self.image, inventory.images)

    def test_networks(self) -> None:
        """The networks are known, by name and id, with the families of addresses that containers get there."""
        for name, families in (("four", {4}), ("both", {4, 6})):
            made = self.add_network(f"{self.prefix}-{name}", families)
            known = [network for network in self.engine.inventory().networks if network.name == f"{self.prefix}-{name}"]
            self.assertEqual(known, [EngineNetwork(f"{self.prefix}-{name}", made, frozenset(families))])
        self.assertIn("bridge", [network.name for network in self.engine.inventory().networks])

    def test_no_image(self) -> None:
        """An image that is not on the host is returned as None."""
        self.assertIsNone(self.engine.image("nowhere.invalid/none:1"))

    def test_volume(self) -> None:
        """A volume is known with its driver and its options; one that is not there, or has no usable name, is none."""
        for name, options in (("plain", {}), ("bound", {"type": "none", "o": "bind", "device": "/"})):
            self.add_volume(f"{self.prefix}-{name}", options)
            self.assertEqual(self.engine.volume(f"{self.prefix}-{name}"), Volume("local", options))
        for name in (f"{self.prefix}-none", "..", "?", "a b"):
            self.assertIsNone(self.engine.volume(name), name)
        made = self.create("made", self.body(HostConfig={"Binds": [f"{self.prefix}-plain:/a", "/etc:/d:ro"]}))
        self.assertEqual(self.state(made).volumes, (f"{self.prefix}-plain",))

    # Starting.

    def test_started(self) -> None:
        """A started container runs, with its host port and an address; no second of the old run is left in it."""
        port = self.free_port()
        container = self.create("web", self.publishing(port))
        state = self.engine.start(container)
        self.assertEqual(state.status, Status.RUNNING)
        self.assertTrue(state.running)
        self.assertEqual(state.ports, (Port(container=8080, host=port),))
        self.assertNotEqual(state.address, "")
        self.assertGreater(state.started, 0.0)
        self.assertEqual(list(self.listed()), [self.state(container)])

    def test_started_twice(self) -> None:
        """Starting a running container changes nothing."""
        container = self.create("web")
        first = self.engine.start(container)
        self.assertEqual(self.engine.start(container), first)

    def test_start_absent(self) -> None:
        """Starting a container that is gone says so."""
        with self.assertRaises(ContainerAbsent):
            self.engine.start("0" * 64)

    def test_start_fails_on_this_host(self) -> None:
        """A failure in the Engine or its host is distinct from a refusal; the container stays, created."""
        missing = {"PathOnHost": "/dev/absent", "PathInContainer": "/dev/absent", "CgroupPermissions": "rwm"}
        container = self.create("device", self.body(HostConfig={"Devices": [missing]}))
        with self.assertRaises(EngineFailed):
            self.engine.start(container)
        self.assertFalse(self.state(container).running)

    def test_port_left_to_the_engine(self) -> None:
        """A port whose number is left to the Engine is known once the container runs."""
        container = self.create("any", self.publishing(0))
        self.assertEqual(self.state(container).ports, (Port(container=8080, host=0),))
        (port,) = self.engine.start(container).ports
        self.assertGreater(port.host, 0)

    def test_port_taken_by_container(self) -> None:
        """A start whose host port another container has is refused, names the port, and leaves the container."""
        port = self.free_port()
        self.engine.start(self.create("first", self.publishing(port)))
        second = self.create("second", self.publishing(port))
        with self.assertRaises(EngineRefused) as caught:
            self.engine.start(second)
        self.assertIn(f"port {port} of this host is taken", str(caught.exception))
        self.assertEqual(self.state(second).status, Status.CREATED)
        self.assertNotEqual(self.state(second).error, "")
        self.assertEqual(self.state(second).address, "")

    def test_port_taken_by_program(self) -> None:
        """A start whose host port another program listens on is refused in the same words."""
        with self.taken_port() as port:
            container = self.create("late", self.publishing(port))
            with self.assertRaises(EngineRefused) as caught:
                self.engine.start(container)
        self.assertIn(f"port {port} of this host is taken", str(caught.exception))

    # Ending.

    def test_stopped(self) -> None:
        """A stopped container is returned with its exit code, its host port, and when it ended."""
        port = self.free_port()
        container = self.create("web", self.publishing(port))
        started = self.engine.start(container)
        self.settle(container)
        self.engine.stop(container, 5)
        state = self.state(container)
        self.assertEqual((state.status, state.exit_code, state.address), (Status.EXITED, 0, ""))
        self.assertEqual(state.ports, (Port(container=8080, host=port),))
        self.assertGreater(state.finished, started.started)
        self.assertEqual(list(self.listed()), [state])

    def test_asked_to_stop(self) -> None:
        """A container that is asked to end gets the signal that its body names; events report its end."""
        for status, body in ((0, self.body()), (137, self.body(StopSignal="SIGKILL"))):
            container = self.create(f"asked{status}", body)
            told = self.listen()
            self.settle(self.engine.start(container).id)
            self.engine.ask_to_stop(container)
            self.assertIn("kill", told.until("die", container))
            self.assertEqual((self.state(container).running, self.state(container).exit_code), (False, status))

    def test_asking_is_repeatable(self) -> None:
        """Asking a container to end that is paused ends it; one that does not run, or is gone, changes nothing."""
        container = self.create("asked")
        self.engine.ask_to_stop(container)
        self.engine.signal(container, "SIGHUP")
        self.assertEqual(self.state(container).status, Status.CREATED)
        told = self.listen()
        self.settle(self.engine.start(container).id)
        self.engine.signal(container, "SIGHUP")  # its program ignores that
        told.until("kill", container)
        self.assertTrue(self.state(container).running)
        self.pause(self.engine, container)
        self.engine.ask_to_stop(container)
        told.until("die", container)
        for absent in (container, "0" * 64):
            self.engine.ask_to_stop(absent)
            self.engine.signal(absent, "SIGHUP")

    def test_started_again(self) -> None:
        """A container started again keeps its host port and gets a new starting time; a list shows it too."""
        port = self.free_port()
        container = self.create("web", self.publishing(port))
        first = self.engine.start(container)
        self.assertEqual(list(self.listed()), [first])
        self.engine.stop(container, 5)
        second = self.engine.start(container)
        self.assertEqual(second.ports, first.ports)
        self.assertGreater(second.started, first.started)
        self.assertEqual(list(self.listed()), [second])

    def test_stop_is_repeatable(self) -> None:
        """Stopping what does not run, or is gone, does nothing."""
        container = self.create("idle")
        self.engine.stop(container, 1)
        self.assertEqual(self.state(container).status, Status.CREATED)
        self.engine.stop("0" * 64, 1)

    def test_removed(self) -> None:
        """A removed container is gone, also if it ran."""
        container = self.create("web")
        self.engine.start(container)
        self.engine.remove(container)
        self.assertIsNone(self.engine.inspect(container))
        self.assertEqual(list(self.listed()), [])

    def test_remove_is_repeatable(self) -> None:
        """Removing what is gone does nothing."""
        container = self.create("web")
        self.engine.remove(container)
        self.engine.remove(container)

    def test_crashed(self) -> None:
        """A container whose program died is returned as exited, with an exit code, and a "die" event is sent."""
        container = self.engine.start(self.create("web")).id
        told = self.listen()
        self.assertTrue(self.listed()[0].running)
        self.crash(self.engine, container)
        told.until("die", container)
        state = self.state(container)
        self.assertEqual(state.status, Status.EXITED)
        self.assertNotEqual(state.exit_code, 0)
        self.assertEqual(list(self.listed()), [state])

    def test_paused(self) -> None:
        """A paused container counts as running; events report both ends of the pause, and lists show them."""
        container = self.create("web")
        running = self.engine.start(container)
        told = self.listen()
        for paused, status, event in ((True, Status.PAUSED, "pause"), (False, Status.RUNNING, "unpause")):
            self.pause(self.engine, container, paused)
            told.until(event, container)
            self.assertEqual(self.state(container), evolve(running, status=status))
            self.assertEqual([state.running for state in self.listed()], [True])

    def test_stopped_while_paused(self) -> None:
        """A paused container can be stopped."""
        container = self.engine.start(self.create("web")).id
        self.pause(self.engine, container)
        self.engine.stop(container, 0)
        self.assertEqual(self.state(container).status, Status.EXITED)

    def test_network_absent(self) -> None:
        """A container whose network is not there is created, and refused to start with the reason."""
        name = f"{self.prefix}-none"
        container = self.create("web", self.body(HostConfig={"NetworkMode": name}))
        with self.assertRaisesRegex(EngineRefused, f"network {name} not found"):
            self.engine.start(container)
        self.assertEqual(
            (self.state(container).error, self.state(container).cut_off), (f"network {name} not found", "")
        )

    def test_cut_off(self) -> None:
        """A container whose network was taken from it is on none, also after it was started again."""
        container = self.create("web")
        self.engine.start(container)
        self.assertEqual(self.state(container).cut_off, "")
        self.detach(self.engine, container)
        self.assertEqual([state.cut_off for state in self.listed()], ["bridge"])
        self.engine.stop(container, 0)
        self.assertEqual(self.state(container).cut_off, "bridge")
        self.assertEqual(self.engine.start(container).cut_off, "bridge")

    # Whether it answers.

    def test_pulse(self) -> None:
        """An Engine that is well answers pings, and so does its containerd."""
        self.engine.ping()
        self.engine.ask_containerd()

    # Commands inside.

    def test_execute(self) -> None:
        """A command run inside gives its exit status, and the end of its output, errors among it."""
        container = self.engine.start(self.create("web")).id
        for line, done in (("true", Executed(0)), ("exit 3", Executed(3)), ("echo two >&2", Executed(0, b"two\n"))):
            self.assertEqual(self.engine.execute(container, ["sh", "-c", line], 10.0), done)

    def test_execute_overdue(self) -> None:
        """A command that takes too long gives 124."""
        container = self.create("web")
        self.engine.start(container)
        self.assertEqual(self.engine.execute(container, ["sleep", "1000"], 0.2).status, 124)

    def test_execute_stopped(self) -> None:
        """Running a command in a container that does not run is refused."""
        container = self.create("web")
        with self.assertRaises(EngineRefused):
            self.engine.execute(container, ["true"], 10.0)

    def test_execute_absent(self) -> None:
        """Running a command in a container that is gone says so."""
        with self.assertRaises(ContainerAbsent):
            self.engine.execute("0" * 64, ["true"], 10.0)

    # The log.

    def logging(self, engine: Engine, container: str) -> None:
        """Have it log the lines "one" and "two" if it does not by itself."""

    def test_log(self) -> None:
        """The last lines of a run are given, output and errors, also after its end; not when the container is gone."""
        container = self.create("web", self.body(Cmd=["sh", "-c", "echo one; echo two >&2; exec sleep 1000"]))
        self.engine.start(container)
        self.logging(self.engine, container)
        deadline = monotonic() + PATIENCE  # the Engine reads the lines a moment late
        while len(self.engine.log_tail(self.state(container)).split()) < 2 and monotonic() < deadline:
            sleep(0.05)
        self.engine.stop(container, 0)
        state = self.state(container)
        self.assertEqual(sorted(self.engine.log_tail(state).split()), [b"one", b"two"])
        self.engine.remove(container)
        self.assertRaises(ContainerAbsent, self.engine.log_tail, state)

    # Events.

    def test_events(self) -> None:
        """Events report a container's life in order, but not the commands run inside; "stop" may come before "die"."""
        told = self.listen()
        container = self.create("web")
        self.engine.start(container)
        self.engine.execute(container, ["true"], 10.0)
        self.engine.stop(container, 5)
        self.engine.remove(container)
        *began, last, least, end = told.until("destroy", container)
        self.assertEqual([*began, *sorted([last, least]), end], ["create", "start", "kill", "die", "stop", "destroy"])

    def test_events_of_others(self) -> None:
        """No events of another node's containers arrive."""
        told = self.listen()
        self.create("other", self.body(labels={LABEL_NODE: f"{self.prefix}-other"}))
        mine = self.create("mine")
        self.assertEqual(told.events.get(timeout=PATIENCE), ("create", mine))

    def test_events_closed(self) -> None:
        """Closing the stream from another thread ends the iteration; closing it again does nothing."""
        told = self.listen()
        told.stream.close()
        self.assertTrue(told.ended())
        told.stream.close()
