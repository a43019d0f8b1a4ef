"""Whole agents that begin without the last known state: no container goes because it was forgotten."""

from __future__ import annotations

from twisted.logger import capturedLogs

from tests.build.snapshots import ALL, SnapshotCase, api
from tests.build.values import API, WEB, definition
from tests.build.whole import TTL, names, starts
from tests.fakes.agents import MemoryAgent


class ForgottenCase(SnapshotCase):
    """The agent is gone, and what it knew is damaged."""

    SETTLED = 5.0

    def leave(self) -> None:
        """The agent ends, and its lease; what it knew is damaged."""
        self.cluster.stop(self.agent)
        (self.agent.state.path / "cluster.json").write_bytes(b"{")
        self.cluster.advance(TTL + 1)

    def come(self, seconds: float = 40) -> MemoryAgent:
        self.agent = self.cluster.succeed(self.agent)
        self.cluster.advance(seconds)
        return self.agent

    def assert_doubted(self, reason: str) -> None:
        """It runs on what it ran, and says why."""
        self.assertEqual(starts(self.agent), self.before)
        self.assertFalse(self.agent.mirror.in_touch)
        self.assertIn(reason, self.agent.mirror.trouble)


class RestoredTests(ForgottenCase):
    """Etcd was restored meanwhile."""

    def test_definition_lost(self) -> None:
        """A container of a service that is not defined stays, one line says why, and so it is for the next agent."""
        self.leave()
        self.restore()
        with capturedLogs() as logged:
            self.come()
        self.assert_doubted("it does not define api.myapp, and a container of 1.api.myapp is here")
        self.assertEqual(len([e for e in logged if "out of touch" in e["log_format"]]), 1)
        self.cluster.stop(self.agent)
        self.come()
        self.assert_doubted("it does not define api.myapp")

    def test_definition_older(self) -> None:
        """One that was made from a younger definition is not replaced by an older one."""
        self.cluster.define(definition(Container={"Image": "web:1", "Cmd": ["new"]}))
        self.cluster.delete(API)
        self.cluster.advance(10)
        self.before = starts(self.agent)
        self.assertEqual(names(self.agent), ["1.web.myapp"])
        self.leave()
        self.restore()
        self.come()
        self.assert_doubted("its definition of web.myapp is from revision")

    def test_scaled_up_since(self) -> None:
        """Instances beyond the number of an older definition stay."""
        self.cluster.delete(API)
        self.cluster.define(definition(instances=3))
        self.cluster.advance(5)
        self.before = starts(self.agent)
        self.assertEqual(len(self.before), 3)
        self.leave()
        self.restore()
        self.come()
        self.assert_doubted("(and 1 more like it)")

    def test_engine_later(self) -> None:
        """Nor does it matter which of the two lists comes last, and whether the agent begins anew in between."""
        self.leave()
        self.restore()
        self.agent.docker.unavailable = True
        self.come()
        self.assertTrue(self.agent.mirror.in_touch)
        self.cluster.stop(self.agent)
        self.come()
        self.agent.docker.unavailable = False
        self.cluster.advance(40)
        self.assert_doubted("it does not define api.myapp")

    def test_not_running(self) -> None:
        """A host that was booted anew keeps what it can start again."""
        self.leave()
        self.restore()
        for container in self.agent.running:
            self.agent.docker.crash(container.id)
        self.come()
        self.assertIn("it does not define api.myapp", self.agent.mirror.trouble)
        self.assertEqual(sorted(str(state.instance) for state in self.agent.docker.states), ALL)
        self.assertIn("a would remove 1.api.myapp: api.myapp is not defined\n", self.trust())

    def test_trusted(self) -> None:
        """A person ends the doubt: what was shown goes, the rest stays, and the next agent is in touch."""
        self.leave()
        self.store.restore(self.snapshot)  # still behind the revisions of the containers
        self.come(4)
        self.cluster.stop(self.agent)
        self.come(4)
        shown = self.trust()
        self.assertIn("a would remove 1.api.myapp: api.myapp is not defined\n", shown)
        self.assertIn("a would keep 1 others", shown)
        self.cluster.advance(TTL)
        self.assertEqual((self.agent.mirror.trouble, names(self.agent)), ("", ["1.web.myapp"]))
        self.assertEqual(starts(self.agent), self.before[1:])
        self.cluster.stop(self.agent)
        self.come()
        self.assertEqual((self.agent.mirror.trouble, names(self.agent)), ("", ["1.web.myapp"]))

    def test_set_again(self) -> None:
        """A service that is set again keeps its container, and nothing would be removed."""
        self.leave()
        self.restore()
        self.come()
        self.cluster.define(api())
        shown = self.trust()
        self.assertIn("a would keep 2 others", shown)
        self.assertNotIn("remove", shown)
        self.cluster.advance(TTL)
        self.assertEqual((self.agent.mirror.trouble, starts(self.agent)), ("", self.before))


class SameHistoryTests(ForgottenCase):
    """Etcd is what it was."""

    def test_nothing_missing(self) -> None:
        """An agent that forgot everything goes on with all it runs, and remembers."""
        self.leave()
        self.come()
        self.assertEqual((self.agent.mirror.trouble, starts(self.agent)), ("", self.before))
        self.assertIsNotNone(self.agent.state.read_listing())
        self.cluster.delete(API)
        self.cluster.advance(2)
        self.assertEqual(names(self.agent), ["1.web.myapp"])

    def test_changed_meanwhile(self) -> None:
        """A younger definition is carried out."""
        self.leave()
        self.cluster.define(definition(Container={"Image": "web:1", "Cmd": ["new"]}))
        self.come()
        self.assertEqual((self.agent.mirror.trouble, names(self.agent)), ("", ALL))
        self.assertNotIn(self.before[1], starts(self.agent))

    def test_deleted_meanwhile(self) -> None:
        """A service that was deleted looks like one that was lost: a person decides."""
        self.leave()
        self.cluster.delete(API)
        self.come()
        self.assert_doubted("it does not define api.myapp")

    def test_deleted_while_claimed(self) -> None:
        """Unless the claim still names the container: then etcd has seen both."""
        self.cluster.stop(self.agent)
        (self.agent.state.path / "cluster.json").write_bytes(b"{")
        self.cluster.delete(API)
        self.come()
        self.assertEqual((self.agent.mirror.trouble, names(self.agent)), ("", ["1.web.myapp"]))

    def test_deleted_before_the_engine(self) -> None:
        """A deletion that is seen counts, though the containers are listed later."""
        self.leave()
        self.agent.docker.unavailable = True
        self.come()
        self.cluster.delete(API)
        self.cluster.advance(1)
        self.agent.docker.unavailable = False
        self.cluster.advance(40)
        self.assertEqual((self.agent.mirror.trouble, names(self.agent)), ("", ["1.web.myapp"]))

    def test_copy(self) -> None:
        """A copy that somebody made of a container bears no witness: it is left alone anyway."""
        (container, _), _ = self.before
        self.agent.docker.commit(container, "copy:1")
        copy = self.agent.docker.create("by-hand", {"Image": "copy:1"})
        self.agent.docker.run_by_hand(copy)
        self.cluster.delete(API)
        self.cluster.advance(2)
        self.leave()
        self.come()
        self.assertEqual(self.agent.mirror.trouble, "")
        self.assertTrue(self.agent.docker.everything[copy].running)

    def test_remembered(self) -> None:
        """An agent that has its knowledge needs no witnesses: a deletion while it was away is carried out."""
        self.cluster.stop(self.agent)
        self.cluster.delete(WEB)
        self.cluster.advance(TTL + 1)
        self.come()
        self.assertEqual((self.agent.mirror.trouble, names(self.agent)), ("", ["1.api.myapp"]))

    def test_clean_host(self) -> None:
        """A first agent on a host without containers is in touch at once, and remembers."""
        other = self.cluster.add("b")
        self.cluster.advance(3)
        self.assertTrue(other.mirror.in_touch)
        self.assertIsNotNone(other.state.read_listing())
