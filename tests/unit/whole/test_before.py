"""Whole agents with a command before each rollout: nothing begins before it has succeeded."""

from __future__ import annotations

from typing import Any

from attrs import evolve

from daprdockr.model.host import ContainerState, Image
from daprdockr.model.stored.history import RevisionRecord
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.stored.run import RunRecord, RunState
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.keeping.preceding import owed
from tests.build.stored import definition_in
from tests.build.values import KEYS, WEB, definition, named
from tests.build.whole import WholeCase

MIGRATE: dict[str, Any] = {"Before": {"Cmd": ["migrate"]}}


class BeforeTests(WholeCase):
    """The service ``web.myapp`` on one node, with two images."""

    def setUp(self) -> None:
        super().setUp()
        self.agent.docker.add_image("web:2")

    def store(self, wanted: Definition, number: int, good: bool = False) -> None:
        """Store a definition with its revision."""
        self.cluster.store.put(KEYS.revision(WEB, number), RevisionRecord(wanted, good=good).encode())
        self.cluster.define(wanted)
        self.cluster.advance(2)

    def serving(self) -> list[ContainerState]:
        return [one for one in self.agent.running if not one.run]

    def before(self) -> list[ContainerState]:
        return [one for one in self.agent.running if one.run]

    def runs(self) -> list[RunRecord]:
        entries = self.cluster.store.list(KEYS.runs(WEB)).entries
        return [RunRecord.decode(one.value) for one in entries]

    def wanted(self) -> Definition:
        """The definition that is stored now."""
        return definition_in(self.cluster.store)

    def end(self, status: int = 0, log: bytes = b"") -> None:
        for one in self.before():
            self.agent.docker.log(one.id, log)
            self.agent.docker.crash(one.id, status)
        self.cluster.advance(3)

    def test_first(self) -> None:
        """No instance starts before the command has succeeded, which runs in a container of the new definition."""
        self.store(definition(instances=2, **MIGRATE), 1)
        self.assertEqual(self.serving(), [])
        (run,) = self.before()
        body: Any = self.agent.docker.body(run.id)
        self.assertEqual((body["Cmd"], body["HostConfig"]["PortBindings"]), (["migrate"], {}))
        self.assertIn("waits for its Before", {one.reason for one in self.cluster.claims.values()})
        self.end()
        self.assertEqual(len(self.serving()), 2)
        self.cluster.advance(60)
        self.assertEqual(len(self.runs()), 1)

    def test_change(self) -> None:
        """At a change the old containers go on until it has succeeded, once; then they are replaced."""
        self.store(definition(instances=2), 1, good=True)
        old = {one.id for one in self.serving()}
        self.store(definition("web:2", instances=2, **MIGRATE), 2)
        self.cluster.advance(30)
        self.assertEqual({one.id for one in self.serving()}, old)
        self.assertEqual(len(self.before()), 1)
        self.end()
        self.cluster.advance(40)
        self.assertEqual(len({one.id for one in self.serving()} - old), 2)
        self.assertEqual(len(self.runs()), 1)

    def test_after(self) -> None:
        """Before the first start it waits for the services in ``After``, as instances do."""
        self.store(definition(instances=1, After=["db"], **MIGRATE), 1)
        self.cluster.advance(10)
        self.assertEqual(self.runs(), [])
        self.cluster.define(named("db", 1, "web:1"))
        self.cluster.advance(30)
        self.assertEqual(len(self.before()), 1)

    def test_full(self) -> None:
        """It runs though the only node has no room for another instance: the host port is that of the old one."""
        port: dict[str, Any] = {"Container": {"HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": "8080"}]}}}}
        self.store(definition(instances=1, **port), 1, good=True)
        self.store(definition("web:2", instances=1, **port, **MIGRATE), 2)
        self.assertEqual(len(self.before()), 1)

    def test_fails(self) -> None:
        """If it fails, the rollout does not begin: the former definition is put back, and its containers go on."""
        first = definition(instances=2)
        self.store(first, 1, good=True)
        old = {one.id for one in self.serving()}
        self.store(definition("web:2", instances=2, **MIGRATE), 2)
        self.end(status=3, log=b"no such table\n")
        self.cluster.advance(30)
        self.assertEqual({one.id for one in self.agent.running}, old)
        entry, record = self.cluster.store.get(KEYS.service(WEB)), self.cluster.store.get(KEYS.rollout(WEB))
        assert entry is not None and record is not None
        self.assertEqual(Definition.parse(entry.value), first)
        stopped = RolloutRecord.decode(record.value)
        self.assertEqual(
            (stopped.state, stopped.reason), (RolloutState.REVERTED, "Before failed: exit status 3 (run 1)")
        )
        self.assertEqual((stopped.run, stopped.lines), (1, ("no such table",)))

    def test_fails_at_first(self) -> None:
        """Without a definition to go back to nothing starts, and the reason is there; another change tries again."""
        self.store(definition(instances=1, **MIGRATE), 1)
        self.end(status=3)
        self.cluster.advance(30)
        self.assertEqual(self.agent.running, [])
        record = self.cluster.store.get(KEYS.rollout(WEB))
        assert record is not None
        self.assertEqual(RolloutRecord.decode(record.value).state, RolloutState.FAILED)
        self.store(definition("web:2", instances=1, **MIGRATE), 2)
        self.end()
        self.assertEqual(len(self.serving()), 1)

    def test_stored_again(self) -> None:
        """The same definition, stored again when the database was mended, gets a run of its own."""
        first, second = definition(instances=1), definition("web:2", instances=1, **MIGRATE)
        self.store(first, 1, good=True)
        self.store(second, 2)
        self.end(status=3)
        self.cluster.advance(10)
        self.assertEqual(self.wanted(), first)
        self.store(second, 3)
        self.assertEqual(len(self.before()), 1)
        self.end()
        self.cluster.advance(30)
        self.assertEqual([one.state for one in self.runs()], [RunState.FAILED, RunState.DONE])
        self.assertEqual([one.definition for one in self.serving()], [second.digest])
        self.assertEqual(self.wanted(), second)

    def test_returns(self) -> None:
        """It runs again for a definition that comes back, by whichever way a person goes."""
        first, second = definition(instances=1), definition("web:2", instances=1, **MIGRATE)
        for number, wanted in enumerate((first, second, first), 1):
            self.store(wanted, number, good=True)
            self.end()
            self.cluster.advance(40)
        self.assertEqual((len(self.runs()), self.before()), (1, []))
        self.store(second, 4)
        self.assertEqual([one.definition for one in self.serving()], [first.digest])
        self.assertEqual((len(self.runs()), len(self.before())), (2, 1))

    def test_way_back(self) -> None:
        """The definition that is put back because a rollout failed runs no command, though nothing of it is left."""
        first = definition(instances=1, Update={"Order": "stop-first"}, **MIGRATE)
        self.store(first, 1, good=True)
        self.end()
        self.cluster.advance(80)
        self.agent.docker.broken_images.add("web:2")
        self.store(evolve(first, container=definition("web:2").container, before=None), 2)
        self.cluster.advance(60)
        self.assertEqual(self.wanted(), first)
        self.assertEqual([one.definition for one in self.serving()], [first.digest])
        self.assertEqual(len(self.runs()), 1)

    def test_scaled(self) -> None:
        """One that serves is scaled without it, and started without it when nothing of it is left anywhere."""
        self.store(definition(instances=1, **MIGRATE), 1)
        self.end()
        self.store(definition(instances=2, **MIGRATE), 2)
        self.assertEqual((len(self.serving()), len(self.runs())), (2, 1))
        self.cluster.crash(self.agent)
        self.agent = self.cluster.add("b")
        self.cluster.advance(30)
        self.assertEqual((len(self.serving()), len(self.runs())), (2, 1))

    def test_cordoned(self) -> None:
        """It runs on a cordoned node that has instances, where no other can: the rollout goes on there, too."""
        self.store(definition(instances=1), 1, good=True)
        self.cluster.store.put(KEYS.cordon("a"), b"{}")
        self.cluster.advance(1)
        self.store(definition("web:2", instances=1, **MIGRATE), 2)
        self.assertEqual(len(self.before()), 1)

    def test_nowhere(self) -> None:
        """Why no node may run it is said."""
        self.store(definition(instances=1), 1, good=True)
        self.store(definition("web:2", instances=1, Placement={"Constraints": ["zone == x"]}, **MIGRATE), 2)
        self.assertEqual(self.before(), [])
        situation = self.agent.gather.situation(WEB)
        self.assertEqual(owed(situation), "waits for its Before: no node meets zone == x")

    def test_restarted(self) -> None:
        """A first rollout that failed is begun anew by a restart, whose image is resolved first."""
        self.agent.docker.publish("web:1", Image(id="first"))
        self.store(definition(instances=1, **MIGRATE), 1)
        self.end(status=3)
        self.cluster.advance(30)
        self.assertEqual((self.serving(), len(self.runs())), ([], 1))
        self.store(definition(instances=1, Restarted="2026-11-29T00:00:00Z", **MIGRATE), 2)
        self.cluster.advance(5)
        self.assertIn("@sha256:", self.wanted().image)
        self.assertEqual(len(self.before()), 1)
        self.end()
        self.cluster.advance(5)
        self.assertEqual(len(self.serving()), 1)

    def test_long(self) -> None:
        """Its time is none in which an instance has to come up."""
        self.store(definition(instances=1, Update={"Deadline": 20}, **MIGRATE), 1)
        self.cluster.advance(60)
        self.assertEqual([one.overdue for one in self.cluster.claims.values()], [False])
        self.end()
        self.cluster.advance(10)
        self.assertEqual([one.overdue for one in self.cluster.claims.values()], [False])
        self.assertEqual(len(self.serving()), 1)

    def test_removed(self) -> None:
        """One that goes on when it is taken out of the definition ends as it does, with its own deadline."""
        self.store(definition(instances=1), 1, good=True)
        self.store(definition("web:2", instances=1, **MIGRATE), 2)
        self.store(definition(instances=1), 3)
        self.assertEqual(len(self.before()), 1)
        self.end(status=4)
        self.assertEqual([one.status for one in self.runs()], [4])
        self.assertEqual([one.run for one in self.agent.docker.states], [0])

    def test_file_is_missing(self) -> None:
        """It does not begin before what the definition names is there, as instances do not."""
        self.store(definition(instances=1, Files=[{"Name": "app.conf", "Target": "/app.conf"}], **MIGRATE), 1)
        self.cluster.advance(10)
        self.assertEqual(self.runs(), [])

    def test_on_partition_stop(self) -> None:
        """It needs no guard where instances do: it is begun once, whatever becomes of its node."""
        self.store(definition(instances=1, OnPartition="stop", **MIGRATE), 1)
        self.assertEqual([one.on_partition for one in self.before()], ["keep"])
        self.end()
        self.assertEqual([one.on_partition for one in self.serving()], ["stop"])

    def test_agent_killed(self) -> None:
        """An agent that is killed meanwhile does not run it twice."""
        self.store(definition(instances=1, **MIGRATE), 1)
        self.cluster.crash(self.agent)
        self.cluster.advance(2)
        self.agent = self.cluster.succeed(self.agent)
        self.cluster.advance(8)
        self.end()
        self.assertEqual((len(self.serving()), len(self.runs())), (1, 1))
        self.assertEqual(self.agent.docker.calls["start"], 2)
