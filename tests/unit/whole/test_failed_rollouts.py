"""Whole agents that roll out a definition that does not work: the former one is put back, once, or a person decides."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import Image
from daprdockr.model.stored.entries import Commit, Condition, Delete, Listing, Operation, Prefixes, Put
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.attempts import STEADY
from tests.build.stored import definition_in, events_in, revisions_in, rollout_in
from tests.build.values import HTTP, KEYS, WEB, definition
from tests.fakes.agents import STEP, MemoryAgent, MemoryCluster
from tests.fakes.command_line import LentStore, Outcome, command_line
from tests.fakes.engine import MemoryEngine

WANTED = 4
OLD, NEW = "web:1", "web:2"


def wanted(image: str, **members: Any) -> Definition:
    update = {"MinHealthy": 1, "Deadline": 30, **members.pop("Update", {})}
    return definition(image, instances=WANTED, **{"Http": HTTP, "Update": update, **members})


class OvertakenStore(LentStore):
    """A store that calls ``before`` with the operations of a commit, and keeps what was ``listed``."""

    before: Callable[[Sequence[Operation]], None] = staticmethod(lambda operations: None)

    def __init__(self) -> None:
        super().__init__()
        self.listed: list[Prefixes] = []

    def list(self, prefixes: Prefixes, revision: int = 0) -> Listing:
        self.listed.append(prefixes)
        return super().list(prefixes, revision)

    def commit(self, conditions: Sequence[Condition], operations: Sequence[Operation]) -> Commit:
        self.before(operations)
        return super().commit(conditions, operations)


class Sick(dict[str, str]):
    """The result of the health check of each container that is not of web:1."""

    def __init__(self, engine: MemoryEngine) -> None:
        self.engine = engine

    def get(self, container: str, default: object = None) -> Any:
        old = {one.id for one in self.engine.states if self.engine.body(one.id)["Image"] == OLD}
        return default if container in old else "no"


class FailedRolloutCase(SynchronousTestCase):
    """Nodes ``a`` and ``b`` with four instances of web:1. All others die after ``dies_after`` seconds (None: never)."""

    def setUp(self) -> None:
        self.cluster = MemoryCluster(self)
        self.cluster.store = self.store = OvertakenStore()
        self.a, self.b = self.cluster.add("a"), self.cluster.add("b")
        self.prepare()
        self.dies_after: float | None = None
        self.least_healthy = WANTED
        self.old_digest = wanted(OLD).digest
        self.change(wanted(OLD))
        self.cluster.advance(3)

    def prepare(self) -> None:
        """Change the hosts before anything runs."""

    def provide(self, *images: str) -> None:
        for agent in (self.a, self.b):
            for image in images or (NEW,):
                agent.docker.add_image(image)

    def sicken(self) -> None:
        """Have the health checks of containers of web:2 fail."""
        for agent in (self.a, self.b):
            agent.unhealthy = Sick(agent.docker)

    def change(self, to: Definition) -> None:
        """Have a person store a definition."""
        self.assertEqual(self.line("-stdin", stdin=to.write()).status, 0)

    def line(self, *words: str, stdin: object = None) -> Outcome:
        return command_line(self.store, *words, stdin=json.dumps(stdin).encode())

    def advance(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP)):
            self.cluster.advance(STEP)
            for agent in self.cluster.agents:
                self._kill(agent)
            healthy = [one for one in self.cluster.claims.values() if one.healthy]
            self.least_healthy = min(self.least_healthy, len(healthy))

    def _kill(self, agent: MemoryAgent) -> None:
        for one in (one for one in agent.running if one.definition != self.old_digest):
            if self.dies_after is not None and agent.docker.now >= one.started + self.dies_after:
                agent.docker.log(one.id, b"one\ntwo\n")
                agent.docker.crash(one.id, 3)

    @property
    def present(self) -> Definition:
        return definition_in(self.store)

    @property
    def record(self) -> RolloutRecord | None:
        return rollout_in(self.store)

    @property
    def authors(self) -> list[str]:
        return [one.record.by.split("@")[0] for one in revisions_in(self.store).revisions]

    @property
    def slots(self) -> list[str]:
        return [one.key for one in self.store.list(KEYS.rollout(WEB) + "/slots/").entries]

    def running(self) -> Counter[str]:
        return Counter(one.definition for agent in self.cluster.agents for one in agent.running)

    def assert_runs(self, of: Definition) -> None:
        """All run from this definition, healthy, and no slot is kept."""
        self.assertEqual((self.present.digest, self.running(), self.slots), (of.digest, {of.digest: WANTED}, []))
        self.assertEqual(sum(one.healthy for one in self.cluster.claims.values()), WANTED)

    def assert_reverted(self, reason: str) -> RolloutRecord:
        """Everything is as it was before, by one revision, and a second attempt is not made."""
        self.assertEqual(self.present, wanted(OLD))
        self.advance(15)
        self.assert_runs(wanted(OLD))
        self.assertEqual(len(self.authors), 3)
        self.assertTrue(self.authors[-1].startswith("revert by node "), self.authors)
        record = self.record
        assert record is not None
        self.assertEqual((record.state, record.before), (RolloutState.REVERTED, wanted(OLD).digest))
        self.assertIn(reason, record.reason)
        events = events_in(self.store)
        told = [one for one in events if one.subject == str(WEB) and "was reverted" in one.text]
        self.assertEqual([one.lines for one in told], [record.lines])
        return record


class RevertTests(FailedRolloutCase):
    def test_no_image(self) -> None:
        """An image that its registry does not have puts the former definition back, and touches no container."""
        before = [one.id for agent in self.cluster.agents for one in agent.running]
        self.change(wanted(NEW))
        self.advance(1)
        self.assert_reverted("manifest unknown")
        self.assertEqual([one.id for agent in self.cluster.agents for one in agent.running], before)
        self.assertEqual(self.least_healthy, WANTED)

    def test_exits_at_once(self) -> None:
        """So does a program that ends at once; its last lines are kept and shown."""
        self.provide()
        self.dies_after = 0.1
        self.change(wanted(NEW))
        self.advance(2)
        record = self.assert_reverted("exit status 3: two")
        self.assertEqual((record.lines, record.instance), (("one", "two"), "1.web.myapp"))
        self.assertEqual(self.least_healthy, WANTED)
        for words in (("wait", "web.myapp"), ("status", "web.myapp")):
            said = self.line(*words)
            self.assertEqual(said.status, 1, said)
            self.assertIn("was reverted: 1.web.myapp on", said.stderr)
            self.assertIn("  two\n", said.stdout + said.stderr)
        events = self.line("events").stdout
        self.assertIn("the rollout was reverted: 1.web.myapp on", events)

    def test_cannot_start(self) -> None:
        """So does a container that the Engine does not start."""
        self.provide()
        for agent in (self.a, self.b):
            agent.docker.broken_images.add(NEW)
        self.change(wanted(NEW))
        self.advance(6)
        self.assert_reverted("executable file not found")
        self.assertEqual(self.least_healthy, WANTED)

    def test_dies_after_it_took_over(self) -> None:
        """A program that is healthy for longer than ``MinHealthy``, and then dies, is replaced by the former one."""
        self.provide()
        self.dies_after = 3
        self.change(wanted(NEW))
        self.advance(5)
        self.assert_reverted("exit status 3")
        self.assertGreaterEqual(self.least_healthy, WANTED - 1)

    def test_last_one_dies(self) -> None:
        """So is one that dies when all the others had been replaced."""
        self.provide()
        self.change(wanted(NEW))
        self.advance(8)
        self.assert_runs(wanted(NEW))
        self.dies_after = 0
        self.advance(STEP)
        self.dies_after = None
        self.advance(3)
        self.assert_reverted("exit status 3")

    def test_never_healthy(self) -> None:
        """A container that is not healthy within ``Deadline`` ends the rollout, with what its check found."""
        self.provide()
        self.sicken()
        self.change(wanted(NEW))
        self.advance(28)
        self.assertEqual(self.present.container.image, NEW)
        self.advance(4)
        self.assert_reverted("not healthy within 30 s: nothing answers on port 8080")
        self.assertEqual(self.least_healthy, WANTED)

    def test_seen_by_both(self) -> None:
        """Two nodes that see a failure at once put the former definition back once."""
        self.provide()
        self.dies_after = 0.1
        self.change(wanted(NEW, Update={"Parallelism": 4}))
        self.advance(2)
        self.assert_reverted("exit status 3")
        self.assertEqual(self.least_healthy, WANTED)

    def test_killed(self) -> None:
        """A death that may be a kill from outside is not the program's fault the first time."""
        self.provide()
        self.change(wanted(NEW))
        self.advance(1)
        (agent, one) = next((a, c) for a in (self.a, self.b) for c in a.running if c.definition == wanted(NEW).digest)
        agent.docker.crash(one.id, 137)
        self.advance(20)
        self.assert_runs(wanted(NEW))

    def test_remedy_never_healthy(self) -> None:
        """Nor is a definition that a person stores in place of a paused one, where the old container went first."""
        there: dict[str, Any] = {"Container": {"Volumes": ["data:/data"]}}
        self.change(wanted(OLD, **there))
        self.old_digest = wanted(OLD, **there).digest
        self.advance(40)
        self.provide(NEW, "web:3")
        self.dies_after = 0.1
        self.change(wanted(NEW, **there, Update={"OnFailure": "pause"}))
        self.advance(10)
        self.assertIsNotNone(self.record)
        self.dies_after = None
        self.sicken()
        self.change(wanted("web:3", **there))
        self.advance(35)
        assert self.record is not None
        self.assertIn("not healthy within 30 s: nothing answers on port 8080", self.record.reason)
        self.assertEqual(self.present, wanted(OLD, **there))

    def test_newer_change(self) -> None:
        """A definition that a person stores meanwhile is not undone."""
        self.provide(NEW, "web:3")
        self.dies_after = 0.1
        self.change(wanted(NEW))
        self.store.before = lambda operations: self.overtake(operations)
        self.advance(20)
        self.assert_runs(wanted("web:3"))
        self.assertIsNone(self.record)

    def overtake(self, operations: Sequence[Operation]) -> None:
        if any(one.key == KEYS.rollout(WEB) for one in operations):
            self.store.before, self.dies_after = lambda operations: None, None
            self.change(wanted("web:3"))

    def test_stored_again(self) -> None:
        """A person may try the same definition again; it is not judged by what happened before."""
        self.provide()
        self.dies_after = 0.1
        self.change(wanted(NEW))
        self.advance(2)
        self.assert_reverted("exit status 3")
        self.dies_after = None
        self.change(wanted(NEW))
        self.advance(15)
        self.assert_runs(wanted(NEW))

    def test_way_back_fails(self) -> None:
        """If the former definition fails too, nothing is put back again: a person decides."""
        self.provide()
        self.dies_after = 3
        self.change(wanted(NEW))
        self.advance(2)
        for agent in (self.a, self.b):
            agent.docker.broken_images.add(OLD)
        self.advance(30)
        record = self.record
        assert record is not None
        self.assertEqual((self.present, record.state), (wanted(OLD), RolloutState.FAILED))
        self.assertIn("reverted once", record.reason)
        self.assertEqual(len(self.authors), 3)

    def test_answer_lost(self) -> None:
        """If the answer to the transaction is lost its event is recorded nevertheless, once."""
        self.provide()
        self.dies_after = 0.1
        self.change(wanted(NEW))
        self.store.before = lambda operations: self.lose(operations)
        self.advance(8)
        self.assert_reverted("exit status 3")

    def lose(self, operations: Sequence[Operation]) -> None:
        self.store.loses_answers = any(one.key == KEYS.rollout(WEB) for one in operations)

    def test_no_rights(self) -> None:
        """An agent that may not write definitions pauses the rollout, and says once which right it lacks."""
        self.provide()
        self.dies_after = 0.1
        self.change(wanted(NEW))
        self.store.forbidden = (KEYS.services,)
        self.advance(20)
        record = self.record
        assert record is not None
        self.assertEqual((record.state, self.present.container.image), (RolloutState.PAUSED, NEW))
        self.assertIn("grant readwrite on /daprdockr/services/ and /daprdockr/history/", record.reason)
        events = [event.text for event in events_in(self.store)]
        self.assertEqual(len([text for text in events if "grant readwrite" in text]), 1)
        self.assertEqual(self.least_healthy, WANTED)


class RestartedTests(FailedRolloutCase):
    """A restart with a bad image goes back to the one that ran before, not to the tag, and touches no other one."""

    def prepare(self) -> None:
        self.publish("first")
        for agent in (self.a, self.b):
            agent.docker.pull(OLD)
        self.good = f"web@{self.a.docker.images[OLD].digest}"

    def publish(self, image: str) -> None:
        """From now on the tag leads to this image in the registry."""
        for agent in (self.a, self.b):
            agent.docker.publish(OLD, Image(id=image))

    def assert_goes_back(self) -> None:
        before = {one.id for agent in (self.a, self.b) for one in agent.running}
        self.dies_after = 0.1
        self.assertEqual(self.line("restart", "web.myapp").status, 0)
        self.advance(5)
        self.assert_runs(wanted(OLD))
        self.assertEqual({one.id for agent in (self.a, self.b) for one in agent.running}, before)
        self.assertIn("second", [agent.docker.images[OLD].id for agent in (self.a, self.b)])
        for agent in (self.a, self.b):
            agent.docker.remove(agent.running[0].id)
        self.advance(3)
        bodies = [agent.docker.body(one.id) for agent in (self.a, self.b) for one in agent.running]
        self.assertEqual(Counter(body["Image"] for body in bodies), {OLD: 2, self.good: 2})
        self.assert_runs(wanted(OLD))

    def test_alone(self) -> None:
        """So does that of the only service with the tag."""
        self.publish("second")
        self.assert_goes_back()

    def test_after_another(self) -> None:
        """So does that of a service whose tag leads to the bad image on the hosts already, by another one's restart."""
        self.publish("second")
        for agent in (self.a, self.b):
            agent.docker.pull(OLD)
        self.assert_goes_back()


class PauseTests(FailedRolloutCase):
    def pause(self) -> None:
        self.provide()
        self.dies_after = 0.1
        self.change(wanted(NEW, Update={"OnFailure": "pause"}))
        self.advance(10)
        record = self.record
        assert record is not None
        self.assertEqual((record.state, record.lines), (RolloutState.PAUSED, ("one", "two")))
        self.assertEqual((self.present.container.image, self.least_healthy), (NEW, WANTED))
        self.assertEqual(self.running()[wanted(OLD).digest], WANTED)

    def test_resume(self) -> None:
        """A rollout that was paused goes on when a person resumes it, and is judged anew."""
        self.pause()
        self.dies_after = None
        said = self.line("resume", "web.myapp")
        self.assertEqual((said.status, said.stdout), (0, "the rollout of web.myapp goes on\n"))
        self.advance(30)
        self.assert_runs(wanted(NEW))
        self.assertIsNone(self.record)

    def test_resumed_before_a_late_stop(self) -> None:
        """A request to stop it that arrives only after a person has resumed it does not stop it again."""
        self.provide()
        self.dies_after = 0.1
        self.change(wanted(NEW, Update={"OnFailure": "pause"}))
        self.store.before = self.stop_and_resume
        self.advance(10)
        self.assertIsNone(self.record)
        self.assert_runs(wanted(NEW))

    def stop_and_resume(self, operations: Sequence[Operation]) -> None:
        """While the first request is on its way, another node stops the rollout, and a person resumes it."""
        written = [one for one in operations if one.key == KEYS.rollout(WEB) and isinstance(one, Put)]
        if written:
            self.store.before, self.dies_after = lambda operations: None, None
            self.store.put(KEYS.rollout(WEB), written[0].value)
            self.assertEqual(self.line("resume", "web.myapp").stdout, "the rollout of web.myapp goes on\n")

    def test_resumed_in_vain(self) -> None:
        """It is paused again if it fails again."""
        self.pause()
        self.line("resume", "web.myapp")
        self.assertIsNone(self.record)
        self.advance(30)
        self.assertIsNotNone(self.record)

    def test_rollback(self) -> None:
        """It ends when a person goes back."""
        self.pause()
        self.assertEqual(self.line("rollback", "web.myapp").status, 0)
        self.advance(10)
        self.assert_runs(wanted(OLD))
        self.assertIsNone(self.record)

    def test_stops_half_way(self) -> None:
        """While it waits no other instance is replaced."""
        self.provide()
        self.change(wanted(NEW, Update={"OnFailure": "pause"}))
        self.advance(3)
        self.dies_after = 0
        self.advance(STEP)
        self.dies_after = None
        self.advance(3)
        self.assertIsNotNone(self.record)
        before = self.running()
        self.advance(30)
        self.assertEqual(self.running(), before)
        self.assertGreater(before[wanted(OLD).digest], 0)

    def test_nothing_good_before(self) -> None:
        """Without a revision that was healthy there is nothing to go back to."""
        self.store.commit([], [Delete(one.key) for one in self.store.list(KEYS.history(WEB)).entries])
        self.provide()
        self.dies_after = 0.1
        self.cluster.define(wanted(NEW))
        self.advance(5)
        record = self.record
        assert record is not None
        self.assertEqual((record.state, self.present.container.image), (RolloutState.FAILED, NEW))
        self.assertIn("no other revision is known to be good", record.reason)


class AwayTests(FailedRolloutCase):
    def test_registry(self) -> None:
        """A registry that does not answer fails nothing: the rollout says so, and goes on when it is back."""
        for agent in (self.a, self.b):
            agent.docker.registry_away = True
        self.change(wanted(NEW, Update={"Deadline": 5}))
        self.advance(10)
        self.assertIsNone(self.record)
        reasons = {one.reason for one in self.cluster.claims.values()}
        self.assertEqual(
            reasons, {"the changed definition waits for its image: 'web:2' could not be pulled: no such host"}
        )
        for agent in (self.a, self.b):
            agent.docker.registry_away = False
            agent.docker.add_image(NEW, local=False)
        self.advance(25)
        self.assert_runs(wanted(NEW, Update={"Deadline": 5}))
        self.assertEqual(self.least_healthy, WANTED)

    def test_etcd(self) -> None:
        """The deadline does not run while etcd is away."""
        self.provide()
        self.sicken()
        self.change(wanted(NEW))
        self.advance(25)
        self.store.unavailable = True
        self.cluster.advance(40)
        self.store.unavailable = False
        self.advance(2)
        self.assertIsNone(self.record)
        self.advance(60)
        self.assertIsNotNone(self.record)


class GoodTests(FailedRolloutCase):
    @property
    def good(self) -> list[bool]:
        return [one.record.good for one in revisions_in(self.store).revisions]

    def test_marked(self) -> None:
        """A revision is marked as good when the service has been healthy with it as a whole, by one node, once."""
        self.assertEqual(self.good, [False])
        self.advance(STEADY)
        self.assertEqual(self.good, [True])
        self.provide()
        self.change(wanted(NEW))
        self.advance(5)
        self.assertEqual(self.good, [True, False])
        self.advance(5 + STEADY)
        revision = self.store.revision
        self.assertEqual(self.good, [True, True])
        self.store.calls.clear()
        self.cluster.advance(20)
        self.assertEqual((self.store.revision, self.store.calls.count("list")), (revision, 0))

    def test_new_agent(self) -> None:
        """An agent that begins when all is well reads no history."""
        self.cluster.advance(STEADY)
        self.cluster.stop(self.a)
        self.store.listed.clear()
        self.cluster.succeed(self.a)
        self.cluster.advance(3 + STEADY)
        self.assertNotIn(KEYS.history(WEB), self.store.listed)
