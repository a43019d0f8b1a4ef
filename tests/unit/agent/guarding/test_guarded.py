"""Containers that may not outlive the lease: the orders that the guard receives, and when one may be started."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.guarding.guard_process import TIMEOUT, UNSEEN
from daprdockr.agent.guarding.guarded import LAST_POLLS, Guarded, NotGuarded, grace, margin
from daprdockr.guard.orders import Order, Orders
from daprdockr.model.errors import EngineRefused
from daprdockr.model.host import ContainerState
from daprdockr.model.troubles.host import GuardDown, OrdersUnwritten
from daprdockr.planning.container_steps import StartContainer
from tests.build.carry_out import FIRST, TTL, CarryOutCase
from tests.build.values import WEB, definition
from tests.fakes.agents import MemoryCluster
from tests.fakes.guard import memory_guard, orders_on_disk
from tests.fakes.run import HeldRun

LEASE, NEXT_LEASE = 70, 71


class GraceTests(SynchronousTestCase):
    """``margin`` and ``grace``: Note [Grace before a deadline]."""

    def test_short_lease(self) -> None:
        """A short lease leaves little: 0.8 s of 6, a sixth of a second of the shortest."""
        self.assertAlmostEqual(grace(6, 10), 0.8)
        self.assertAlmostEqual(grace(2, 10), 2 / 6 - 0.2)

    def test_long_lease(self) -> None:
        """A long lease leaves a container the time it asked for."""
        self.assertEqual(grace(120, 10), 10)

    @given(ttl=st.integers(2, 3600), stop_timeout=st.integers(0, 3600))
    def test_not_too_soon(self, ttl: int, stop_timeout: int) -> None:
        """TERM never comes before two beats have failed, and KILL always before the lease can have ended."""
        self.assertGreaterEqual(margin(ttl), 0.2)
        self.assertGreaterEqual(grace(ttl, stop_timeout), 0.0)
        self.assertLessEqual(margin(ttl) + grace(ttl, stop_timeout), ttl / 6 + 1e-9)


class GuardedCase(CarryOutCase):
    """A host with ``OnPartition: stop`` containers; the guard's file is read back as ``orders``."""

    def setUp(self) -> None:
        super().setUp()
        self.guarded.startService()

    @property
    def orders(self) -> dict[str, Order]:
        content = orders_on_disk(self.state)
        return {} if content is None else dict(Orders.decode(content, "boot").containers)

    def created(self, **members: Any) -> ContainerState:
        """A container of the first instance that was not started yet."""
        return self.create(OnPartition="stop", StopTimeout=3, **members)

    def start(self, container: ContainerState) -> Deferred[None]:
        return self.begin(StartContainer(FIRST, container.id))

    def beat(self, lease: int = LEASE, ttl: float = TTL) -> float:
        """A beat succeeds now; until when the lease is certain."""
        until = self.clock.seconds() + ttl
        self.guarded.on_beat(lease, until, ttl)
        return until

    def running(self) -> ContainerState:
        """A container that was started under a lease that is certain."""
        container = self.created()
        self.beat()
        self.successResultOf(self.start(container))
        return container

    def list(self) -> None:
        """The Engine's containers are listed."""
        self.successResultOf(Deferred.fromCoroutine(self.host._list()))

    def another(self, directory_of_former: bool = True) -> Guarded:
        """The next agent on this host."""
        if not directory_of_former:
            (self.state.path / "guard.json").unlink()
        self.guard.running = False
        guarded = Guarded(
            guard=memory_guard(self.clock, self.state, self.guard, self.processes),
            host=self.host,
            ttl=TTL,
            boottime=self.clock.seconds,
            boot="boot",
            ephemeral=False,
            claimed=lambda container: self.claimed.get(container.id, 0),
        )
        guarded.startService()
        return guarded


class StartTests(GuardedCase):
    """Note [Before a start, and after]."""

    def test_started(self) -> None:
        """A start is allowed until the lease's end, under that lease, and the first one starts the guard."""
        container = self.created()
        until = self.beat()
        self.assertEqual((self.guard.starts, self.orders), (0, {}))
        self.successResultOf(self.start(container))
        self.assertEqual(self.guard.starts, 1)
        self.assertEqual(self.orders, {container.id: Order(until, grace(TTL, 3), LEASE)})

    def test_shorter_lease(self) -> None:
        """Under a lease of an earlier agent that is shorter than what is asked of etcd, it is that one that counts."""
        container = self.created()
        until = self.beat(ttl=2)
        self.successResultOf(self.start(container))
        self.assertEqual(self.orders, {container.id: Order(until, grace(2, 3), LEASE)})

    def test_written_first(self) -> None:
        """The Engine is asked only when the orders are written."""
        disk = HeldRun()
        self.guarded._guard = memory_guard(self.clock, self.state, self.guard, self.processes, disk)
        container = self.created()
        self.beat()
        done = self.start(container)
        self.assertEqual(self.engine.calls["start"], 0)
        disk.end("write_guard")
        self.assertEqual(self.engine.calls["start"], 1)
        disk.end("_blindness")
        self.successResultOf(done)

    def refused(self, container: ContainerState) -> str:
        """A start that fails for now, before the Engine is asked."""
        reason = str(self.failureResultOf(self.start(container), NotGuarded).value)
        self.assertEqual(self.engine.calls["start"], 0)
        return reason

    def test_lease_in_doubt(self) -> None:
        """Nothing is started without a lease, or one that is certain for less than half its life."""
        container = self.created()
        self.assertIn("in doubt", self.refused(container))
        self.beat()
        self.clock.advance(TTL / 2 + 0.1)
        self.assertIn("in doubt", self.refused(container))
        self.beat()
        self.guarded.on_beat(LEASE, 0.0, 0.0)
        self.assertIn("in doubt", self.refused(container))

    def test_guard_away(self) -> None:
        """Nothing is started while the guard does not stand."""
        container = self.created()
        self.beat()
        self.guard.on_guard = False
        done = self.start(container)
        self.clock.pump([0.1] * (10 * int(TIMEOUT) + 1))
        self.assertIn("guard does not run", str(self.failureResultOf(done, NotGuarded).value))
        self.assertEqual(self.engine.calls["start"], 0)

    def test_file_can_not_be_written(self) -> None:
        """Nothing is started when the orders for the guard cannot be written."""
        container = self.created()
        self.beat()
        self.state.path.rename(self.state.path.with_name("away"))
        self.assertIn("cannot be written", self.refused(container))

    def test_lease_changed_meanwhile(self) -> None:
        """A start that was allowed under a lease that ended while it waited is not carried out."""
        disk = HeldRun()
        self.guarded._guard = memory_guard(self.clock, self.state, self.guard, self.processes, disk)
        container = self.created()
        self.beat()
        done = self.start(container)
        self.guarded.on_beat(LEASE, 0.0, 0.0)
        self.beat(NEXT_LEASE)
        disk.end("write_guard")
        self.failureResultOf(done, NotGuarded)
        self.assertEqual(self.engine.calls["start"], 0)

    def test_unseen(self) -> None:
        """A container whose processes cannot be seen is stopped, and no other is started on this host."""
        self.processes.hidden = True
        container = self.created()
        self.beat()
        done = self.start(container)
        self.stops.end("stop")
        self.assertIn(UNSEEN, str(self.failureResultOf(done, EngineRefused).value))
        self.assertIn(UNSEEN, str(self.failureResultOf(self.start(container), EngineRefused).value))
        self.assertEqual((self.engine.calls["start"], self.running_now()), (1, []))
        self.assertEqual(self.failures.attempts, {})

    def running_now(self) -> list[str]:
        return [state.id for state in self.engine.states if state.running]

    def test_ended_at_once(self) -> None:
        """A container that is not seen because it has ended proves nothing."""
        container = self.created()
        self.beat()
        self.processes.before_look = lambda: self.engine.crash(container.id)
        self.successResultOf(self.start(container))
        self.processes.before_look = lambda: None
        self.successResultOf(self.start(container))

    def test_another_run(self) -> None:
        """Nor does one that was started again meanwhile."""
        container = self.created()
        self.beat()
        self.processes.hidden = True

        def start_again() -> None:
            self.engine.crash(container.id)
            self.engine.start(container.id)

        self.processes.before_look = start_again
        self.successResultOf(self.start(container))

    def test_kept_ones(self) -> None:
        """A container with ``OnPartition: keep`` is started without any of this."""
        container = self.create()
        self.successResultOf(self.start(container))
        self.assertEqual((self.guard.starts, orders_on_disk(self.state)), (0, None))

    def test_stopping(self) -> None:
        """An agent that is stopping starts none."""
        container = self.created()
        self.beat()
        self.successResultOf(self.guarded.stopService())
        self.refused(container)


class BeatTests(GuardedCase):
    """Note [One start, one lease]."""

    def test_moves(self) -> None:
        """Each beat moves the deadline of what was started under its lease."""
        container = self.running()
        self.clock.advance(2)
        until = self.beat()
        self.assertEqual(self.orders[container.id].deadline, until)

    def test_ended(self) -> None:
        """When the lease has ended its containers have no time left, and a new lease gives them none."""
        container = self.running()
        self.guarded.on_beat(LEASE, 0.0, 0.0)
        self.assertEqual(self.orders[container.id].deadline, 0.0)
        self.beat(NEXT_LEASE)
        self.assertEqual(self.orders[container.id].deadline, 0.0)

    def test_started_again(self) -> None:
        """A new start under the new lease does."""
        container = self.running()
        self.guarded.on_beat(LEASE, 0.0, 0.0)
        self.engine.crash(container.id, 137)
        until = self.beat(NEXT_LEASE)
        self.successResultOf(self.start(container))
        self.assertEqual(self.orders[container.id], Order(until, grace(TTL, 3), NEXT_LEASE))

    def test_gone(self) -> None:
        """A container that the Engine has no more is looked for until its deadline is over, then forgotten."""
        container = self.running()
        self.list()
        deadline = self.orders[container.id].deadline
        self.engine.remove(container.id)
        self.host.containers.forget(container.id)
        self.clock.advance(TTL - 1)
        self.beat()
        self.assertEqual(self.orders[container.id].deadline, deadline)
        self.clock.advance(1 + LAST_POLLS)
        self.beat()
        self.assertEqual(self.orders, {})

    def test_nothing_to_guard(self) -> None:
        """A node that never had such a container writes nothing and runs no guard."""
        self.beat()
        self.assertEqual((orders_on_disk(self.state), self.guard.starts, self.guarded.trouble), (None, 0, ""))


class AdoptionTests(GuardedCase):
    """The orders of the agent before, which the next agent takes over."""

    def test_same_lease(self) -> None:
        """It adopts the guard at once, and goes on with the containers when its first beat renews the lease."""
        container = self.running()
        before = self.orders
        self.guarded = self.another()
        self.assertEqual((self.guard.running, self.orders), (True, before))
        self.clock.advance(2)
        until = self.beat()
        self.assertEqual(self.orders[container.id].deadline, until)

    def test_engine_away(self) -> None:
        """Orders known from the file are kept until the Engine has answered."""
        container = self.running()
        self.guarded = self.another()
        self.host.containers._containers.clear()
        self.beat()
        self.assertIn(container.id, self.orders)

    def test_lease_ended_before(self) -> None:
        """If the former lease has ended, so has the time of its containers."""
        container = self.running()
        self.guarded = self.another()
        self.guarded.on_beat(LEASE, 0.0, 0.0)
        self.beat(NEXT_LEASE)
        self.assertEqual(self.orders[container.id].deadline, 0.0)

    def test_directory_lost(self) -> None:
        """A container that runs, and that no agent here knows to have allowed, has no time at all."""
        container = self.running()
        self.guarded = self.another(directory_of_former=False)
        self.assertFalse(self.guard.running)
        self.guarded.on_changes([WEB])
        self.assertEqual((self.orders, self.guard.running), ({container.id: Order(0.0)}, True))

    def test_not_running(self) -> None:
        """One that does not run needs no orders."""
        self.created()
        self.guarded.on_changes([WEB])
        self.assertEqual(self.orders, {})

    def test_kept(self) -> None:
        """One with ``OnPartition: keep`` has none in any case."""
        self.engine.start(self.create().id)
        self.list()
        self.guarded.on_changes([WEB])
        self.assertEqual(self.orders, {})

    def damaged(self) -> ContainerState:
        """A container that runs; the next agent cannot read the orders, and has begun."""
        container = self.running()
        self.state.write_guard(b"{")
        self.guarded = self.another()
        return container

    def test_unreadable(self) -> None:
        """A file that cannot be read is set aside, and none, but for the guard that goes with it."""
        with capturedLogs() as logged:
            self.damaged()
        self.assertTrue(self.guard.running)
        self.assertEqual([event["log_level"].name for event in logged], ["warn"])
        self.assertTrue((self.state.path / "guard.json.unreadable").exists())

    def test_found_again(self) -> None:
        """Damaged orders cost no container whose claim, under the lease that was renewed, names it."""
        container = self.damaged()
        self.guarded.on_changes([WEB])
        self.assertEqual(self.orders[container.id].deadline, self.clock.seconds() + TTL / 2)
        self.claimed[container.id] = LEASE
        until = self.beat()
        self.assertEqual(self.orders, {container.id: Order(until, grace(TTL, 3), LEASE)})

    def test_not_found_again(self) -> None:
        """One whose claim is under another lease, or is not, has half a lease."""
        container = self.damaged()
        self.guarded.on_changes([WEB])
        deadline = self.orders[container.id].deadline
        self.claimed[container.id] = NEXT_LEASE
        self.clock.advance(2)
        self.beat()
        self.assertEqual(self.orders, {container.id: Order(deadline)})

    def test_left_out(self) -> None:
        """Orders that can be read and leave out a container are no reason to kill it, if its claim names it."""
        container = self.running()
        self.state.write_guard(Orders("boot", 0.2, {}).encode())
        self.guarded = self.another()
        self.claimed[container.id] = LEASE
        until = self.beat()
        self.assertEqual(self.orders[container.id].deadline, until)


class TroubleTests(GuardedCase):
    """The conditions that ``/healthz`` receives."""

    def test_guard(self) -> None:
        """A guard that does not stand is a trouble while there is something to guard."""
        self.running()
        self.assertEqual(self.guarded.trouble, "")
        self.guard.on_guard = False
        self.assertIn("guard", self.guarded.trouble)
        self.guard.running = False
        self.assertIn("guard", self.guarded.trouble)

    def test_condition(self) -> None:
        """It is a value: what a guard that does not stand lacks comes before what a disk does."""
        self.running()
        self.assertIsNone(self.guarded.condition)
        self.state.path.rename(self.state.path.with_name("away"))
        self.beat()
        self.assertIsInstance(self.guarded.condition, OrdersUnwritten)
        self.guard.on_guard = False
        self.assertEqual(self.guarded.condition, GuardDown())
        self.state.path.with_name("away").rename(self.state.path)

    def test_file(self) -> None:
        """Orders that cannot be written are one until they can."""
        self.running()
        self.state.path.rename(self.state.path.with_name("away"))
        self.beat()
        self.assertIn("cannot be written", self.guarded.trouble)
        self.state.path.with_name("away").rename(self.state.path)
        self.beat()
        self.assertEqual(self.guarded.trouble, "")


class WholeTests(SynchronousTestCase):
    """The guard beside whole agents: two nodes, an etcd that can be away, and one instance."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agent = self.cluster.add("a")
        self.cluster.advance(8)
        self.cluster.define(definition(OnPartition="stop"))
        self.cluster.advance(1)
        (self.first,) = self.agent.running

    def test_beats(self) -> None:
        """While beats succeed the container runs on."""
        self.cluster.advance(30)
        self.assertEqual(self.agent.running, [self.first])
        self.assertEqual(self.agent.troubles(), [])

    def test_etcd_away(self) -> None:
        """It ends before the lease can have, and does not run until etcd is back."""
        self.cluster.store.unavailable = True
        self.cluster.advance(TTL + 1)
        self.assertEqual(self.agent.running, [])
        self.cluster.advance(60)
        self.assertEqual(self.agent.running, [])
        self.cluster.store.unavailable = False
        self.cluster.advance(10)
        self.assertEqual(len(self.agent.running), 1)

    def test_agent_gone(self) -> None:
        """It ends too when its agent is gone for longer than the lease, and the next agent starts it again."""
        self.cluster.crash(self.agent)
        self.cluster.advance(2)
        self.assertEqual(self.agent.running, [self.first])
        self.cluster.advance(TTL - 2)
        self.assertEqual(self.agent.running, [])
        agent = self.cluster.succeed(self.agent)
        self.cluster.advance(10)
        self.assertEqual(len(agent.running), 1)

    def test_agent_restarts(self) -> None:
        """An agent that is back in time finds its container as it was."""
        self.cluster.crash(self.agent)
        self.cluster.advance(2)
        agent = self.cluster.succeed(self.agent)
        self.cluster.advance(30)
        self.assertEqual([(state.id, state.started) for state in agent.running], [(self.first.id, self.first.started)])

    def test_orders_damaged(self) -> None:
        """It runs on when the orders are damaged while an agent starts, whatever is in the file."""
        kept = self.agent.state.path / "guard.json"
        whole = kept.read_bytes()
        agent = self.agent
        for content in (b"", b"{", whole[:-9], b"[" * 10_000, whole.replace(b'"deadline": ', b'"deadline": -')):
            self.cluster.crash(agent)
            kept.write_bytes(content)
            agent = self.cluster.succeed(agent)
            self.cluster.advance(10)
            running = [(state.id, state.started) for state in agent.running]
            self.assertEqual(running, [(self.first.id, self.first.started)], content[:80])

    def test_lease_damaged(self) -> None:
        """So it does when the file with the lease is."""
        for content in (b"", b"{", b'{"Lease": "7"}'):
            self.cluster.crash(self.agent)
            (self.agent.state.path / "lease.json").write_bytes(content)
            self.agent = self.cluster.succeed(self.agent)
            self.cluster.advance(10)
            running = [(state.id, state.started) for state in self.agent.running]
            self.assertEqual(running, [(self.first.id, self.first.started)], content[:80])

    def test_ephemeral(self) -> None:
        """An agent that takes its containers down takes the guard with them."""
        agent = self.cluster.add("b", ephemeral=True)
        self.cluster.advance(8)
        self.cluster.define(definition(instances=2, OnPartition="stop"))
        self.cluster.advance(3)
        self.assertEqual(len(agent.running), 1)
        self.cluster.stop(agent)
        self.assertEqual((agent.running, agent.host_guard.process.ended), ([], True))

    def test_ephemeral_without_engine(self) -> None:
        """If the Engine cannot take them down the guard does."""
        agent = self.cluster.add("b", ephemeral=True)
        self.cluster.advance(8)
        self.cluster.define(definition(instances=2, OnPartition="stop"))
        self.cluster.advance(3)
        agent.docker.unavailable = True
        stopped = agent.stop()
        self.cluster.agents.remove(agent)
        self.assertNoResult(stopped)
        agent.host_guard.poll()
        agent.clock.advance(1)
        self.successResultOf(stopped)
        self.assertEqual((agent.running, agent.host_guard.process.ended), ([], True))
