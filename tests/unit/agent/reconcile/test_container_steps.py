"""Images are pulled, containers created, started, stopped and removed: the effect and the report of each step."""

from __future__ import annotations

import socket

from attrs import evolve

from daprdockr.model.errors import ContainerAbsent, EngineRefused, EngineUnavailable, ImageAbsent, PortTaken, PullFailed
from daprdockr.model.host import Image, Port, Status, Volume
from daprdockr.model.names import InstanceName
from daprdockr.planning.container_steps import (
    CreateContainer,
    PullImage,
    RemoveContainer,
    StartContainer,
    StopContainer,
)
from daprdockr.planning.keeping.body import MOST_EXPOSED, container_names
from daprdockr.planning.outcome import Fault
from tests.build.carry_out import FIRST, SERVED, CarryOutCase
from tests.build.situations import WEB_1
from tests.build.values import WEB, definition, fixing, instance


class ImageTests(CarryOutCase):
    """Images."""

    def test_there(self) -> None:
        """An image that is on this host is not pulled."""
        self.do(PullImage("web:1"))
        self.assertEqual(self.host.stock.images, {"web:1": Image("sha256:web:1")})
        self.assertEqual(self.engine.calls["pull"], 0)

    def test_pull(self) -> None:
        """An image that is not there is pulled in the threads for what takes long, and then known."""
        self.engine.add_image("web:2", exposed=[80], local=False)
        done = self.begin(PullImage("web:2"))
        self.stops.end("pull")
        self.successResultOf(done)
        self.assertEqual(self.host.stock.images["web:2"].exposed, (Port(80),))

    def test_restarted(self) -> None:
        """For a restart an image is pulled though it is there, and the restart remembered."""
        self.engine.add_image("web:1", exposed=[81], local=False)
        done = self.begin(PullImage("web:1", "now"))
        self.stops.end("pull")
        self.successResultOf(done)
        stock = self.host.stock
        image = stock.images["web:1"]
        self.assertEqual((image.exposed, image.digest != ""), ((Port(81),), True))
        self.assertEqual(stock.resolved, {("web:1", "now"): image.digest})

    def test_restarted_without_registry(self) -> None:
        """If it cannot be pulled for a restart, the image that is there will do, and people learn of it."""
        done = self.begin(PullImage("web:1", "now"))
        self.stops.end("pull")
        self.successResultOf(done)
        self.assertEqual(self.host.stock.resolved, {("web:1", "now"): ""})
        said = "restarted with the image of that name that is here: 'web:1' could not be pulled: manifest unknown"
        self.assertEqual(self.told, [("web:1", said)])

    def test_pull_failed(self) -> None:
        """A pull that fails leaves nothing known of the image."""
        done = self.begin(PullImage("web:9"))
        self.stops.end("pull")
        self.failureResultOf(done, PullFailed)
        self.assertEqual(self.host.stock.images, {})

    def test_pulled_and_gone(self) -> None:
        """An image that is not there after its pull is an error, not a success."""
        self.engine.add_image("web:2", local=False)
        done = self.begin(PullImage("web:2"))
        pull = self.stops.take("pull")
        pull.perform()
        self.engine.images.clear()
        pull.arrive()
        self.failureResultOf(done, ImageAbsent)


class ContainerTests(CarryOutCase):
    """Containers."""

    def test_create(self) -> None:
        """A container is created with all that a later agent needs to adopt it, and known at once."""
        created = self.create()
        self.assertEqual(
            (created.name, created.instance, created.definition, created.status),
            (container_names(FIRST, WEB_1, "a", 7)[0], FIRST, WEB_1.digest, Status.CREATED),
        )
        self.assertEqual((created.cluster, created.revision), (7, 40))

    def test_create_beside_one_that_cannot_be_inspected(self) -> None:
        """A container that the Engine cannot inspect keeps its name, and none of its instance from being created."""
        lost = self.create()
        self.engine.lost_layers.add(lost.id)
        self.host.containers.forget(lost.id)
        created = self.create()
        self.assertEqual([created.name], container_names(FIRST, WEB_1, "a", 7)[1:2])
        self.assertEqual({state.id for state in self.engine.states}, {lost.id, created.id})

    def test_create_ports(self) -> None:
        """Each port gets a host port: the one it had if that is free, and none that a sibling holds."""
        with socket.socket() as taken:
            taken.bind(("", 0))
            taken.listen()
            had = taken.getsockname()[1]
            self.do(CreateContainer(FIRST, SERVED, (Port(80, "tcp", had),), 40))
        (first,) = self.host.containers.of(WEB)[1]
        self.assertNotIn(first.ports[0].host, (0, had))
        self.do(CreateContainer(instance(2), SERVED, (Port(80, "tcp", first.ports[0].host),), 41))
        (second,) = self.host.containers.of(WEB)[2]
        self.assertNotIn(second.ports[0].host, (0, first.ports[0].host))

    def test_create_again(self) -> None:
        """A container that takes the place of another one of its instance keeps the host port."""
        self.do(CreateContainer(FIRST, SERVED, (Port(80),), 40))
        (old,) = self.host.containers.of(WEB)[1]
        self.do(
            CreateContainer(FIRST, definition("web:1", Container={"Cmd": ["x"], "ExposedPorts": ["80"]}), old.ports, 40)
        )
        self.assertEqual({one.ports for one in self.host.containers.of(WEB)[1]}, {old.ports})

    def test_create_beside(self) -> None:
        """One that is created beside another copy that runs gets another host port, whatever was planned."""
        self.do(CreateContainer(FIRST, SERVED, (Port(80),), 40))
        (old,) = self.host.containers.of(WEB)[1]
        self.do(StartContainer(FIRST, old.id))
        another = definition("web:1", Container={"Cmd": ["x"], "ExposedPorts": ["80"]})
        self.do(CreateContainer(FIRST, another, old.ports, 40))
        (new,) = (one for one in self.host.containers.of(WEB)[1] if one.id != old.id)
        self.assertNotIn(new.ports[0].host, (0, old.ports[0].host))

    def test_create_beside_routes(self) -> None:
        """A port of a TCP or UDP route is left to the route, even if a container of this instance had it."""
        self.do(CreateContainer(FIRST, SERVED, (), 40))
        (first,) = self.host.containers.of(WEB)[1]
        self.routes = frozenset({("tcp", first.ports[0].host)})
        another = definition("web:1", Container={"Cmd": ["x"], "ExposedPorts": ["80"]})
        self.do(CreateContainer(FIRST, another, first.ports, 40))
        (second,) = (one for one in self.host.containers.of(WEB)[1] if one.id != first.id)
        self.assertNotIn(second.ports[0].host, (0, first.ports[0].host))

    def test_create_fixed(self) -> None:
        """A host port that the definition fixes is published, though others are not given it, and nothing else is."""
        self.routes = frozenset({("tcp", 64_321)})
        self.create(Container=fixing(64_321))
        self.assertEqual(self.engine.bodies[0]["HostConfig"]["PortBindings"], {"80/tcp": [{"HostPort": "64321"}]})
        self.do(CreateContainer(instance(2), SERVED, (Port(80, "tcp", 64_321),), 41))
        (second,) = self.host.containers.of(WEB)[2]
        self.assertNotEqual(second.ports[0].host, 64_321)

    def test_create_fixed_taken(self) -> None:
        """Where it is not free nothing is created, with the reason: another instance, the agent, another program."""
        self.do(CreateContainer(instance(2), SERVED, (Port(80, "tcp", 64_321),), 41))
        said = "host port 64321/tcp is not free on this node: "
        step = CreateContainer(FIRST, definition("web:1", Container=fixing(64_321)), (), 40)
        self.assertEqual(self.fails(step, EngineRefused), said + "it is a host port of 2.web.myapp")
        self.held = {("tcp", 64_322): "it is in use for --api"}
        step = CreateContainer(FIRST, definition("web:1", Container=fixing(64_322)), (), 40)
        self.assertIn("it is in use for --api", self.fails(step, EngineRefused))
        with socket.socket() as taken:
            taken.bind(("", 0))
            taken.listen()
            step = CreateContainer(FIRST, definition("web:1", Container=fixing(taken.getsockname()[1])), (), 40)
            self.assertIn("another program has it", self.fails(step, EngineRefused))
        self.assertEqual(len(self.engine.bodies), 1)
        self.do(step)

    def test_create_port_refused(self) -> None:
        """A port that only the Engine knows to be taken is not chosen again."""
        self.do(CreateContainer(FIRST, SERVED, (), 40))
        (first,) = self.host.containers.of(WEB)[1]
        self.engine.taken_ports.add(first.ports[0].host)
        self.fails(StartContainer(FIRST, first.id), PortTaken)
        done = self.begin(RemoveContainer(FIRST, first.id, "its port is taken"))
        self.stops.end("remove")
        self.successResultOf(done)
        self.do(CreateContainer(FIRST, SERVED, first.ports, 40))
        (second,) = self.host.containers.of(WEB)[1]
        self.assertNotEqual(second.ports[0].host, first.ports[0].host)
        self.do(StartContainer(FIRST, second.id))

    def test_create_other_image(self) -> None:
        """An image that was built anew under its tag counts as it is when the container is created."""
        self.engine.add_image("web:1", exposed=[80])
        self.do(PullImage("web:1"))
        self.engine.add_image("web:1", exposed=[81])
        self.do(CreateContainer(FIRST, WEB_1, (Port(80),), 40))
        (created,) = self.host.containers.of(WEB)[1]
        self.assertEqual([port.container for port in created.ports], [81])

    def test_create_many_exposed(self) -> None:
        """Of an image with hundreds of ports few are published, and one event says so, however many are created."""
        self.engine.add_image("web:1", exposed=range(1000, 1301))
        for number in (1, 2):
            self.do(CreateContainer(instance(number), SERVED, (), 40))
            (created,) = self.host.containers.of(WEB)[number]
            self.assertEqual([port.container for port in created.ports], [80, *range(1000, 1000 + MOST_EXPOSED)])
        ((subject, text),) = self.told
        self.assertEqual(subject, "web:1")
        self.assertIn(f"exposes {301 - MOST_EXPOSED} ports more", text)

    def test_create_addresses(self) -> None:
        """Ports are published on this node's addresses alone, all of them."""
        self.addresses = ("127.0.0.1", "::1")
        self.do(CreateContainer(FIRST, SERVED, (), 40))
        (bindings,) = self.engine.bodies[0]["HostConfig"]["PortBindings"].values()
        self.assertEqual([binding["HostIp"] for binding in bindings], ["127.0.0.1", "::1"])
        self.assertEqual(len({binding["HostPort"] for binding in bindings}), 1)

    def test_create_resolvers(self) -> None:
        """A container gets this node's DNS as it is at that moment."""
        self.resolvers = ["10.0.0.1"]
        self.create()
        self.assertEqual(self.engine.bodies[0]["HostConfig"]["Dns"], ["10.0.0.1"])

    def test_create_resolvers_of_its_network(self) -> None:
        """Of this node's resolvers a container gets those that its network has a family for; none is an event, once."""
        self.resolvers = ["fd00::1", "10.0.0.1"]
        self.host.stock.inventory = self.engine.inventory()
        self.create()
        self.assertEqual(self.engine.bodies[0]["HostConfig"]["Dns"], ["10.0.0.1"])
        self.resolvers = ["fd00::1"]
        for number in (2, 3):
            self.do(CreateContainer(InstanceName(FIRST.service, number), definition("web:1"), (), 40))
        self.assertNotIn("Dns", self.engine.bodies[-1]["HostConfig"])
        ((subject, text),) = self.told
        self.assertEqual((subject, self.failures.lacking[FIRST.service]), (str(FIRST.service), text))
        self.assertIn("which has IPv6 alone", text)
        self.resolvers = ["10.0.0.1"]
        self.do(CreateContainer(InstanceName(FIRST.service, 4), definition("web:1"), (), 40))
        self.assertEqual(self.failures.lacking, {})

    def test_create_image_gone(self) -> None:
        """An image that went after it was seen is forgotten, so that it is looked for again."""
        self.do(PullImage("web:1"))
        self.engine.images.clear()
        self.fails(CreateContainer(FIRST, WEB_1, (), 40), ImageAbsent)
        self.assertEqual((self.host.stock.images, self.host.containers.of(WEB)), ({}, {}))

    def test_create_refused(self) -> None:
        """A refused container leaves the host as it was."""
        self.create()
        odd = definition(Container={"LogConfig": {"Type": "json-file", "Config": {"nowhere": "1"}}})
        self.fails(CreateContainer(FIRST, odd, (), 40), EngineRefused)
        self.assertEqual(len(self.host.containers.of(WEB)[1]), 1)

    def test_create_not_allowed(self) -> None:
        """A container that needs a privilege which this node does not give is not even asked of the Engine."""
        wish = definition(Container={"Binds": ["/:/host"]})
        self.here = evolve(self.here, allow=frozenset({"privileged"}))
        error = self.fails(CreateContainer(FIRST, wish, (), 40), EngineRefused)
        self.assertIn("--allow binds", error)
        self.assertEqual(self.engine.bodies, [])
        self.here = evolve(self.here, allow=frozenset({"binds"}))
        self.do(CreateContainer(FIRST, wish, (), 40))
        self.assertEqual(len(self.engine.bodies), 1)

    def test_created_with_volumes(self) -> None:
        """The volumes of a container are known before the Engine is asked, as the Engine says them."""
        self.do(CreateContainer(FIRST, definition(Container={"Volumes": ["b:/b", "a:/a", "/c"]}), (), 40))
        (known,) = self.host.containers
        self.assertEqual(known.volumes, ("a", "b"))
        self.assertEqual(self.engine.states[0].volumes, known.volumes)

    def test_create_with_volumes(self) -> None:
        """A volume that is there already and leads to the host needs the privilege, no matter by whom it was made."""
        self.engine.volumes = {
            "plain": Volume(),
            "share": Volume(options={"type": "nfs", "o": "addr=10.0.0.1", "device": ":/x"}),
            "root": Volume(options={"type": "none", "o": "bind", "device": "/"}),
            "ssh": Volume("sshfs"),
        }
        self.here = evolve(self.here, allow=frozenset())
        self.do(CreateContainer(FIRST, definition(Container={"Binds": ["new:/a", "plain:/b", "share:/c"]}), (), 40))
        for name, privilege in (("root", "binds"), ("ssh", "volume-drivers")):
            mounts = definition(Container={"Mounts": [{"Type": "volume", "Source": name, "Target": "/host"}]})
            error = self.fails(CreateContainer(FIRST, mounts, (), 40), EngineRefused)
            self.assertIn(f"volume '{name}' leads out of the container: no privilege {privilege} here", error)
            self.assertIn(f"--allow {privilege}", error)
        self.assertEqual(len(self.engine.bodies), 1)
        self.here = evolve(self.here, allow=frozenset({"binds"}))
        self.do(CreateContainer(FIRST, definition(Container={"Binds": ["root:/host"]}), (), 40))
        self.assertEqual(len(self.engine.bodies), 2)

    def test_start(self) -> None:
        """A started container is known to run at once."""
        created = self.create()
        self.do(StartContainer(FIRST, created.id))
        self.assertEqual([one.status for one in self.host.containers.of(WEB)[1]], [Status.RUNNING])

    def test_start_refused(self) -> None:
        """A container that cannot start raises, for the loop to count; the host knows what the Engine says of it."""
        created = self.create()
        self.engine.broken_images.add("web:1")
        self.assertIn("executable", self.fails(StartContainer(FIRST, created.id), EngineRefused))
        self.assertEqual([one.error for one in self.host.containers.of(WEB)[1]], ["executable file not found"])

    def test_start_unanswered(self) -> None:
        """A start that is never answered counts against its container: that, which it locks, is not asked for."""
        created = self.create()
        self.host.answered()
        self.engine.silent = True
        step = StartContainer(FIRST, created.id, generation=created.definition)
        outcome = self.outcome(step)
        assert isinstance(outcome, Fault)
        self.assertTrue(outcome.lasting and outcome.of_host)
        self.assertEqual(self.host.trouble, "")

    def test_start_gone(self) -> None:
        """A container that is not there any more raises."""
        created = self.create()
        self.engine.remove(created.id)
        self.fails(StartContainer(FIRST, created.id), ContainerAbsent)
        self.assertEqual(self.host.containers.of(WEB), {})

    def test_stop(self) -> None:
        """A stop has threads of its own, and the end of the container is no death."""
        created = self.create()
        self.do(StartContainer(FIRST, created.id))
        done = self.begin(StopContainer(FIRST, created.id, 3, "scaled down"))
        self.assertNoResult(done)
        self.stops.end("ask_to_stop")
        self.assertNoResult(done)
        self.successResultOf(self.host.inspect(created.id))  # as an event asks for
        self.successResultOf(done)
        self.assertEqual([one.status for one in self.host.containers.of(WEB)[1]], [Status.EXITED])
        self.assertEqual(self.failures.attempts, {})

    def test_stop_failed(self) -> None:
        """A stop that the Engine did not answer raises, and leaves the container as it was known: it may go on."""
        created = self.create()
        self.do(StartContainer(FIRST, created.id))
        done = self.begin(StopContainer(FIRST, created.id, 3, "scaled down"))
        self.assertEqual(list(self.host.containers.stopping_now), [created.id])
        self.engine.unavailable = True
        self.stops.end("ask_to_stop")
        self.failureResultOf(done, EngineUnavailable)
        self.assertEqual([one.status for one in self.host.containers.of(WEB)[1]], [Status.RUNNING])
        self.assertEqual(list(self.host.containers.stopping_now), [])

    def test_stop_failed_unforeseen(self) -> None:
        """So does one that failed by what nobody foresaw, such as a host that has no thread left."""
        created = self.create()
        self.do(StartContainer(FIRST, created.id))
        done = self.begin(StopContainer(FIRST, created.id, 3, "scaled down"))
        self.stops.take("ask_to_stop").arrived.errback(RuntimeError("can't start new thread"))
        self.failureResultOf(done, RuntimeError)
        self.assertEqual(list(self.host.containers.stopping_now), [])

    def test_stop_failed_late(self) -> None:
        """If it ends by the signal nevertheless, that is no death."""
        created = self.create()
        self.do(StartContainer(FIRST, created.id))
        done = self.begin(StopContainer(FIRST, created.id, 3, "scaled down"))
        self.engine.unavailable = True
        self.stops.end("ask_to_stop")
        self.failureResultOf(done, EngineUnavailable)
        self.engine.unavailable = False
        self.engine.crash(created.id, 143)
        self.successResultOf(self.host.inspect(created.id))
        self.assertEqual(self.failures.attempts, {})
        self.assertEqual(list(self.host.containers.stopping_now), [created.id])

    def test_stubborn(self) -> None:
        """A container that ignores its signal is killed after its grace, and holds no thread until then."""
        self.engine.stubborn_images.add("web:1")
        created = self.create()
        self.do(StartContainer(FIRST, created.id))
        done = self.begin(StopContainer(FIRST, created.id, 3, "scaled down"))
        self.stops.end("ask_to_stop")
        self.clock.advance(2.9)
        self.assertEqual(self.stops.names, [])
        self.clock.advance(0.1)
        self.assertNoResult(done)
        self.stops.end("stop")
        self.successResultOf(done)
        self.assertEqual([one.status for one in self.host.containers.of(WEB)[1]], [Status.EXITED])
        self.assertEqual((self.failures.attempts, self.clock.getDelayedCalls()), ({}, []))

    def test_no_grace(self) -> None:
        """Without a grace it is killed at once."""
        created = self.create()
        self.do(StartContainer(FIRST, created.id))
        done = self.begin(StopContainer(FIRST, created.id, 0, "scaled down"))
        self.stops.end("stop")
        self.successResultOf(done)
        self.assertEqual(self.engine.calls["ask_to_stop"], 0)

    def test_removed_while_it_stops(self) -> None:
        """One that somebody removes meanwhile has ended too."""
        created = self.create()
        self.do(StartContainer(FIRST, created.id))
        done = self.begin(StopContainer(FIRST, created.id, 3, "scaled down"))
        self.stops.take("ask_to_stop").arrive()
        self.engine.remove(created.id)
        self.successResultOf(self.host.inspect(created.id))
        self.successResultOf(done)

    def test_remove(self) -> None:
        """A removed container is forgotten at once."""
        created = self.create()
        done = self.begin(RemoveContainer(FIRST, created.id, "scaled down"))
        self.stops.end("remove")
        self.successResultOf(done)
        self.assertEqual((self.engine.states, self.host.containers.of(WEB)), ([], {}))
