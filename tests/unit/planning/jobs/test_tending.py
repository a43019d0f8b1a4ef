"""The fate of the runs that a node has claimed, and of their containers."""

from __future__ import annotations

from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.host import ContainerState, Status
from daprdockr.model.stored.revisioned import Service
from daprdockr.model.stored.run import RunRecord, RunState, place_of
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.attempts import NONE, Attempts, Failure
from daprdockr.planning.container_steps import (
    CreateContainer,
    PullImage,
    RemoveContainer,
    StartContainer,
    StopContainer,
)
from daprdockr.planning.jobs.tending import PATIENCE
from daprdockr.planning.lanes import Lane
from daprdockr.planning.plan import Plan, plan
from daprdockr.planning.run_steps import WriteRun
from daprdockr.planning.situation import Here, OnHost, Wanted
from daprdockr.planning.steps import Step
from tests.build.jobs import CREATED, DEFINED, REPORT, carrying, job, record, situation_of
from tests.build.situations import IMAGES, NOW

CLAIMED = record(RunState.CLAIMED, node="a", due=600)
RUNNING = record(RunState.RUNNING, node="a", due=600, container="c1")
FIRST = place_of(REPORT, 1)


class TendCase(SynchronousTestCase):
    def plan(
        self, one: RunRecord, *containers: ContainerState, definition: Definition | None = None, **given: Any
    ) -> Plan:
        return plan(situation_of(definition or job(), one, containers=containers, **given), NOW)

    def step(self, *args: Any, **given: Any) -> Step:
        (step,) = self.plan(*args, **given).steps
        return step

    def written(self, *args: Any, **given: Any) -> RunRecord:
        step = self.step(*args, **given)
        assert isinstance(step, WriteRun)
        return step.record


class PrepareTests(TendCase):
    """Note [Claimed, then started]: nothing is started before etcd knows the container."""

    def test_create(self) -> None:
        """A container is created from the present definition, with the arguments of this run."""
        asked = evolve(CLAIMED, arguments=("--all",))
        expected = CreateContainer(FIRST, job(), (), 11, defined=DEFINED, run=1, command=("--all",))
        self.assertEqual(self.step(asked), expected)

    def test_recorded(self) -> None:
        """The container that was made for this claim is recorded."""
        made = carrying(1, Status.CREATED, revision=11)
        expected = evolve(RUNNING, started=630.0, definition="d")
        self.assertEqual(self.written(CLAIMED, made), expected)
        again = evolve(CLAIMED, attempt=2, reason="attempt 1 on b: exit status 3")
        self.assertEqual(self.written(again, made), evolve(expected, attempt=2))

    def test_former_attempt(self) -> None:
        """The container of a former attempt goes first: it may still be at work, and it has the name of the new one."""
        for digest in ("d", job().digest):
            for status, step in ((Status.EXITED, RemoveContainer), (Status.RUNNING, StopContainer)):
                former = evolve(carrying(1, status, revision=10), definition=digest)
                steps = self.plan(CLAIMED, former).steps
                self.assertEqual([type(one) for one in steps], [step])

    def test_image(self) -> None:
        """A missing image is pulled; the attempt has failed when that failed often, or the registry has none."""
        lane = NONE.failed(NOW - 1, "no such host")
        self.assertEqual(self.step(CLAIMED, host=OnHost()), PullImage("web:1"))
        later = evolve(lane, retry_at=NOW + 5)
        self.assertEqual(self.plan(CLAIMED, host=OnHost(pull=later)), Plan((), NOW + 5))
        for pull in (evolve(lane, count=3), evolve(lane, last=Failure(NOW, refused=True))):
            ended = self.written(CLAIMED, host=OnHost(pull=pull), claimed_since={1: NOW - 5})
            self.assertEqual((ended.state, ended.reason), (RunState.FAILED, "no such host"))
        old = self.step(CLAIMED, host=OnHost(pull=evolve(lane, count=3)), claimed_since={1: NOW})
        self.assertIsInstance(old, PullImage)

    def test_restarted(self) -> None:
        """After ``restart`` the image is pulled again, whatever is there, before the next run here."""
        again, there = evolve(job(), restarted="now"), OnHost(image=IMAGES["web:1"], pulled_for="before")
        self.assertEqual(self.step(CLAIMED, definition=again, host=there), PullImage("web:1", "now"))
        pulled = self.step(CLAIMED, definition=again, host=evolve(there, pulled_for="now"))
        self.assertIsInstance(pulled, CreateContainer)

    def test_impossible(self) -> None:
        """A container that the Engine refuses to create, or whose secret is not set, ends the attempt."""
        refused = evolve(NONE.failed(NOW - 1, "no such option"), last=Failure(NOW - 1, refused=True))
        ended = self.written(CLAIMED, host=self.tried(refused), claimed_since={1: NOW - 5})
        self.assertEqual((ended.state, ended.reason), (RunState.FAILED, "no such option"))
        secret = Definition.read({**job().write(), "Secrets": [{"Name": "token", "Env": "TOKEN"}]})
        ended = self.written(CLAIMED, definition=secret)
        self.assertIn("token is not set", ended.reason)

    def test_engine_fails(self) -> None:
        """Note [An Engine's fault]: what may be otherwise the next time is tried again, until it lasts."""
        once = NONE.failed(NOW - 1, "no space left on device")
        again = self.step(CLAIMED, host=self.tried(once), claimed_since={1: NOW - 5})
        self.assertIsInstance(again, CreateContainer)
        later = evolve(once, count=5, retry_at=NOW + 4)
        since: dict[str, Any] = {"claimed_since": {1: NOW - PATIENCE + 1}}
        self.assertEqual(self.plan(CLAIMED, host=self.tried(later), **since), Plan((), NOW + 4))
        since = {"claimed_since": {1: NOW - PATIENCE}}
        self.assertEqual(self.written(CLAIMED, host=self.tried(later), **since).reason, "no space left on device")
        late: dict[str, Any] = {"claimed_since": {1: NOW - 5}, "definition": job(Window=20)}
        self.assertEqual(self.written(CLAIMED, host=self.tried(later), **late).state, RunState.FAILED)
        old: dict[str, Any] = {"claimed_since": {1: NOW}}
        self.assertIsInstance(self.step(CLAIMED, host=self.tried(later), **old), CreateContainer)

    def test_engine_fails_seldom(self) -> None:
        """Neither a single failure ends the attempt, however old the claim is, nor a window that is not its own."""
        once, since = NONE.failed(NOW - 1, "no space left on device"), {1: NOW - PATIENCE}
        self.assertIsInstance(self.step(CLAIMED, host=self.tried(once), claimed_since=since), CreateContainer)
        later, asked = evolve(once, count=5, retry_at=NOW + 4), evolve(CLAIMED, due=0, by="anna@desk")
        made = self.plan(asked, host=self.tried(later), claimed_since={1: NOW - 5}, definition=job(Window=20))
        self.assertEqual(made, Plan((), NOW + 4))

    def test_late(self) -> None:
        """A claim that an agent finds when the window is over is missed, container or not; one it works on goes on."""
        late: dict[str, Any] = {"definition": job(Window=20), "claimed_since": {1: NOW - 5}}
        for made in ((), (carrying(1, Status.CREATED, revision=11),)):
            step = self.plan(CLAIMED, *made, **late).steps[0]
            assert isinstance(step, WriteRun)
            self.assertEqual((step.record.state, step.record.last), (RunState.MISSED, 600))
            self.assertEqual(step.record.reason, "a could not begin it in time")
        works: dict[str, Any] = {**late, "claimed_since": {1: NOW - 15}}
        self.assertIsInstance(self.step(CLAIMED, **works), CreateContainer)
        self.assertIsInstance(self.step(evolve(CLAIMED, attempt=2), **late), CreateContainer)
        self.assertIsInstance(self.step(evolve(CLAIMED, due=0), **late), CreateContainer)

    def test_another_definition(self) -> None:
        """A run that was claimed for another schedule, or asked for of another definition, does not begin."""
        other, reason = evolve(CLAIMED, schedule="0 3 * * * UTC"), "the definition changed before it began"
        missed = evolve(other, state=RunState.MISSED, last=600, count=1, ended=630.0, reason=reason)
        expected = WriteRun(REPORT, 1, missed, revision=11, defined=DEFINED)
        self.assertEqual(self.plan(other).steps[0], expected)
        made = self.plan(other, carrying(1, Status.CREATED, revision=11)).steps
        self.assertEqual(made[0], expected)
        asked = evolve(CLAIMED, due=0, by="anna@desk")
        self.assertIsInstance(self.step(asked), CreateContainer)
        seen = situation_of(job(), asked)
        changed = evolve(seen, wanted=Wanted(Service(job(Window=20), CREATED, 99)))
        (step,) = plan(changed, NOW).steps
        assert isinstance(step, WriteRun)
        self.assertEqual((step.record.state, step.record.reason, step.defined), (RunState.MISSED, reason, 99))

    def tried(self, attempts: Attempts) -> OnHost:
        """A host on which no container of the run could be made."""
        return OnHost(image=IMAGES["web:1"], attempts={Lane("container", FIRST, job().digest): attempts})

    def test_frozen(self) -> None:
        """Without etcd, or a lease, nothing is prepared or started."""
        for here in (Here("a", lease=0, in_touch=True), Here("a", lease=5)):
            self.assertEqual(self.plan(CLAIMED, here=here), Plan())
            self.assertEqual(self.plan(RUNNING, carrying(1, Status.CREATED), here=here), Plan())
            self.assertEqual(self.plan(RUNNING, carrying(1, Status.EXITED), here=here).steps, ())


class AttendTests(TendCase):
    """The container that etcd knows."""

    def test_start(self) -> None:
        """A container that etcd knows is started."""
        self.assertEqual(self.step(RUNNING, carrying(1, Status.CREATED)), StartContainer(FIRST, "c1"))

    def test_not_startable(self) -> None:
        """A start that failed ends the attempt, with its last lines if there are any."""
        step = self.plan(RUNNING, carrying(1, Status.CREATED, error="no such file")).steps[0]
        assert isinstance(step, WriteRun)
        reason = "the Docker Engine refused to start the container: no such file"
        self.assertEqual((step.record.state, step.record.reason), (RunState.FAILED, reason))
        self.assertEqual(step.ended, "c1")

    def test_start_fails(self) -> None:
        """A start that was not answered is made again, each time later."""
        since: dict[str, Any] = {"claimed_since": {1: NOW - 5}}
        attempts, lane, there = NONE.failed(NOW - 1, "no"), Lane("container", FIRST, "d"), carrying(1, Status.CREATED)
        host = OnHost(image=IMAGES["web:1"], attempts={lane: attempts})
        self.assertEqual(self.step(RUNNING, there, host=host, **since), StartContainer(FIRST, "c1"))
        host = evolve(host, attempts={lane: evolve(attempts, retry_at=NOW + 2)})
        self.assertEqual(self.plan(RUNNING, there, host=host, **since), Plan((), NOW + 2))
        host = evolve(host, attempts={lane: evolve(attempts, count=5, retry_at=NOW + 2)})
        since = {"claimed_since": {1: NOW - PATIENCE}}
        ended = self.written(RUNNING, there, host=host, **since)
        self.assertEqual((ended.state, ended.reason), (RunState.FAILED, "no"))

    def test_goes_on(self) -> None:
        """While it runs nothing is done until the deadline, if there is one."""
        self.assertEqual(self.plan(RUNNING, carrying(1)).steps, ())
        timed: dict[str, Any] = {"definition": job(Deadline=20), "running_since": {1: NOW - 15}}
        self.assertEqual(self.plan(RUNNING, carrying(1), **timed), Plan((), NOW + 5))
        self.assertEqual(self.plan(RUNNING, carrying(1), **{**timed, "running_since": {}}), Plan((), NOW + 20))
        timed["running_since"] = {1: NOW - 20}
        stop = self.step(RUNNING, carrying(1), **timed)
        self.assertEqual(stop, StopContainer(FIRST, "c1", 10, "run 1 takes longer than its Deadline of 20 s"))
        being_stopped = OnHost(image=IMAGES["web:1"], stopping=("c1",))
        self.assertEqual(self.plan(RUNNING, carrying(1), host=being_stopped, **timed).steps, ())
        long = self.step(RUNNING, carrying(1), definition=job(Deadline=1209600), running_since={1: NOW - 1209600})
        self.assertEqual(long, StopContainer(FIRST, "c1", 10, "run 1 takes longer than its Deadline of 1209600 s"))

    def test_done(self) -> None:
        """Exit status 0 is success; the record names the container whose last lines are kept."""
        step = self.step(RUNNING, carrying(1, Status.EXITED))
        done = evolve(RUNNING, state=RunState.DONE, ended=630.0, status=0)
        self.assertEqual(step, WriteRun(REPORT, 1, done, revision=11, ended="c1"))

    def test_failed(self) -> None:
        """Any other end is a failure, with its reason: the status, the memory, or the deadline."""
        cases: tuple[tuple[dict[str, Any], str], ...] = (
            ({"exit_code": 3}, "exit status 3"),
            ({"exit_code": 137, "oom_killed": True}, "killed: out of memory"),
            (
                {"exit_code": 0, "oom_killed": True},
                "exit status 0, after a process in it was killed: out of memory",
            ),
            ({"exit_code": 3, "started": 15.0, "finished": 26.0}, "exit status 3"),
            (
                {"exit_code": 137, "started": 5.0, "finished": 26.0},
                "it took longer than its Deadline of 20 s: killed (SIGKILL)",
            ),
        )
        for changed, reason in cases:
            ended = self.written(RUNNING, carrying(1, Status.EXITED, **changed), definition=job(Deadline=20))
            self.assertEqual((ended.state, ended.reason), (RunState.FAILED, reason))
            self.assertEqual(ended.status, changed["exit_code"])
        for code, status in ((0xC000013A, 255), (256, 255)):
            ended = self.written(RUNNING, carrying(1, Status.EXITED, exit_code=code))
            self.assertEqual((ended.state, ended.status), (RunState.FAILED, status))
        ended = self.written(RUNNING, carrying(1, Status.EXITED, error="no such device"))
        self.assertEqual(ended.state, RunState.FAILED)

    def test_stopped_by_a_person(self) -> None:
        """Without a deadline one that is stopped, and ends with 0, is done."""
        stopped = OnHost(image=IMAGES["web:1"], stopping=("c1",))
        self.assertEqual(self.written(RUNNING, carrying(1, Status.EXITED), host=stopped).state, RunState.DONE)

    def test_stopped_at_deadline(self) -> None:
        """One that was stopped at its deadline has failed, though its program ends with 0 when it is asked to."""
        exited = carrying(1, Status.EXITED, started=8.0, finished=26.0)
        stopped = OnHost(image=IMAGES["web:1"], stopping=("c1",))
        ended = self.written(RUNNING, exited, definition=job(Deadline=20), host=stopped)
        self.assertEqual((ended.state, ended.status), (RunState.FAILED, 0))
        told = "it took longer than its Deadline of 20 s: exit status 0, as if its work were done"
        self.assertEqual(ended.reason, told)
        by_itself = self.written(RUNNING, exited, definition=job(Deadline=20))
        self.assertEqual(by_itself.state, RunState.DONE)

    def test_sent_a_signal(self) -> None:
        """So has one that ends with 0 because of a signal from outside, as from an Engine that is restarted."""
        ended = self.written(RUNNING, carrying(1, Status.EXITED, signalled=True))
        self.assertEqual((ended.state, ended.status), (RunState.FAILED, 0))
        self.assertEqual(ended.reason, "exit status 0, after it was sent a signal")

    def test_host_went_down(self) -> None:
        """So has one that ended before its host was started again, unless it began after that, by a clock since set."""
        exited = carrying(1, Status.EXITED, finished=620.0)
        began = evolve(RUNNING, started=610.0)
        ended = self.written(began, exited, booted=625.0)
        self.assertEqual((ended.state, ended.status), (RunState.FAILED, 0))
        self.assertEqual(ended.reason, "exit status 0, but a went down, which may have stopped it")
        told = self.written(began, evolve(exited, exit_code=3), booted=625.0)
        self.assertEqual(told.reason, "exit status 3")
        for one, booted in ((began, 605.0), (began, 615.0), (evolve(began, started=626.0), 625.0)):
            self.assertEqual(self.written(one, exited, booted=booted).state, RunState.DONE, booted)

    def test_retries(self) -> None:
        """With retries left the run waits for its next attempt."""
        exited, definition = carrying(1, Status.EXITED, exit_code=3), job(Retries=1)
        again = self.written(RUNNING, exited, definition=definition)
        self.assertEqual((again.state, again.attempt, again.container), (RunState.WAITING, 2, ""))
        self.assertEqual(again.reason, "attempt 1 on a: exit status 3")
        last = self.written(evolve(RUNNING, attempt=2), exited, definition=definition)
        self.assertEqual((last.state, last.reason), (RunState.FAILED, "exit status 3"))

    def test_removed(self) -> None:
        """A container that is gone without having been seen to end makes the run lost, which is said."""
        self.assertEqual(self.written(RUNNING).state, RunState.LOST)

    def test_back_again(self) -> None:
        """Note [A node that comes back]: a run that was written off goes on, or has ended after all."""
        lost = evolve(RUNNING, state=RunState.LOST, ended=620.0, reason="node a went away")
        self.assertEqual(self.written(lost, carrying(1)), RUNNING)
        done = evolve(RUNNING, state=RunState.DONE, ended=630.0, status=0)
        self.assertEqual(self.written(lost, carrying(1, Status.EXITED)), done)
        self.assertEqual(self.plan(lost).steps, ())
        self.assertIsInstance(self.step(lost, carrying(1, Status.CREATED)), RemoveContainer)


class RenamedTests(TendCase):
    """The node is called z now."""

    HERE = Here("z", lease=5, in_touch=True, cluster=1, revision=100, former=("a",))

    def test_goes_on(self) -> None:
        """A run that it began under its former name goes on, also if others have written it off: it is its own."""
        for known in (RUNNING, evolve(RUNNING, state=RunState.LOST)):
            self.assertEqual(self.written(known, carrying(1), here=self.HERE), evolve(known, node="z"))
        frozen = evolve(self.HERE, lease=0, in_touch=False)
        self.assertEqual(self.plan(RUNNING, carrying(1), here=frozen).steps, ())

    def test_not_here(self) -> None:
        """One whose container is gone is left to those who write it off, and one that has ended is not touched."""
        self.assertEqual(self.plan(RUNNING, here=self.HERE).steps, ())
        done = evolve(RUNNING, state=RunState.DONE)
        self.assertEqual(self.plan(done, here=self.HERE).steps, ())
        self.assertIsInstance(self.step(done, carrying(1, Status.EXITED), here=self.HERE), RemoveContainer)


class ClearTests(TendCase):
    """Containers that carry out no run any more."""

    def test_ended(self) -> None:
        """When a run has ended, its container goes; one that runs is stopped first."""
        done = evolve(RUNNING, state=RunState.DONE)
        self.assertIsInstance(self.step(done, carrying(1, Status.EXITED)), RemoveContainer)
        elsewhere = evolve(RUNNING, node="b", attempt=2, container="c9")
        stop = self.step(elsewhere, carrying(1))
        self.assertEqual(
            stop, StopContainer(FIRST, "c1", 10, "run 1 of report.myapp is not carried out by it any more")
        )

    def test_former_attempt(self) -> None:
        """That of a former attempt goes while the present one is at work, and says nothing about how this one ends."""
        former = carrying(1, Status.EXITED, id="former", revision=9)
        step = self.step(RUNNING, former, carrying(1))
        assert isinstance(step, RemoveContainer)
        self.assertEqual(step.container, "former")

    def test_forgotten(self) -> None:
        """One whose run has no record any more goes."""
        step = self.plan(evolve(RUNNING, state=RunState.DONE), carrying(2, Status.EXITED)).steps[0]
        self.assertIsInstance(step, RemoveContainer)

    def test_deleted(self) -> None:
        """Those of a job that was deleted go, too, but only by the word of an etcd that knew them."""
        cases: tuple[tuple[dict[str, Any], int], ...] = (({}, 1), ({"cluster": 2}, 0), ({"revision": 101}, 0))
        for changed, expected in cases:
            seen = situation_of(None, RUNNING, containers=(carrying(1, **changed),), nodes="b")
            self.assertEqual(len(plan(seen, NOW).steps), expected, changed)
        frozen = situation_of(None, RUNNING, containers=(carrying(1),), here=Here("a", cluster=1, revision=100))
        self.assertEqual(plan(frozen, NOW).steps, ())
