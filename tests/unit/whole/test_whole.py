"""Whole agents over etcd and Docker Engines in memory: what a person sees, from a definition to names and routes."""

from __future__ import annotations

from collections import Counter

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.host import ContainerState
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.claim import State
from daprdockr.model.stored.entries import Delete
from tests.build.values import HTTP, KEYS, WEB, definition, instance
from tests.build.whole import DRAIN, ONE, TTL, TWO, WholeCase, names, resolved, routed, starts
from tests.fakes.agents import MemoryCluster
from tests.fakes.engine import MemoryEngine


class DoomedEngine(MemoryEngine):
    """While ``doomed`` what it starts has ended before it says so."""

    doomed = True

    def start(self, container: str) -> ContainerState:
        state = super().start(container)
        if self.doomed:
            self.crash(container)
        return self.inspect(container) or state


class DefinitionTests(WholeCase):
    """From a definition to what runs, and back."""

    def test_define(self) -> None:
        """A new definition gives containers that run, claims that tell so, names and a route."""
        self.cluster.define(definition(instances=2, Http=HTTP))
        self.cluster.advance(1)
        self.assertEqual(names(self.agent), [ONE, TWO])
        self.assertEqual(
            {name: (told.state, told.healthy, told.container) for name, told in self.cluster.claims.items()},
            {str(c.instance): (State.RUNNING, True, c.id) for c in self.agent.running},
        )
        self.assertTrue(resolved(self.agent, b"2", b"web", b"myapp"))
        self.assertEqual(routed(self.agent), [instance(1), instance(2)])

    def test_delete(self) -> None:
        """A deleted definition takes its containers, claims, names and route with it."""
        self.cluster.define(definition(instances=2, Http=HTTP))
        self.cluster.advance(1)
        self.cluster.delete(WEB)
        self.cluster.advance(1)
        self.assertEqual((self.agent.docker.states, self.cluster.claims), ([], {}))
        self.assertFalse(resolved(self.agent, b"web", b"myapp"))
        self.assertEqual(routed(self.agent), [])

    def test_scale(self) -> None:
        """A service grows and shrinks without a touch of the instances that stay."""
        self.cluster.define(definition(instances=1))
        self.cluster.advance(1)
        first = starts(self.agent)
        self.cluster.define(definition(instances=3))
        self.cluster.advance(1)
        self.assertEqual(len(self.agent.running), 3)
        self.cluster.define(definition(instances=1))
        self.cluster.advance(1)
        self.assertEqual((starts(self.agent), list(self.cluster.claims)), (first, [ONE]))

    def test_change(self) -> None:
        """A changed definition replaces the container, on another host port and under the same claim."""
        self.agent.docker.add_image("web:2")
        self.cluster.define(definition("web:1", Http=HTTP))
        self.cluster.advance(1)
        before, lease = self.agent.running[0], self.cluster.store.list(KEYS.root).entries
        self.cluster.define(definition("web:2", Http=HTTP))
        self.cluster.advance(10)
        (after,) = self.agent.docker.states
        self.assertNotEqual(after.definition, before.definition)
        self.assertEqual((self.cluster.claims[ONE].ports, self.cluster.claims[ONE].container), (after.ports, after.id))
        self.assertNotEqual(after.ports, before.ports)
        created = {entry.key: entry.create_revision for entry in lease}
        (claim,) = (e for e in self.cluster.store.list(KEYS.root).entries if e.key == KEYS.claim(instance(1)))
        self.assertEqual(claim.create_revision, created[claim.key])

    def test_image_comes_later(self) -> None:
        """An image that cannot be pulled is reported; when it can be, the container runs."""
        self.cluster.define(definition("web:9"))
        self.cluster.advance(3)
        self.assertEqual(self.cluster.claims[ONE].state, State.PULLING)
        self.assertIn("could not be pulled", self.cluster.claims[ONE].reason)
        self.assertEqual(len(self.events), 1)
        self.agent.docker.add_image("web:9", local=False)
        self.cluster.advance(60)
        self.assertEqual((names(self.agent), self.cluster.claims[ONE].state), ([ONE], State.RUNNING))

    def test_broken_definition(self) -> None:
        """A definition that cannot be read is reported, and stops neither itself nor others."""
        self.cluster.define(definition())
        self.cluster.advance(1)
        before = starts(self.agent)
        self.cluster.store.put(KEYS.service(WEB), b'{"Name": "web", "Instanzes": 2}')
        self.cluster.store.put(KEYS.service(ServiceName(group="myapp", service="bad")), b"{")
        self.cluster.define(evolve(definition(), name=ServiceName(group="myapp", service="api")))
        self.cluster.advance(20)
        self.assertEqual(names(self.agent), ["1.api.myapp", ONE])
        self.assertEqual(starts(self.agent)[1:], before)
        self.assertEqual(len(self.events), 2)
        self.assertIn("did you mean Instances?", "".join(self.events))

    def test_unhealthy(self) -> None:
        """An instance that does not pass its check runs, but has no name and no route until it does."""
        self.cluster.define(definition(Http=HTTP))
        self.cluster.advance(1)
        (one,) = self.agent.running
        self.agent.unhealthy[one.id] = "connection refused"
        self.cluster.advance(12)
        self.assertEqual((names(self.agent), self.cluster.claims[ONE].state), ([ONE], State.UNHEALTHY))
        self.assertFalse(resolved(self.agent, b"1", b"web", b"myapp"))
        self.assertEqual(routed(self.agent), [])
        self.agent.unhealthy.clear()
        self.cluster.advance(6)
        self.assertTrue(resolved(self.agent, b"1", b"web", b"myapp"))
        self.assertEqual(routed(self.agent), [instance(1)])


class DeathTests(WholeCase):
    """Containers that end."""

    def test_crash(self) -> None:
        """A container that died is started again at once, and its claim states the new start."""
        self.cluster.define(definition())
        self.cluster.advance(1)
        first = self.agent.running[0]
        self.agent.docker.crash(first.id)
        self.cluster.advance(0.2)
        again = self.agent.running[0]
        self.assertEqual(again.id, first.id)
        self.assertNotEqual(again.started, first.started)
        self.cluster.advance(1)
        self.assertEqual(self.cluster.claims[ONE].started, again.started)

    def test_removed_by_somebody(self) -> None:
        """A container that somebody removed is created again."""
        self.cluster.define(definition())
        self.cluster.advance(1)
        self.agent.docker.remove(self.agent.running[0].id)
        self.cluster.advance(1)
        self.assertEqual(names(self.agent), [ONE])

    def test_never_lives(self) -> None:
        """A container that ends as soon as it is started is started ever more seldom, and its claim says why."""
        engine = DoomedEngine(node="b")
        self.cluster.stop(self.agent)
        self.cluster.advance(TTL + 1)
        self.cluster.add("b", engine=engine)
        self.cluster.define(definition())
        self.cluster.advance(60)
        self.assertTrue(5 <= engine.calls["start"] <= 9, engine.calls)
        told = self.cluster.claims[ONE]
        self.assertEqual(
            (told.state, told.healthy, told.reason), (State.BACKING_OFF, False, "exit status 1, and it logged nothing")
        )
        engine.doomed = False
        self.cluster.advance(90)
        self.assertTrue(self.cluster.claims[ONE].healthy)

    def test_can_not_start(self) -> None:
        """A container that cannot start is reported and tried again."""
        self.agent.docker.broken_images.add("web:1")
        self.cluster.define(definition())
        self.cluster.advance(5)
        self.assertEqual(self.cluster.claims[ONE].state, State.BACKING_OFF)
        self.assertIn("executable file not found", self.events[0])
        self.agent.docker.broken_images.clear()
        self.cluster.advance(30)
        self.assertEqual(names(self.agent), [ONE])


class EngineTests(WholeCase):
    """The Docker Engine goes and comes."""

    def test_late(self) -> None:
        """An agent whose Engine answers after etcd did begins its work then, not at the next sweep."""
        self.cluster.stop(self.agent)
        self.cluster.advance(TTL + 1)
        late = self.cluster.make("b")
        late.docker.unavailable = True
        self.cluster.define(definition())
        self.cluster.start(late)
        self.cluster.advance(1)
        self.assertEqual(self.cluster.claims, {})
        late.docker.unavailable = False
        self.cluster.advance(TTL)
        self.assertEqual(names(late), [ONE])

    def test_defined_meanwhile(self) -> None:
        """A service that was defined while the Engine was away is begun when it is back."""
        self.agent.docker.unavailable = True
        self.cluster.advance(1)
        self.cluster.define(definition())
        self.cluster.advance(10)
        self.assertEqual(self.cluster.claims, {})
        self.agent.docker.unavailable = False
        self.cluster.advance(TTL / 3 + 0.5)  # the others learn with the next beat that this node is ready again
        self.assertEqual(names(self.agent), [ONE])

    def test_restarted(self) -> None:
        """An Engine that was restarted and ended its containers has them started again; nothing is created anew."""
        self.cluster.define(definition(instances=2))
        self.cluster.advance(1)
        before = {container.id for container in self.agent.running}
        self.agent.docker.unavailable = True
        self.cluster.advance(2)
        for container in before:
            self.agent.docker.crash(container, 137)
        self.cluster.advance(2)
        self.agent.docker.unavailable = False
        self.cluster.advance(1)
        self.assertEqual({container.id for container in self.agent.running}, before)


class EtcdTests(WholeCase):
    """etcd goes, comes, and is another one."""

    def setUp(self) -> None:
        super().setUp()
        self.cluster.define(definition(instances=2, Http=HTTP))
        self.cluster.advance(1)
        self.before = starts(self.agent)

    def assert_untouched(self) -> None:
        """Nothing was stopped, and names and routes are as they were."""
        self.assertEqual(starts(self.agent), self.before)
        self.assertTrue(resolved(self.agent, b"2", b"web", b"myapp"))
        self.assertEqual(routed(self.agent), [instance(1), instance(2)])

    def test_away(self) -> None:
        """While etcd is away nothing is stopped, and names and routes stay."""
        self.cluster.store.unavailable = True
        self.cluster.advance(20)
        self.assert_untouched()

    def test_crash_while_away(self) -> None:
        """A container that dies while etcd is away is started again."""
        self.cluster.store.unavailable = True
        self.cluster.advance(20)
        self.agent.docker.crash(self.agent.running[0].id)
        self.cluster.advance(1)
        self.assertEqual(names(self.agent), [ONE, TWO])

    def test_deleted_while_away(self) -> None:
        """A service that was deleted while this agent was out of touch goes when it is in touch again."""
        follower, self.agent.follower.running = self.agent.follower, False
        self.agent.mirror.lost(EtcdUnavailable("etcd did not answer"))
        self.cluster.delete(WEB)
        self.cluster.advance(5)
        self.assert_untouched()
        follower.running = True
        self.cluster.advance(1)
        self.assertEqual((self.agent.docker.states, self.cluster.claims), ([], {}))

    def test_lease_ended(self) -> None:
        """A node whose lease ended takes its instances up again, without a gap in names and routes."""
        self.cluster.store.revoke(self.agent.heartbeat.lease)
        for _ in range(100):
            self.cluster.advance(0.05)
            self.assert_untouched()
        self.assertEqual({told.node for told in self.cluster.claims.values()}, {"a"})
        self.assertEqual(len(self.cluster.claims), 2)

    def test_wiped(self) -> None:
        """An etcd that lost everything, and is another cluster by that, changes nothing here."""
        self.cluster.store.wipe()
        self.cluster.advance(60)
        self.assert_untouched()
        self.assertIn("another cluster", self.agent.mirror.trouble)

    def test_claim_deleted(self) -> None:
        """A claim that somebody deleted is taken again, and its container kept."""
        self.cluster.store.commit([], [Delete(KEYS.claim(instance(1)))])
        self.cluster.advance(1)
        self.assert_untouched()
        self.assertEqual(list(self.cluster.claims), [ONE, TWO])


class SuccessionTests(WholeCase):
    """An agent ends, and another one comes in its place."""

    def setUp(self) -> None:
        super().setUp()
        self.cluster.define(definition(instances=2, Http=HTTP))
        self.cluster.advance(3)
        self.before = starts(self.agent)

    def claims(self) -> dict[str, tuple[int, int]]:
        entries = self.cluster.store.list(KEYS.root + "instances/").entries
        return {entry.key: (entry.create_revision, entry.mod_revision) for entry in entries}

    def test_soon(self) -> None:
        """A successor within the TTL goes on as if nothing was: no claim is written, no container touched."""
        claims = self.claims()
        self.cluster.stop(self.agent)
        self.cluster.advance(2)
        successor = self.cluster.succeed(self.agent)
        self.cluster.advance(10)
        self.assertEqual((starts(successor), self.claims()), (self.before, claims))

    def test_after_a_crash(self) -> None:
        """Nor does it matter whether the predecessor ended in order."""
        claims = self.claims()
        self.cluster.crash(self.agent)
        successor = self.cluster.succeed(self.agent)
        self.cluster.advance(10)
        self.assertEqual((starts(successor), self.claims()), (self.before, claims))

    def test_late(self) -> None:
        """A successor after the TTL claims anew and adopts the containers."""
        self.cluster.stop(self.agent)
        self.cluster.advance(TTL + 2)
        self.assertEqual(self.cluster.claims, {})
        successor = self.cluster.succeed(self.agent)
        self.cluster.advance(2)
        self.assertEqual((starts(successor), list(self.cluster.claims)), (self.before, [ONE, TWO]))

    def test_late_before_the_engine(self) -> None:
        """Until the Engine says otherwise, the containers of the claims that ended meanwhile count as running."""
        self.cluster.stop(self.agent)
        self.cluster.advance(TTL + 2)
        self.agent.docker.unavailable = True
        successor = self.cluster.succeed(self.agent)
        self.cluster.advance(2)
        self.assertEqual((routed(successor), self.cluster.claims), ([instance(1), instance(2)], {}))
        self.agent.docker.unavailable = False
        self.cluster.advance(2)
        self.assertEqual((starts(successor), list(self.cluster.claims)), (self.before, [ONE, TWO]))
        self.assertEqual(routed(successor), [instance(1), instance(2)])

    def test_without_etcd(self) -> None:
        """A successor that does not reach etcd serves names and routes from disk, and restarts what dies."""
        self.cluster.stop(self.agent)
        self.cluster.store.unavailable = True
        successor = self.cluster.succeed(self.agent)
        self.cluster.advance(1)
        self.assertEqual(starts(successor), self.before)
        self.assertTrue(resolved(successor, b"1", b"web", b"myapp"))
        self.assertEqual(routed(successor), [instance(1), instance(2)])
        successor.docker.crash(successor.running[0].id)
        self.cluster.advance(1)
        self.assertEqual(names(successor), [ONE, TWO])


class SeveralNodesTests(SynchronousTestCase):
    """Nodes that share work."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.agents = [self.cluster.add("a"), self.cluster.add("b")]
        self.cluster.advance(1)

    def shares(self) -> list[int]:
        return [len(agent.running) for agent in self.agents]

    def test_share(self) -> None:
        """Twelve instances come to run six on each, each claimed by one transaction and reported by another."""
        before = self.cluster.store.calls.count("commit")
        self.cluster.define(definition(instances=12))
        self.cluster.advance(1)
        self.assertEqual(self.shares(), [6, 6])
        self.assertEqual(Counter(told.node for told in self.cluster.claims.values()), {"a": 6, "b": 6})
        self.assertEqual(self.cluster.store.calls.count("commit") - before, 24)

    def test_published_everywhere(self) -> None:
        """Every node publishes every healthy instance."""
        self.cluster.define(definition(instances=4, Http=HTTP))
        self.cluster.advance(1)
        for agent in self.agents:
            self.assertEqual(routed(agent), [instance(number) for number in (1, 2, 3, 4)])

    def test_node_lost(self) -> None:
        """The instances of a node that fell silent run elsewhere two seconds after its lease at the latest."""
        self.cluster.define(definition(instances=4))
        self.cluster.advance(1)
        a, b = self.agents
        self.cluster.crash(a)
        self.cluster.advance(TTL + 2)
        self.assertEqual(len(b.running), 4)
        self.assertEqual({(told.node, told.healthy) for told in self.cluster.claims.values()}, {("b", True)})

    def test_node_back(self) -> None:
        """A node that comes back removes what runs elsewhere by now, and stops nothing else."""
        self.cluster.define(definition(instances=4))
        self.cluster.advance(1)
        a, b = self.agents
        self.cluster.crash(a)
        self.cluster.advance(TTL + 2)
        other = starts(b)
        self.cluster.succeed(a)
        self.cluster.advance(5 + DRAIN)
        self.assertEqual((a.docker.states, starts(b)), ([], other))

    def test_back_before_the_other_is_well(self) -> None:
        """As long as the other's copy is not healthy the one here stays."""
        self.cluster.define(definition(instances=2, Http=HTTP))
        self.cluster.advance(1)
        a, b = self.agents
        kept = starts(a)
        self.cluster.crash(a)
        b.unhealthy.update({f"{number:064x}": "refused" for number in range(100)})
        self.cluster.advance(TTL + 2)
        self.assertEqual(len(b.running), 2)
        successor = self.cluster.succeed(a)
        self.cluster.advance(10)
        self.assertEqual(starts(successor), kept)
        b.unhealthy.clear()
        self.cluster.advance(10 + DRAIN)
        self.assertEqual((a.docker.states, len(b.running)), ([], 2))

    def test_leases_revoked(self) -> None:
        """etcd ends the leases of most nodes at once: each takes up what it runs, and nothing is started twice."""
        self.agents.append(self.cluster.add("c"))
        self.cluster.define(definition(instances=6))
        self.cluster.advance(1)
        before = [starts(agent) for agent in self.agents]
        self.assertEqual(self.shares(), [2, 2, 2])
        for agent in self.agents[1:]:
            self.cluster.store.revoke(agent.heartbeat.lease)
        self.cluster.advance(0.5)
        told = self.cluster.claims
        self.assertEqual((len(told), {record.healthy for record in told.values()}), (6, {True}))
        self.cluster.advance(3 * TTL)
        self.assertEqual([starts(agent) for agent in self.agents], before)
        self.assertEqual(Counter(record.node for record in self.cluster.claims.values()), {"a": 2, "b": 2, "c": 2})

    def test_frozen(self) -> None:
        """A node that was frozen beyond its lease finds out that it has lost it, and nothing runs twice for long."""
        self.cluster.define(definition(instances=2))
        self.cluster.advance(1)
        a, b = self.agents
        self.cluster.agents.remove(a)
        self.cluster.advance(TTL + 2)
        self.assertEqual((len(a.running), len(b.running)), (1, 2))
        self.cluster.agents.append(a)
        a.clock.advance(TTL + 2)
        self.cluster.advance(5 + DRAIN)
        self.assertEqual((len(a.running), len(b.running)), (0, 2))

    def test_cordoned(self) -> None:
        """A cordoned node keeps what it has and takes nothing more."""
        self.cluster.define(definition(instances=2))
        self.cluster.advance(1)
        self.cluster.store.put(KEYS.cordon("b"), b"{}")
        self.cluster.define(definition(instances=6))
        self.cluster.advance(2)
        self.assertEqual(self.shares(), [5, 1])

    def test_one_per_node(self) -> None:
        """With OnePerNode the instances that found no node stay free, and one is taken when a node comes."""
        self.cluster.define(definition(instances=3, Placement={"OnePerNode": True}))
        self.cluster.advance(5)
        self.assertEqual((self.shares(), len(self.cluster.claims)), ([1, 1], 2))
        self.agents.append(self.cluster.add("c"))
        self.cluster.advance(5)
        self.assertEqual((self.shares(), len(self.cluster.claims)), ([1, 1, 1], 3))

    def test_idle(self) -> None:
        """Nodes with nothing to do write nothing: a minute costs their beats, and trials whether they could write."""
        self.cluster.define(definition(instances=4, Http=HTTP))
        self.cluster.advance(15)
        revision = self.cluster.store.revision
        self.cluster.store.calls.clear()
        self.cluster.advance(60)
        self.assertEqual(
            (self.cluster.store.revision, set(self.cluster.store.calls)), (revision, {"keep_alive", "trial"})
        )
        self.assertEqual(self.cluster.store.calls.count("trial"), 2)
