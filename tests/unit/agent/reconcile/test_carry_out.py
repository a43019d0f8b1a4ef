"""Carrying out steps over etcd and a Docker Engine in memory: what each does to the world, and what it tells on."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import define, evolve, field
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.guarding.guarded import Guarded
from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.reconcile.carry_out import CarryOut
from daprdockr.agent.reconcile.claim_steps import ClaimLost, ClaimSteps
from daprdockr.agent.reconcile.container_steps import ContainerSteps
from daprdockr.agent.reconcile.engine_threads import EngineThreads, registry
from daprdockr.agent.reconcile.network import ContainerNetwork
from daprdockr.agent.reconcile.unanswered import Unanswered
from daprdockr.agent.statedir import StateDir
from daprdockr.model.errors import (
    ContainerAbsent,
    EngineRefused,
    EngineUnavailable,
    EtcdUnavailable,
    ImageAbsent,
    PortTaken,
    PullFailed,
)
from daprdockr.model.host import ContainerState, Image, Port, Status
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import State
from daprdockr.model.stored.entries import Delete, Put
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.revisioned import Claim
from daprdockr.planning.keeping.body import MOST_EXPOSED, container_names
from daprdockr.planning.outcome import StepOutcome
from daprdockr.planning.situation import Here
from daprdockr.planning.steps import (
    CreateContainer,
    OnClaim,
    PullImage,
    ReadClaim,
    ReleaseClaim,
    RemoveContainer,
    StartContainer,
    Step,
    StopContainer,
    TakeClaim,
    WriteClaim,
)
from daprdockr.runtime.connection import Connection
from daprdockr.runtime.outage import Outage
from tests.build.situations import ADDRESSES, WEB, WEB_1, definition, instance, starting_record
from tests.fakes.engine import MemoryEngine
from tests.fakes.failures import OpenFailures
from tests.fakes.guard import MemoryProcesses, StandingProcess, memory_guard
from tests.fakes.host import memory_host
from tests.fakes.run import HeldRun, LoopClock, OnePool, run_at_once
from tests.fakes.steps import SteppedFollower
from tests.fakes.store import MemoryStore

KEYS = Keys()
FIRST = instance(1)
KEY = KEYS.claim(FIRST)
RECORD = starting_record()
TTL = 6
SERVED = definition("web:1", Container={"ExposedPorts": ["80"]})


@define(eq=False)
class RecordingEngine(MemoryEngine):
    """Keeps the ``bodies`` of what it created."""

    bodies: list[Mapping[str, Any]] = field(factory=list)

    def create(self, name: str, body: Mapping[str, Any]) -> str:
        self.bodies.append(body)
        return MemoryEngine.create(self, name, body)


class CarryOutCase(SynchronousTestCase):
    """Steps are carried out between a store and an engine; ``here`` is the node that acts."""

    def setUp(self) -> None:
        self.clock = LoopClock()
        self.store = MemoryStore()
        self.engine = RecordingEngine(node="a")
        self.engine.add_image("web:1")
        self.resolvers: list[str] = []
        self.addresses: tuple[str, ...] = ()
        self.told: list[tuple[str, str]] = []
        self.stops = HeldRun()
        self.mirror = Mirror(
            reactor=self.clock,
            etcd=Connection(self.store, run_at_once, Outage(self.clock.seconds)),
            cluster=Cluster(KEYS),
            state=StateDir(Path(self.mktemp())),
            draw_identity=lambda: 7,
            follow=lambda mirror: SteppedFollower(self.store, KEYS.root, mirror),
            on_changes=lambda changes: None,
        )
        self.failures = OpenFailures(clock=self.clock.seconds, chance=lambda: 0.0)
        self.host = memory_host(self.clock, self.engine, self.failures)
        self.unanswered = Unanswered()
        self.here = Here("a", ADDRESSES, self.store.grant(60).id, in_touch=True, cluster=7, revision=1)
        self.state = StateDir(Path(self.mktemp()))
        self.state.path.mkdir(parents=True)
        self.guard, self.processes = StandingProcess(), MemoryProcesses(self.engine)
        self.claimed: dict[str, int] = {}
        self.guarded = Guarded(
            guard=memory_guard(self.clock, self.state, self.guard, self.processes),
            host=self.host,
            ttl=TTL,
            boottime=self.clock.seconds,
            boot="boot",
            ephemeral=False,
            claimed=lambda container: self.claimed.get(container.id, 0),
        )
        self.carry_out = CarryOut(
            ClaimSteps(
                store=self.store,
                run=run_at_once,
                mirror=self.mirror,
                here=lambda: self.here,
                unanswered=self.unanswered,
            ),
            ContainerSteps(
                threads=EngineThreads(self.engine, OnePool(run_at_once), OnePool(self.stops), OnePool(self.stops)),
                host=self.host,
                failures=self.failures,
                here=lambda: self.here,
                network=lambda: ContainerNetwork(tuple(self.resolvers), self.addresses),
                guarded=self.guarded,
                tell=lambda subject, text: self.told.append((subject, text)),
            ),
        )

    def do(self, step: Step) -> None:
        """Carry out a step that succeeds, and takes no time."""
        self.successResultOf(self.begin(step))

    def begin(self, step: Step) -> Deferred[None]:
        """Carry out a step so that its error can be seen."""
        if isinstance(step, OnClaim):
            return Deferred.fromCoroutine(self.carry_out.claims.attempt(step))
        return Deferred.fromCoroutine(self.carry_out.containers.attempt(step))

    def outcome(self, step: Step) -> StepOutcome:
        """Carry out a step that takes no time; what became of it."""
        return self.successResultOf(Deferred.fromCoroutine(self.carry_out(step)))

    def fails(self, step: Step, error: type[Exception]) -> str:
        """Carry out a step that fails; the text of its error."""
        return str(self.failureResultOf(self.begin(step), error).value)

    @property
    def claim(self) -> Claim | None:
        """What the mirror has of the first instance."""
        return self.mirror.cluster.claims(WEB).get(1)

    def create(self, of: str = "web:1", **members: Any) -> ContainerState:
        """Have the first instance's container created; what the host knows of it then."""
        self.do(CreateContainer(FIRST, definition(of, **members), (), 40))
        (created,) = self.host.containers.of(WEB)[1]
        return created


class ClaimTests(CarryOutCase):
    """Claims are transactions; the mirror has them at once."""

    def take(self) -> Claim:
        self.do(TakeClaim(FIRST, RECORD))
        assert self.claim is not None
        return self.claim

    def test_take(self) -> None:
        """A free instance becomes this node's, under its lease, and the mirror knows before the watch."""
        claim = self.take()
        entry = self.store.get(KEY)
        assert entry is not None
        self.assertEqual((entry.value, entry.lease), (RECORD.encode(), self.here.lease))
        self.assertEqual((claim.record, claim.fence, claim.lease), (RECORD, entry.create_revision, self.here.lease))

    def test_take_taken(self) -> None:
        """An instance that another node took first stays that node's, and the mirror is not touched."""
        self.store.put(KEY, starting_record("b").encode())
        self.assertIn("1.web.myapp", self.fails(TakeClaim(FIRST, RECORD), ClaimLost))
        entry = self.store.get(KEY)
        assert entry is not None
        self.assertEqual((entry.value, self.claim), (starting_record("b").encode(), None))

    def test_take_without_a_lease(self) -> None:
        """Without a certain lease nothing is asked of etcd: a key under no lease would never go."""
        self.here = evolve(self.here, lease=0)
        self.store.calls.clear()
        self.fails(TakeClaim(FIRST, RECORD), ClaimLost)
        self.assertEqual(self.store.calls, [])

    def test_take_without_etcd(self) -> None:
        """When etcd does not answer nobody knows whether the claim was written: the mirror is not touched."""
        self.store.unavailable = True
        self.fails(TakeClaim(FIRST, RECORD), EtcdUnavailable)
        self.assertIsNone(self.claim)

    def test_write(self) -> None:
        """A state is written over the own claim, which stays the claim it was."""
        claim = self.take()
        running = evolve(RECORD, state=State.RUNNING)
        self.do(WriteClaim(FIRST, running, claim.fence, claim.revision))
        after = self.claim
        assert after is not None
        self.assertEqual((after.record, after.fence, after.lease), (running, claim.fence, claim.lease))

    def test_write_retaken(self) -> None:
        """A claim that was deleted and taken anew is not written by who held it before: the fence is another."""
        claim = self.take()
        self.store.commit([], [Delete(KEY)])
        self.store.commit([], [Put(KEY, starting_record("b").encode(), self.here.lease)])
        self.fails(WriteClaim(FIRST, RECORD, claim.fence, claim.revision), ClaimLost)

    def test_write_under_another_lease(self) -> None:
        """A claim under the node's former lease is not written under the new one."""
        claim = self.take()
        self.here = evolve(self.here, lease=self.store.grant(60).id)
        self.fails(WriteClaim(FIRST, RECORD, claim.fence, claim.revision), ClaimLost)

    def test_write_late(self) -> None:
        """A write that arrives after a later one changes nothing: the revision it was made for is past."""
        claim = self.take()
        self.do(WriteClaim(FIRST, evolve(RECORD, state=State.RUNNING), claim.fence, claim.revision))
        self.fails(WriteClaim(FIRST, evolve(RECORD, healthy=True), claim.fence, claim.revision), ClaimLost)

    def test_lost_answer(self) -> None:
        """After a write whose answer was lost it is not known who owns the instance, until its key was read."""
        self.store.loses_answers = True
        self.fails(TakeClaim(FIRST, RECORD), EtcdUnavailable)
        self.assertEqual((self.unanswered.of(WEB), self.claim), ({1}, None))
        self.do(ReadClaim(FIRST))
        assert self.claim is not None
        self.assertEqual((self.unanswered.of(WEB), self.claim.record), (frozenset(), RECORD))

    def test_lost_release(self) -> None:
        """A look after a release whose answer was lost tells that the claim is gone, before the watch does."""
        claim = self.take()
        self.store.loses_answers = True
        self.fails(ReleaseClaim(FIRST, claim.fence), EtcdUnavailable)
        self.assertIsNotNone(self.claim)
        self.do(ReadClaim(FIRST))
        self.assertIsNone(self.claim)

    def test_lost_again(self) -> None:
        """A look that gets no answer either ends no doubt; one that finds nothing there does."""
        self.store.unavailable = True
        self.fails(TakeClaim(FIRST, RECORD), EtcdUnavailable)
        self.fails(ReadClaim(FIRST), EtcdUnavailable)
        self.assertEqual(self.unanswered.of(WEB), {1})
        self.store.unavailable = False
        self.do(ReadClaim(FIRST))
        self.assertEqual((self.unanswered.of(WEB), self.claim), (frozenset(), None))

    def test_refused(self) -> None:
        """An answer that refuses is an answer."""
        self.store.put(KEY, starting_record("b").encode())
        self.fails(TakeClaim(FIRST, RECORD), ClaimLost)
        self.assertEqual(self.unanswered.of(WEB), frozenset())

    def test_release(self) -> None:
        """A released claim is gone, in etcd and in the mirror."""
        claim = self.take()
        self.do(ReleaseClaim(FIRST, claim.fence))
        self.assertEqual((self.store.get(KEY), self.claim), (None, None))

    def test_release_retaken(self) -> None:
        """The claim of another node is not released."""
        claim = self.take()
        self.store.commit([], [Delete(KEY)])
        self.store.put(KEY, starting_record("b").encode())
        self.fails(ReleaseClaim(FIRST, claim.fence), ClaimLost)
        self.assertIsNotNone(self.store.get(KEY))


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


class RegistryTests(SynchronousTestCase):
    def test_registry(self) -> None:
        """The first part of a reference is a registry if it looks like a host; else it is Docker Hub's."""
        for reference, expected in (
            ("web", "docker.io"),
            ("library/web:1", "docker.io"),
            ("r.example.com/a/web:1", "r.example.com"),
            ("localhost/web", "localhost"),
            ("r:5000/web@sha256:0", "r:5000"),
        ):
            self.assertEqual(registry(reference), expected)


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
        """What needs a privilege that this node does not give is not even asked of the Engine."""
        wish = definition(Container={"Binds": ["/:/host"]})
        self.here = evolve(self.here, allow=frozenset({"privileged"}))
        error = self.fails(CreateContainer(FIRST, wish, (), 40), EngineRefused)
        self.assertIn("--allow binds", error)
        self.assertEqual(self.engine.bodies, [])
        self.here = evolve(self.here, allow=frozenset({"binds"}))
        self.do(CreateContainer(FIRST, wish, (), 40))
        self.assertEqual(len(self.engine.bodies), 1)

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
        self.successResultOf(self.host.look_at(created.id))  # as an event asks for
        self.successResultOf(done)
        self.assertEqual([one.status for one in self.host.containers.of(WEB)[1]], [Status.EXITED])
        self.assertEqual(self.failures.attempts, {})

    def test_stop_failed(self) -> None:
        """A stop that the Engine did not answer raises, and leaves the container as it was known."""
        created = self.create()
        self.do(StartContainer(FIRST, created.id))
        done = self.begin(StopContainer(FIRST, created.id, 3, "scaled down"))
        self.engine.unavailable = True
        self.stops.end("ask_to_stop")
        self.failureResultOf(done, EngineUnavailable)
        self.assertEqual([one.status for one in self.host.containers.of(WEB)[1]], [Status.RUNNING])

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
        self.successResultOf(self.host.look_at(created.id))
        self.successResultOf(done)

    def test_remove(self) -> None:
        """A removed container is forgotten at once."""
        created = self.create()
        done = self.begin(RemoveContainer(FIRST, created.id, "scaled down"))
        self.stops.end("remove")
        self.successResultOf(done)
        self.assertEqual((self.engine.states, self.host.containers.of(WEB)), ([], {}))
