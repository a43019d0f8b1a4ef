"""Whole agents with a job: each due time is settled once, whatever happens to nodes, etcd and clocks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import evolve

from daprdockr.model.errors import EngineFailed
from daprdockr.model.host import Status
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.run import KEPT, RunOutput, RunRecord, RunState
from daprdockr.model.wanted.placement import Placement
from daprdockr.planning.container_steps import CreateContainer, StartContainer
from daprdockr.planning.jobs.settling import AWAY
from daprdockr.planning.run_steps import WriteRun
from tests.build.carry_out import CarryOutCase
from tests.build.jobs import REPORT, end_runs, job, record, records_in
from tests.build.values import KEYS
from tests.build.whole import TTL, WholeCase, resolved
from tests.fakes.agents import STEP, MemoryAgent
from tests.fakes.engine import MemoryEngine

DUE = 1_000_020
"""The first due time after a test began, which is some seconds earlier."""


class FlawedEngine(MemoryEngine):
    """It fails twice before it creates a container."""

    def create(self, name: str, body: Mapping[str, Any]) -> str:
        self.calls["tried"] += 1
        if self.calls["tried"] <= 2:
            raise EngineFailed("no space left on device")
        return MemoryEngine.create(self, name, body)


class BusyEngine(MemoryEngine):
    """It fails to remove a container for some time."""

    def remove(self, container: str) -> None:
        if self.now < DUE + 20:
            raise EngineFailed("device or resource busy")
        MemoryEngine.remove(self, container)


class JobCase(WholeCase):
    def define(self, **schedule: object) -> None:
        """Set the job, and wait until its first run is due."""
        self.cluster.define(job(**schedule))
        self.cluster.advance(DUE - self.agent.docker.now + 1)

    def records(self) -> dict[int, RunRecord]:
        return records_in(self.cluster.store)

    def states(self) -> list[str]:
        return [one.state.value for one in self.records().values()]

    def newest(self) -> RunRecord:
        return list(self.records().values())[-1]

    def kill(self, agent: MemoryAgent) -> None:
        """The host of an agent loses its power."""
        self.cluster.crash(agent)
        for one in agent.running:
            agent.docker.crash(one.id, 137)

    def without_etcd(self, seconds: float) -> None:
        """Neither an answer nor the end of a lease comes from etcd."""
        self.cluster.store.unavailable = True
        for _ in range(round(seconds / STEP)):
            for agent in self.cluster.agents:
                agent.pass_time(STEP)
        self.cluster.store.unavailable = False


class RunTests(JobCase):
    """On one node."""

    def test_each_minute(self) -> None:
        """A run begins when it is due; its end, status and last lines are kept, and its container goes."""
        self.define()
        self.assertEqual(self.states(), ["set", "running"])
        self.assertEqual((self.newest().due, self.newest().node), (DUE, "a"))
        end_runs(self.agent)
        self.cluster.advance(1)
        done = self.newest()
        self.assertEqual((done.state, done.status, done.due), (RunState.DONE, 0, DUE))
        self.assertEqual(self.agent.docker.states, [])
        output = self.cluster.store.get(KEYS.output(REPORT, 2))
        assert output is not None
        self.assertEqual(RunOutput.decode(output.value).lines, ("counted 7",))
        self.cluster.advance(60)
        self.assertEqual((self.newest().state, self.newest().due), (RunState.RUNNING, DUE + 60))
        self.assertEqual(self.events, [])

    def test_no_instance(self) -> None:
        """A job has no claims, names or instances; a service that becomes one gives them up, with its containers."""
        self.cluster.store.put(KEYS.service(REPORT), b'{"Name":"report","Group":"myapp","Container":{"Image":"web:1"}}')
        self.cluster.advance(1)
        self.assertEqual(list(self.cluster.claims), ["1.report.myapp"])
        self.define()
        self.cluster.advance(1)
        self.assertEqual(self.cluster.claims, {})
        self.assertEqual([one.run for one in self.agent.running], [2])
        self.assertFalse(resolved(self.agent, b"report", b"myapp"))

    def test_failure(self) -> None:
        """A run that fails is an event, with its reason and last lines, and is no failure of the node."""
        self.define()
        end_runs(self.agent, status=3)
        self.cluster.advance(1)
        self.assertEqual((self.newest().state, self.newest().status), (RunState.FAILED, 3))
        self.assertEqual(self.events, ["run 2 failed: exit status 3"])
        self.assertFalse(self.agent.parts.found.local.failures.of_anything)

    def test_stopped(self) -> None:
        """A run that was stopped from outside has not done its work, though its program ended with 0."""
        self.define()
        for one in self.agent.running:
            self.agent.docker.stop(one.id, 10)
        self.cluster.advance(1)
        self.assertEqual((self.newest().state, self.newest().status), (RunState.FAILED, 0))
        self.assertEqual(self.events, ["run 2 failed: exit status 0, after it was sent a signal"])

    def test_retries(self) -> None:
        """A run that failed is tried again after a pause, as often as ``Retries`` says."""
        self.define(Retries=1)
        end_runs(self.agent, status=3)
        self.cluster.advance(1)
        self.assertEqual((self.newest().state, self.newest().attempt), (RunState.WAITING, 2))
        self.cluster.advance(11)
        self.assertEqual(self.newest().state, RunState.RUNNING)
        end_runs(self.agent, status=4)
        self.cluster.advance(1)
        self.assertEqual((self.newest().state, self.newest().status), (RunState.FAILED, 4))

    def test_deadline(self) -> None:
        """A run that takes too long is stopped, and has failed, with whatever status: here it is 0."""
        self.agent.docker.stubborn_images.add("web:1")
        self.define(Deadline=20)
        self.cluster.advance(32)
        self.assertEqual((self.newest().state, self.newest().status), (RunState.FAILED, 0))
        self.assertIn("longer than its Deadline of 20 s", self.newest().reason)

    def test_stop_fails(self) -> None:
        """A run that could not be killed at its deadline is stopped when the Engine is back."""
        self.agent.docker.stubborn_images.add("web:1")
        self.define(Deadline=20)
        self.cluster.advance(25)
        self.agent.docker.unavailable = True
        self.cluster.advance(10)
        self.agent.docker.unavailable = False
        self.cluster.advance(22)
        self.assertEqual(self.newest().state, RunState.FAILED)

    def test_cannot_start(self) -> None:
        """A container that cannot be started is a failed run, once, and no endless attempts."""
        self.agent.docker.broken_images.add("web:1")
        self.define()
        self.cluster.advance(5)
        self.assertEqual(self.states(), ["set", "failed"])
        refused = "the Docker Engine refused to start the container: executable file not found"
        self.assertEqual(self.newest().reason, refused)
        self.assertEqual(self.agent.docker.calls["start"], 1)

    def test_no_image(self) -> None:
        """Nor can one whose image no registry has."""
        del self.agent.docker.images["web:1"]
        self.define()
        self.cluster.advance(10)
        self.assertEqual(self.newest().state, RunState.FAILED)
        self.assertIn("manifest unknown", self.newest().reason)

    def test_removed(self) -> None:
        """A run whose container somebody removed is lost, and not begun again."""
        self.define()
        self.agent.docker.remove(self.agent.running[0].id)
        self.cluster.advance(2)
        self.assertEqual(self.newest().state, RunState.LOST)

    def test_once(self) -> None:
        """A job that runs once does so when it is set, and again when its containers change."""
        self.cluster.define(job(Once=True))
        self.cluster.advance(2)
        end_runs(self.agent)
        self.cluster.advance(300)
        self.assertEqual(self.states(), ["done"])

    def test_deleted(self) -> None:
        """With a job its runs are deleted, and one that goes on is stopped."""
        self.define()
        self.cluster.delete(REPORT)
        self.cluster.advance(2)
        self.assertEqual((self.records(), self.agent.docker.states), ({}, []))
        self.assertEqual(self.cluster.store.list(KEYS.outputs(REPORT)).entries, ())

    def test_no_job_any_more(self) -> None:
        """A run that goes on while its service becomes another one ends as it does, and its container goes."""
        self.define()
        self.cluster.define(evolve(job(), schedule=None, instances=1))
        self.cluster.advance(5)
        self.assertEqual(sorted(one.run for one in self.agent.running), [0, 2])
        end_runs(self.agent, status=3)
        self.cluster.advance(2)
        self.assertEqual((self.newest().state, self.newest().reason), (RunState.FAILED, "exit status 3"))
        self.assertEqual([one.run for one in self.agent.docker.states], [0])

    def test_no_job_and_lost(self) -> None:
        """So it is with one whose node went away: it is lost."""
        self.define()
        self.cluster.define(evolve(job(), schedule=None, instances=0))
        self.cluster.add("b")
        self.kill(self.agent)
        self.cluster.advance(TTL + AWAY + 2)
        self.assertEqual(self.newest().state, RunState.LOST)

    def test_nobody(self) -> None:
        """A run that a person asked for is missed when no node has had what it needs for as long as the window."""
        zoned = Placement.read({"Constraints": ["zone == x"]}, "Placement")
        self.cluster.define(evolve(job(Cron="0 0 1 1 *", Window=60), placement=zoned))
        self.cluster.advance(2)
        self.cluster.store.put(KEYS.run(REPORT, 2), record(RunState.WAITING, by="anna@desk").encode())
        self.cluster.advance(50)
        self.assertEqual(self.records()[2].state, RunState.WAITING)
        self.cluster.advance(20)
        missed = self.records()[2]
        self.assertEqual((missed.state, missed.reason), (RunState.MISSED, "no node meets zone == x"))

    def test_long(self) -> None:
        """Due times that pass while a run goes on are one record, and one event."""
        self.define(Window=10)
        self.cluster.advance(600)
        self.assertEqual(self.states(), ["set", "running", "missed"])
        self.assertEqual((self.newest().due, self.newest().last), (DUE + 60, DUE + 540))
        self.assertEqual(self.newest().count, 9)
        self.assertEqual(self.events, ["run 3 was missed: another run was under way"])
        end_runs(self.agent)
        self.cluster.advance(60)
        self.assertEqual(self.states(), ["set", "done", "missed", "running"])

    def on_engine(self, engine: MemoryEngine, **schedule: object) -> None:
        """Set the job where this is the only Engine."""
        self.cluster.stop(self.agent)
        self.agent = self.cluster.add("b", engine)
        self.define(**schedule)

    def test_engine_fails(self) -> None:
        """A container that could not be created is created a little later, for the same run."""
        self.on_engine(FlawedEngine(node="b"))
        self.cluster.advance(5)
        self.assertEqual((self.states(), self.agent.docker.calls["start"]), (["set", "running"], 1))

    def test_not_removed(self) -> None:
        """Another attempt begins when the container of the former one, which has its name, is removed."""
        self.on_engine(BusyEngine(node="b"), Retries=1)
        end_runs(self.agent, status=3)
        self.cluster.advance(45)
        self.assertEqual((self.newest().state, self.newest().attempt), (RunState.RUNNING, 2))
        self.assertEqual(self.agent.docker.calls["create"], 2)

    def test_history(self) -> None:
        """The newest records are kept, with what their runs logged."""
        for number in range(1, KEPT + 3):
            self.cluster.store.put(KEYS.run(REPORT, number), record(RunState.DONE).encode())
            self.cluster.store.put(KEYS.output(REPORT, number), RunOutput(("one",)).encode())
        self.define(Window=10)
        end_runs(self.agent)
        self.cluster.advance(1)
        kept = list(self.records())
        self.assertEqual(len(kept), KEPT)
        outputs = [one.key for one in self.cluster.store.list(KEYS.outputs(REPORT)).entries]
        self.assertEqual(len(outputs), KEPT - 1)  # the record that the job's time begins has none


class OutageTests(JobCase):
    """Agents end, etcd goes away, and clocks jump."""

    def test_agent_killed(self) -> None:
        """A run goes on without its agent; the next one waits for its end, or finds that it ended."""
        self.define()
        for ends in (False, True):
            before, agent = [one.id for one in self.agent.running], self.agent
            self.cluster.crash(agent)
            self.cluster.advance(2)
            if ends:
                end_runs(agent)
            self.agent = self.cluster.succeed(agent)
            self.cluster.advance(8)
            if not ends:
                self.assertEqual([one.id for one in self.agent.running], before)
        self.assertEqual(self.states(), ["set", "done"])
        self.assertEqual(self.agent.docker.calls["start"], 1)

    def test_renamed(self) -> None:
        """A run goes on when its node gets another name, and ends under that one."""
        self.define()
        self.cluster.crash(self.agent)
        chosen = evolve(self.agent.settings, node="z")
        engine = self.agent.docker.seen_by("z", former=("a",))
        agent = self.cluster.start(MemoryAgent(chosen=chosen, store=self.cluster.store, engine=engine))
        self.cluster.advance(TTL + 4)
        self.assertEqual((self.newest().state, self.newest().node), (RunState.RUNNING, "z"))
        self.assertEqual(end_runs(agent), 1)
        self.cluster.advance(1)
        self.assertEqual(self.newest().state, RunState.DONE)

    def test_etcd_away(self) -> None:
        """While etcd is away runs go on and end; what was due meanwhile begins late, or is missed."""
        self.define(Window=30)
        self.without_etcd(5)
        end_runs(self.agent)
        self.without_etcd(60)
        self.cluster.advance(10)
        self.assertEqual(self.states(), ["set", "done", "running"])
        end_runs(self.agent)
        self.without_etcd(150)
        self.cluster.advance(20)
        self.assertEqual(self.states(), ["set", "done", "done", "missed", "running"])
        missed = self.records()[4]
        self.assertEqual((missed.due, missed.last, missed.count), (DUE + 120, DUE + 180, 2))
        self.assertEqual(self.events, ["run 4, with 2 due times, was missed: no node began it in time"])

    def test_lost_answers(self) -> None:
        """Writes whose answers are lost happen once."""
        self.cluster.store.loses_answers = True
        self.define()
        self.cluster.advance(10)
        self.cluster.store.loses_answers = False
        end_runs(self.agent)
        self.cluster.advance(10)
        self.assertEqual(self.states(), ["set", "done"])
        self.assertEqual(self.agent.docker.calls["create"], 1)

    def test_clock_jumps(self) -> None:
        """A jump of the clock that is undone in time changes nothing."""
        self.define()
        for off in (3600.0, -3600.0):
            self.agent.off = off
            end_runs(self.agent)
            self.cluster.advance(60)
        self.agent.off = 0.0
        end_runs(self.agent)
        self.cluster.advance(60)
        dues = [one.due for one in self.records().values() if one.due]
        self.assertEqual(dues, [DUE, DUE + 60, DUE + 120, DUE + 180])
        self.assertNotIn("missed", self.states())

    def test_suspended(self) -> None:
        """A machine that was suspended is no clock that jumps: jobs are in time as soon as it wakes."""
        self.define()
        end_runs(self.agent)
        self.cluster.advance(1)
        self.agent.docker.now += 3600.0  # wall clock and boottime; the reactor's stood still
        self.cluster.advance(20)
        self.assertEqual((self.newest().due, self.newest().state), (DUE + 3360, RunState.RUNNING))  # within its Window


class NodesTests(JobCase):
    """A cluster of three nodes."""

    def setUp(self) -> None:
        super().setUp()
        self.agents = [self.agent, self.cluster.add("b"), self.cluster.add("c")]
        for agent in self.agents:
            agent.docker.now = self.agent.docker.now  # one clock for all

    def on(self) -> MemoryAgent:
        """The agent that carries out the newest run."""
        return next(agent for agent in self.agents if agent.settings.node == self.newest().node)

    def test_one_begins(self) -> None:
        """Of several nodes one begins a run, and it is not always the same."""
        self.define()
        nodes = {self.newest().node}
        for _ in range(5):
            self.assertEqual(end_runs(*self.agents), 1)
            self.cluster.advance(60)
            nodes.add(self.newest().node)
        self.assertGreater(len(nodes), 1)
        self.assertEqual(sum(agent.docker.calls["start"] for agent in self.agents), 6)

    def test_node_lost(self) -> None:
        """A run whose node loses its power is lost; the next one begins elsewhere. The node finds how it ended."""
        self.define()
        victim = self.on()
        self.kill(victim)
        self.cluster.advance(TTL + AWAY + 2)
        self.assertEqual(self.newest().state, RunState.LOST)
        self.cluster.advance(60)
        self.assertEqual(self.newest().state, RunState.RUNNING)
        self.cluster.succeed(victim)
        self.cluster.advance(10)
        self.assertEqual(self.states(), ["set", "failed", "running"])
        self.assertEqual(self.records()[2].status, 137)

    def test_retried_elsewhere(self) -> None:
        """With ``Retries`` it begins anew on another node; the first one, when it comes back, stops its own."""
        self.define(Retries=1)
        victim = self.on()
        self.cluster.crash(victim)
        self.cluster.advance(TTL + AWAY + 12)
        self.assertEqual((self.newest().state, self.newest().attempt), (RunState.RUNNING, 2))
        self.assertNotEqual(self.newest().node, victim.settings.node)
        self.assertEqual([one.run for one in victim.running], [2])
        self.cluster.succeed(victim)
        self.cluster.advance(10)
        self.assertEqual(victim.running, [])
        self.assertEqual(self.newest().state, RunState.RUNNING)

    def test_cut_off(self) -> None:
        """A run that went on where only the agent was gone is found again, and ends as it does."""
        self.define()
        victim = self.on()
        self.cluster.crash(victim)
        self.cluster.advance(TTL + AWAY + 2)
        self.assertEqual(self.newest().state, RunState.LOST)
        self.agents[self.agents.index(victim)] = self.cluster.succeed(victim)
        self.cluster.advance(5)
        self.assertEqual(self.records()[2].state, RunState.RUNNING)
        end_runs(*self.agents)
        self.cluster.advance(2)
        self.assertEqual(self.records()[2].state, RunState.DONE)

    def test_fast_clock(self) -> None:
        """A node whose clock was wrong when it began makes runs early, or has them missed, but none begin twice."""
        self.agents[2].off = 3600.0
        self.cluster.crash(self.agents[2])
        wrong = self.cluster.succeed(self.agents[2])
        wrong.off = 3600.0
        self.define()
        for _ in range(3):
            end_runs(self.agents[0], self.agents[1], wrong)
            self.cluster.advance(60)
        found = [one for one in self.records().values() if one.due]
        dues = [one.due for one in found]
        self.assertEqual(dues, sorted(set(dues)))


class StepTests(CarryOutCase):
    """Steps about runs, as they are carried out."""

    def write(self, number: int = 1, **given: object) -> WriteRun:
        return WriteRun(REPORT, number, record(RunState.SET), **given)  # type: ignore[arg-type]

    def test_conditions(self) -> None:
        """A record is created once, and changed only as it is known; a new one only after the newest."""
        self.do(self.write())
        self.assertIn("first to write about run 1", self.fails(self.write(), Exception))
        self.assertIn("first to write", self.fails(self.write(revision=99), Exception))
        revision = self.mirror.cluster.runs(REPORT)[1].revision
        self.do(self.write(revision=revision))
        self.assertIn("first to write about run 2", self.fails(self.write(2, after=(1, revision)), Exception))
        revision = self.mirror.cluster.runs(REPORT)[1].revision
        self.assertIn("first to write", self.fails(self.write(2, after=(1, revision), defined=4), Exception))
        self.do(self.write(2, after=(1, revision), pruned=(1,)))
        self.assertEqual(list(self.mirror.cluster.runs(REPORT)), [2])
        self.assertEqual(list(records_in(self.store)), [2])

    def test_container(self) -> None:
        """The container of a run has the run's number in a label, and its arguments as its command."""
        step = CreateContainer(InstanceName(REPORT, 3), job(), (), 9, run=3, command=("--all",))
        self.do(step)
        body = self.engine.bodies[0]
        self.assertEqual(body["Cmd"], ["--all"])
        (made,) = self.host.containers.runs_of(REPORT)
        self.assertEqual((made.run, made.revision, made.instance.number), (3, 9, 3))
        self.assertEqual(self.host.containers.of(REPORT), {})

    def test_started_once(self) -> None:
        """The container of a run whose start was not answered, and which ended since, is not started again."""
        self.do(CreateContainer(InstanceName(REPORT, 3), job(), (), 9, run=3))
        (made,) = self.host.containers.runs_of(REPORT)
        self.engine.start(made.id)
        self.engine.crash(made.id, 0)
        self.do(StartContainer(made.instance, made.id))
        self.assertEqual(self.engine.calls["start"], 1)
        (known,) = self.host.containers.runs_of(REPORT)
        self.assertEqual(known.status, Status.EXITED)
