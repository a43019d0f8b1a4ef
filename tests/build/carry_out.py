"""Steps carried out between a store and an Engine in memory."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from attrs import define, field
from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.guarding.guarded import Guarded
from daprdockr.agent.host.image_of import ImageOf
from daprdockr.agent.host.last_words import ReadLastWords
from daprdockr.agent.mirror.mirror import Mirror
from daprdockr.agent.reconcile.carry_out import CarryOut
from daprdockr.agent.reconcile.claim_steps import ClaimSteps
from daprdockr.agent.reconcile.container_steps import ContainerSteps
from daprdockr.agent.reconcile.creating import Creating
from daprdockr.agent.reconcile.delivery import Delivery, StoredValues
from daprdockr.agent.reconcile.engine_threads import EngineThreads
from daprdockr.agent.reconcile.network import ContainerNetwork
from daprdockr.agent.reconcile.places import InMemory, on_disk
from daprdockr.agent.reconcile.pulling import Pulling
from daprdockr.agent.reconcile.rollout_events import RolloutEvents
from daprdockr.agent.reconcile.rollout_steps import RolloutSteps, RolloutSurroundings
from daprdockr.agent.reconcile.run_steps import RunSteps
from daprdockr.agent.reconcile.slot_steps import SlotSteps
from daprdockr.agent.reconcile.unanswered import Unanswered
from daprdockr.agent.reconcile.under_way import UnderWay
from daprdockr.agent.reconcile.volume_steps import VolumeSteps
from daprdockr.agent.statedir import StateDir
from daprdockr.model.host import ContainerState
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.revisioned import Claim
from daprdockr.planning.claim_steps import OnClaim
from daprdockr.planning.container_steps import CreateContainer
from daprdockr.planning.outcome import StepOutcome
from daprdockr.planning.rollout_steps import OnRollout, OnSlot
from daprdockr.planning.run_steps import OnRun
from daprdockr.planning.situation import Here
from daprdockr.planning.steps import Step
from daprdockr.planning.volume_steps import OnVolumes
from daprdockr.runtime.connection import Connection
from daprdockr.runtime.outage import Outage
from daprdockr.sealing.boxes import PrivateKey
from tests.build.situations import ADDRESSES, starting_record
from tests.build.values import KEYS, WEB, definition, instance
from tests.fakes.engine import MemoryEngine
from tests.fakes.failures import OpenFailures
from tests.fakes.guard import MemoryProcesses, StandingProcess, memory_guard
from tests.fakes.host import memory_host
from tests.fakes.run import HeldRun, LoopClock, OnePool, run_at_once
from tests.fakes.steps import SteppedFollower
from tests.fakes.store import MemoryStore

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
        self.routes: frozenset[tuple[str, int]] = frozenset()
        self.held: dict[tuple[str, int], str] = {}
        self.told: list[tuple[str, str]] = []
        self.stops = HeldRun()
        self.mirror = Mirror(
            reactor=self.clock,
            etcd=Connection(self.store, run_at_once, Outage(self.clock.seconds)),
            cluster=Cluster(KEYS),
            state=StateDir(Path(self.mktemp())),
            draw_identity=lambda: 7,
            follow=lambda mirror: SteppedFollower(self.store, KEYS.root, mirror),
            on_changes=lambda changes: self.stopped.on_changes(changes),
        )
        self.stopped = RolloutEvents(
            self.mirror.cluster, lambda subject, text, lines=(): self.told.append((subject, text))
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
        self.under_way = UnderWay(here=lambda: self.here, cluster=self.mirror.cluster)
        self.around = RolloutSurroundings(
            containers=self.host.containers,
            last_words=ReadLastWords(self.engine, OnePool(run_at_once)),
            image_of=ImageOf(self.engine, OnePool(run_at_once), self.host.stock),
            wall=lambda: 1000.0,
            under_way=self.under_way,
            stopped=self.stopped,
        )
        self.secret_keys: list[PrivateKey] = []
        self.memory = Path(self.mktemp())
        self.delivery = Delivery(
            values=StoredValues(self.store, run_at_once, self.mirror.cluster, lambda: self.secret_keys),
            secrets=InMemory((self.memory,), "a", lambda: "1 0 0:1 / / rw - tmpfs tmpfs rw").files,
            files=on_disk(self.state.path),
            engine=self.engine,
            known=lambda: {container.mark for container in self.host.containers},
        )
        threads = EngineThreads(self.engine, OnePool(run_at_once), OnePool(self.stops), OnePool(self.stops))
        told = lambda subject, text: self.told.append((subject, text))  # noqa: E731
        create = Creating(
            threads=threads,
            host=self.host,
            failures=self.failures,
            here=lambda: self.here,
            network=lambda: ContainerNetwork(tuple(self.resolvers), self.addresses, self.routes, self.held),
            delivery=self.delivery,
            record_event=told,
        )
        self.carry_out = CarryOut(
            ClaimSteps(
                store=self.store,
                run=run_at_once,
                mirror=self.mirror,
                here=lambda: self.here,
                unanswered=self.unanswered,
            ),
            SlotSteps(self.store, run_at_once, self.mirror, lambda: self.here),
            RolloutSteps(self.store, run_at_once, self.mirror, lambda: self.here, self.around),
            RunSteps(
                store=self.store,
                run=run_at_once,
                mirror=self.mirror,
                containers=self.host.containers,
                last_words=self.around.last_words,
                record_event=lambda subject, text, lines: self.told.append((subject, text)),
            ),
            VolumeSteps(
                store=self.store,
                run=run_at_once,
                mirror=self.mirror,
                here=lambda: self.here,
                record_event=lambda subject, text: self.told.append((subject, text)),
            ),
            ContainerSteps(
                threads=threads,
                host=self.host,
                pull=Pulling(threads, self.host.stock, told),
                create=create,
                delivery=self.delivery,
                guarded=self.guarded,
            ),
        )

    def do(self, step: Step) -> None:
        """Carry out a step that succeeds, and takes no time."""
        self.successResultOf(self.begin(step))

    def begin(self, step: Step) -> Deferred[None]:
        """Carry out a step so that its error can be seen."""
        if isinstance(step, OnClaim):
            return Deferred.fromCoroutine(self.carry_out.claims.attempt(step))
        if isinstance(step, OnRollout):
            return Deferred.fromCoroutine(self.carry_out.rollouts.attempt(step))
        if isinstance(step, OnRun):
            return Deferred.fromCoroutine(self.carry_out.runs.attempt(step))
        if isinstance(step, OnSlot):
            return Deferred.fromCoroutine(self.carry_out.slots.attempt(step))
        if isinstance(step, OnVolumes):
            return Deferred.fromCoroutine(self.carry_out.volumes.attempt(step))
        return Deferred.fromCoroutine(self.carry_out.containers.attempt(step))

    def outcome(self, step: Step) -> StepOutcome:
        """Carry out a step that takes no time; what became of it."""
        return self.successResultOf(Deferred.fromCoroutine(self.carry_out(step)))

    def fails(self, step: Step, error: type[Exception]) -> str:
        """Carry out a step that fails; the text of its error."""
        return str(self.failureResultOf(self.begin(step), error).value)

    @property
    def claim(self) -> Claim | None:
        """The claim of the first instance in the mirror."""
        return self.mirror.cluster.claims(WEB).get(1)

    def create(self, of: str = "web:1", **members: Any) -> ContainerState:
        """Have the first instance's container created; what the host knows of it then."""
        self.do(CreateContainer(FIRST, definition(of, **members), (), 40))
        (created,) = self.host.containers.of(WEB)[1]
        return created
