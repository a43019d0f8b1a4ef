"""Whole agents, and an etcd that is restored from a snapshot: nothing is stopped because of what was lost."""

from __future__ import annotations

from tests.build.snapshots import ALL, SnapshotCase, api
from tests.build.values import API, KEYS, WEB, definition
from tests.build.whole import MARKED, names, starts
from tests.fakes.agents import MemoryAgent


class RestoredCase(SnapshotCase):
    """The doubt of agents that know what the snapshot lacks."""

    def list_all(self) -> None:
        for agent in self.cluster.agents:
            agent.follower.list_again()
        self.cluster.advance(1)

    def assert_doubted(self, agent: MemoryAgent) -> None:
        """It runs on what it ran, and says why."""
        self.assertEqual(starts(agent), self.before)
        self.assertFalse(agent.mirror.in_touch)
        self.assertIn("frozen", agent.mirror.trouble)


class ConnectedTests(RestoredCase):
    """The agent is there when it happens."""

    def test_listed(self) -> None:
        """A list that lacks a definition known is not believed, though its revision is larger."""
        self.restore()
        self.list_all()
        self.assert_doubted(self.agent)
        self.assertIn("never held", self.agent.mirror.trouble)

    def test_compacted(self) -> None:
        """Neither is it when what was before cannot be looked up, as after a restore with a bumped revision."""
        self.restore(bump=1000)
        self.list_all()
        self.assert_doubted(self.agent)

    def test_compacted_after_a_mark(self) -> None:
        """Nor if the definition had been there for long."""
        self.cluster.advance(MARKED)
        self.restore(bump=1000)
        self.list_all()
        self.assert_doubted(self.agent)
        self.assertIn("marks", self.agent.mirror.trouble)

    def test_watched(self) -> None:
        """A watch that goes on in the restored etcd, and marks that others leave there, prove nothing."""
        self.restore()
        self.cluster.advance(1)
        self.cluster.add("b")
        self.cluster.define(definition(Name="new"))
        self.cluster.advance(2 * MARKED)
        self.assertEqual([c for c in starts(self.agent) if c in self.before], self.before)
        self.list_all()
        self.assertEqual([c for c in starts(self.agent) if c in self.before], self.before)
        self.assertIn("frozen", self.agent.mirror.trouble)

    def test_went_back(self) -> None:
        """A smaller revision is doubted at once, and for good: after others wrote, and by the next agent."""
        self.store.restore(self.snapshot)
        self.cluster.advance(1)
        self.assert_doubted(self.agent)
        for number in range(100):
            self.store.put("/others", b"%d" % number)
        self.list_all()
        self.assert_doubted(self.agent)
        self.cluster.stop(self.agent)
        agent = self.cluster.succeed(self.agent)
        self.cluster.advance(30)
        self.assert_doubted(agent)

    def test_definition_back(self) -> None:
        """A definition that was deleted after the snapshot, and is there again, is not carried out."""
        self.cluster.delete(WEB)
        self.cluster.advance(1)
        self.before = starts(self.agent)
        self.assertEqual(names(self.agent), ALL[:1])
        self.cluster.delete(API)
        self.cluster.advance(1)
        self.before = []
        self.restore()
        self.list_all()
        self.assert_doubted(self.agent)


class AwayTests(RestoredCase):
    """The agent comes when all is over."""

    def come(self) -> MemoryAgent:
        agent = self.cluster.succeed(self.agent)
        self.cluster.advance(10)
        return agent

    def test_restored(self) -> None:
        """It does not believe a history that lacks what it knows."""
        for bump in (0, 1000):
            self.cluster.advance(5)
            self.cluster.crash(self.agent)
            self.restore(bump)
            self.agent = self.come()
            self.assert_doubted(self.agent)

    def test_restored_after_a_mark(self) -> None:
        """Nor one that lacks a mark."""
        self.cluster.advance(MARKED)
        self.cluster.crash(self.agent)
        self.restore(bump=1000)
        self.assert_doubted(self.come())

    def test_deleted(self) -> None:
        """A definition that was deleted meanwhile is gone, whether the agent can look up what was before or not."""
        for compacted in (False, True):
            self.cluster.define(api())
            self.cluster.advance(MARKED)
            self.cluster.stop(self.agent)
            self.cluster.advance(20)
            self.cluster.delete(API)
            if compacted:
                self.store.compact(self.store.put("/others", b""))
            self.agent = self.come()
            self.assertTrue(self.agent.mirror.in_touch, self.agent.mirror.trouble)
            self.assertEqual(names(self.agent), ["1.web.myapp"])

    def test_deleted_before_a_mark(self) -> None:
        """One that was set just before the agent left is gone if etcd still knows that it was there, else doubted."""
        self.cluster.advance(3)
        self.cluster.stop(self.agent)
        self.cluster.delete(API)
        self.agent = self.come()
        self.assertEqual(names(self.agent), ["1.web.myapp"])

        self.cluster.define(api())
        self.cluster.advance(3)
        self.cluster.stop(self.agent)
        self.before = starts(self.agent)
        self.cluster.delete(API)
        self.store.compact(self.store.put("/others", b""))
        self.assert_doubted(self.come())


class TrustTests(RestoredCase):
    """``trust-etcd`` ends the doubt."""

    def doubt(self) -> None:
        self.restore()
        self.list_all()
        self.assert_doubted(self.agent)

    def assert_trusts(self, agent: MemoryAgent, *instances: str) -> None:
        self.assertEqual((agent.mirror.trouble, names(agent)), ("", list(instances)))
        self.assertIsNone(agent.state.read_doubt())

    def test_trusted(self) -> None:
        """Services that the restored etcd does not define go, as was shown; the rest stays, and work goes on."""
        self.doubt()
        self.assertIn("a would remove 1.api.myapp: api.myapp is not defined\n", self.trust())
        self.assert_trusts(self.agent, "1.web.myapp")
        self.assertEqual(starts(self.agent), self.before[1:])
        self.assertIsNone(self.store.get(KEYS.doubt("a")))
        self.cluster.define(definition(instances=2))
        self.cluster.advance(8)
        self.assert_trusts(self.agent, "1.web.myapp", "2.web.myapp")
        self.cluster.stop(self.agent)
        agent = self.cluster.succeed(self.agent)
        self.cluster.advance(5)
        self.assert_trusts(agent, "1.web.myapp", "2.web.myapp")

    def test_not_confirmed(self) -> None:
        """Without a yes nothing changes."""
        self.doubt()
        self.trust(yes=False)
        self.assert_doubted(self.agent)

    def test_set_again(self) -> None:
        """A missing service can be set again first: then nothing is touched."""
        self.doubt()
        self.cluster.define(api())
        self.assertNotIn("remove", self.trust())
        self.assert_trusts(self.agent, *ALL)
        self.assertEqual(starts(self.agent), self.before)

    def test_old_word(self) -> None:
        """An answer to a doubt that comes back with a snapshot ends no younger doubt."""
        self.doubt()
        self.trust()
        self.cluster.advance(MARKED)
        self.snapshot = self.store.snapshot()
        self.cluster.define(api())
        self.cluster.advance(1)
        self.before = starts(self.agent)
        self.assertEqual(names(self.agent), ALL)
        self.doubt()

    def test_away(self) -> None:
        """An agent that is away when the word is given asks for itself when it comes."""
        self.cluster.stop(self.agent)
        self.restore()
        self.assertIn("no agent", self.trust())
        agent = self.cluster.succeed(self.agent)
        self.cluster.advance(10)
        self.assert_doubted(agent)
        self.trust()
        self.assert_trusts(agent, "1.web.myapp")

    def test_started_anew(self) -> None:
        """An agent that doubted, and starts after the word was given, takes it."""
        self.doubt()
        self.cluster.advance(5)
        self.cluster.stop(self.agent)
        self.trust()
        agent = self.cluster.succeed(self.agent)
        self.cluster.advance(10)
        self.assert_trusts(agent, "1.web.myapp")

    def test_wiped(self) -> None:
        """In an etcd that lost everything, nothing of the former one is touched; what is set again is taken up."""
        self.store.wipe()
        self.cluster.advance(15)
        self.assert_doubted(self.agent)
        self.assertIn("a would leave 2 alone", self.trust())
        self.assertEqual(starts(self.agent), self.before)
        self.cluster.define(definition())
        self.cluster.define(api())
        self.cluster.advance(5)
        self.assert_trusts(self.agent, *ALL)
        self.assertEqual(starts(self.agent), self.before)
        self.assertEqual(len(self.cluster.claims), 2)

    def test_several_nodes(self) -> None:
        """Nothing starts a second time, though all nodes' claims are lost and one receives the answer later."""
        other = self.cluster.add("b")
        self.cluster.define(definition(instances=6))
        self.cluster.advance(5)
        both = (self.agent, other)
        self.assertEqual([len(agent.running) for agent in both], [4, 3])
        before = starts(*both)
        self.store.restore(self.snapshot)
        self.cluster.define(definition(instances=6))
        self.cluster.define(api())
        self.cluster.advance(10)
        for agent in both:
            self.assertIn("frozen", agent.mirror.trouble)
        self.agent.follower.running = False
        self.trust()
        self.cluster.advance(1)
        self.assertTrue(other.mirror.in_touch)
        self.agent.follower.running = True
        self.cluster.advance(30)
        self.assertEqual(starts(*both), before)
        self.assertEqual(len(self.cluster.claims), 7)
