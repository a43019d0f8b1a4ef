"""Whole agents with a command before each rollout: nothing begins before it has succeeded."""

from __future__ import annotations

from typing import Any

from daprdockr.model.host import ContainerState
from daprdockr.model.stored.history import RevisionRecord
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.stored.run import RunRecord
from daprdockr.model.wanted.definition import Definition
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

    def end(self, status: int = 0) -> None:
        for one in self.before():
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
        self.end(status=3)
        self.cluster.advance(30)
        self.assertEqual({one.id for one in self.agent.running}, old)
        entry, record = self.cluster.store.get(KEYS.service(WEB)), self.cluster.store.get(KEYS.rollout(WEB))
        assert entry is not None and record is not None
        self.assertEqual(Definition.parse(entry.value), first)
        stopped = RolloutRecord.decode(record.value)
        self.assertEqual(
            (stopped.state, stopped.reason), (RolloutState.REVERTED, "Before failed: exit status 3 (run 1)")
        )

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
