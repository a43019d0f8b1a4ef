"""The host as the agent knows it: what events, looks and lists tell, in whatever order, and what counts as a death."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

from attrs import evolve

from daprdockr.agent.host.host import FIRST_RETRY, LIST_INTERVAL, STOP
from daprdockr.agent.host.sent_signals import LATE
from daprdockr.model.errors import EngineSilent, EngineUnavailable
from daprdockr.model.host import ContainerState, Image, Status
from daprdockr.planning.attempts import NONE, STEADY
from daprdockr.planning.lanes import Lane
from daprdockr.planning.outcome import Fault
from daprdockr.runtime.workers import Stopped
from tests.build.host_case import FIRST, HostCase
from tests.build.situations import WEB_2, container
from tests.build.values import WEB, instance
from tests.fakes.log_lines import LogLines
from tests.fakes.run import HeldRun
from tests.marked import marked


class ListTests(HostCase):
    """Lists and events."""

    def test_before_the_first_list(self) -> None:
        """Until the Engine has answered nothing is known, and the trouble says why."""
        self.host.startService()
        self.assertFalse(self.host.listed)
        self.assertEqual(self.host.trouble, "the Docker Engine was not reached yet")

    def test_first_list(self) -> None:
        """The list made on connecting finds this node's containers and no others."""
        one = self.run_one()
        self.create(node="b")
        self.start()
        self.assertEqual((self.known, self.host.containers.of(WEB)), ({one.id: Status.RUNNING}, {1: (one,)}))
        self.assertEqual((self.host.listed, self.host.trouble, self.answers), (True, "", 1))

    def test_several_containers_of_an_instance(self) -> None:
        """All containers of an instance stand together under its number."""
        first, second = self.run_one(), self.engine.start(self.create(2))
        copy = self.engine.create("copy", {"Image": "web:1", "Labels": marked("copy", "a", str(FIRST))})
        self.start()
        ids = {number: {one.id for one in ones} for number, ones in self.host.containers.of(WEB).items()}
        self.assertEqual(ids, {1: {first.id, copy}, 2: {second.id}})

    def test_event(self) -> None:
        """After an event its one container is inspected and its service reported as changed, without another list."""
        self.start()
        lists = self.engine.calls["containers"]
        one = self.run_one()
        self.step()
        self.assertEqual(self.known, {one.id: Status.RUNNING})
        self.assertEqual(set(self.changes), {WEB})
        self.assertEqual(self.engine.calls["containers"], lists)

    def test_events_without_news(self) -> None:
        """An event after which a container is as it was before is reported to nobody."""
        one = self.run_one()
        self.start()
        self.changes.clear()
        self.host.on_event("exec_start", one.id)
        self.clock.advance(0)
        self.assertEqual(self.changes, [])

    def test_removed(self) -> None:
        """A container that was removed is forgotten, and its service is reported as changed."""
        one = self.run_one()
        self.start()
        self.changes.clear()
        self.engine.remove(one.id)
        self.step()
        self.assertEqual((self.known, list(self.host.containers.services)), ({}, []))
        self.assertIn(WEB, self.changes)

    def test_stopped(self) -> None:
        """One that a person stopped, and that ended with status 0 then, was stopped from outside."""
        one = self.run_one()
        self.start()
        self.engine.stop(one.id, 10)
        self.step()
        attempts = self.failures.attempts[one.instance]
        self.assertEqual(attempts.reason, "exit status 0, after it was sent a signal")
        self.assertTrue(attempts.last.killed)

    def test_stopped_with_the_engine(self) -> None:
        """So was one of which only the signal was seen, as the Engine was away for a minute; that is kept."""
        one = self.run_one()
        self.start()
        self.engine.stop(one.id, 10)
        self.engine.failures = 9
        self.step()
        self.engine.unavailable = True
        self.clock.advance(60)
        self.engine.now += 60
        self.engine.unavailable, self.engine.failures = False, 0
        self.clock.advance(LIST_INTERVAL)
        self.assertTrue(self.failures.attempts[one.instance].last.killed)
        ended = self.host.containers.get(one.id)
        self.assertTrue(ended is not None and ended.signalled)

    def test_missed_events(self) -> None:
        """The periodic list finds changes of which no event reported."""
        gone = self.run_one(1)
        self.start()
        self.listener.stop()
        self.engine.remove(gone.id)
        new = self.run_one(2)
        self.clock.advance(LIST_INTERVAL)
        self.assertEqual((self.known, set(self.host.containers.of(WEB))), ({new.id: Status.RUNNING}, {2}))

    def test_stop(self) -> None:
        """A stop ends the listener and every timer."""
        self.start()
        self.engine.unavailable = True
        self.step()
        self.successResultOf(self.host.stopService())
        self.assertEqual((self.listener.running, self.clock.getDelayedCalls()), (False, []))

    def test_stop_without_a_thread(self) -> None:
        """A stop ends also while calls to an Engine that hangs have all threads; reports after it begin nothing."""
        threads = HeldRun()
        self.host = self.make(threads)
        self.host.startService()
        stopped = self.host.stopService()
        self.clock.advance(STOP - 0.1)
        self.assertNoResult(stopped)
        self.clock.advance(0.1)
        self.successResultOf(stopped)
        self.host.on_connected()
        self.clock.advance(0)
        self.assertEqual(threads.names, ["stop"])


class OrderTests(HostCase):
    """Note [A list is older than it looks]."""

    def setUp(self) -> None:
        super().setUp()
        self.threads = HeldRun()
        self.host = self.make(self.threads)

    def begin(self) -> None:
        """Start, and take over the first list."""
        self.start()
        self.threads.end("containers")

    def look(self, container: str) -> None:
        """An event arrives; the look waits for a thread."""
        self.host.on_event("event", container)
        self.clock.advance(0)

    def test_look_during_a_list(self) -> None:
        """A list that was made during an inspection does not undo the result of the inspection."""
        self.begin()
        one = self.run_one()
        self.clock.advance(LIST_INTERVAL)
        listing = self.threads.take("containers")
        listing.perform()
        self.engine.crash(one.id)
        self.look(one.id)
        self.threads.end("inspect")
        listing.arrive()
        self.assertEqual(self.known, {one.id: Status.EXITED})

    def test_removed_during_a_list(self) -> None:
        """A container that is gone does not come back by a list that was made before."""
        one = self.run_one()
        self.begin()
        self.clock.advance(LIST_INTERVAL)
        listing = self.threads.take("containers")
        listing.perform()
        self.host.containers.forget(one.id)
        listing.arrive()
        self.assertEqual(self.known, {})

    def test_created_during_a_list(self) -> None:
        """A container that is new since a list was made is not forgotten by it."""
        self.begin()
        self.clock.advance(LIST_INTERVAL)
        listing = self.threads.take("containers")
        listing.perform()
        one = self.run_one()
        self.host.containers.update(one)
        listing.arrive()
        self.assertEqual(self.known, {one.id: Status.RUNNING})

    def test_looks_overtake(self) -> None:
        """Of two inspections of one container the later one counts, though the earlier one arrives last."""
        one = self.run_one()
        self.begin()
        self.look(one.id)
        earlier = self.threads.take("inspect")
        earlier.perform()
        self.engine.crash(one.id)
        self.host.inspect(one.id)  # as a step does
        self.threads.end("inspect")
        earlier.arrive()
        self.assertEqual(self.known, {one.id: Status.EXITED})
        self.assertEqual(self.failures.attempts[FIRST].count, 1)

    def test_started_anew(self) -> None:
        """A container that runs again since a later time is believed."""
        one = self.run_one()
        self.begin()
        self.engine.crash(one.id)
        self.look(one.id)
        self.threads.end("inspect")
        again = self.engine.start(one.id)
        self.host.containers.update(again)
        self.assertEqual(self.known, {one.id: Status.RUNNING})


class DeathTests(HostCase):
    """Note [Deaths]."""

    def setUp(self) -> None:
        super().setUp()
        self.host.startService()
        self.one = container(started=10.0)
        self.host.containers.update(self.one)

    def ended(self, lived: float, **fields: Any) -> ContainerState:
        """The container as it is after it lived so long."""
        finished = self.one.started + lived
        return evolve(self.one, **{"status": Status.EXITED, "exit_code": 1, "finished": finished, **fields})

    def delay(self) -> float:
        """Seconds from now until the next start."""
        return self.failures.attempts[FIRST].retry_at - self.clock.seconds()

    def again(self, state: ContainerState) -> None:
        """It is started again, which an inspection finds, and then it is in this state."""
        self.one = evolve(self.one, started=state.finished + 1)
        self.host.containers.update(self.one)

    def test_first_death(self) -> None:
        """The first death is counted and reported, and costs no delay."""
        self.host.containers.update(self.ended(1, exit_code=3))
        self.assertEqual(self.failures.attempts[FIRST].reason, "exit status 3")
        self.assertTrue(self.delay() <= 0)
        self.assertEqual(self.changes, [WEB, WEB])

    def test_crash_loop(self) -> None:
        """Each death soon after a start doubles the delay; the time it lived is part of it."""
        delays = []
        for _ in range(4):
            end = self.ended(0.25)
            self.host.containers.update(end)
            delays.append(self.delay())
            self.again(end)
        self.assertEqual(delays[1:], [0.25, 0.75, 1.75])

    def test_steady(self) -> None:
        """A death after a steady run counts as the first one."""
        for lived in (0.25, 0.25, STEADY):
            end = self.ended(lived)
            self.host.containers.update(end)
            self.again(end)
        self.assertEqual(self.failures.attempts[FIRST].count, 1)

    def test_killed(self) -> None:
        """A container that somebody seems to have killed from outside is started again without delay a few times."""
        for status in (137, 143, 137):
            end = self.ended(1, exit_code=status)
            self.host.containers.update(end)
            self.again(end)
        self.assertEqual(self.failures.attempts[FIRST].count, 1)

    def test_sent_a_signal(self) -> None:
        """So is one that ends with any status soon after it was sent a signal, as by an Engine that ends itself."""
        for status in (0, 3, 0):
            end = self.ended(1, exit_code=status, stop_timeout=1)
            self.engine.now = end.finished - end.stop_timeout
            self.host.containers.signals.sent(end.id)
            self.host.containers.update(end)
            self.again(end)
        self.assertEqual(self.failures.attempts[FIRST].count, 1)
        self.assertIn("after it was sent a signal", self.failures.attempts[FIRST].reason)

    def test_sent_a_signal_long_ago(self) -> None:
        """A signal explains one end, and none that comes long after it."""
        end = self.ended(1, exit_code=0)
        self.engine.now = end.finished - end.stop_timeout - LATE - 0.1
        self.host.containers.signals.sent(end.id)
        for _ in range(2):
            self.host.containers.update(end)
            self.again(end)
        self.assertEqual(self.failures.attempts[FIRST].count, 2)

    def test_signals_of_others(self) -> None:
        """Of containers that are gone, or are none of ours, no signal is remembered."""
        signals = self.host.containers.signals
        for one in (self.one.id, "theirs"):
            signals.sent(one)
        self.host.containers.take_list([self.one], self.host.containers.inspections)
        self.assertFalse(signals.explain(self.ended(1, id="theirs")))
        self.assertTrue(signals.explain(self.ended(1)))

    def test_sent_a_signal_before(self) -> None:
        """A signal explains no end of a later run, as after ``docker restart``, which no inspection saw stopped."""
        self.engine.now = self.one.started + 0.5
        self.host.containers.signals.sent(self.one.id)
        self.again(self.ended(1, exit_code=0))
        self.host.containers.update(self.ended(1, exit_code=3))
        self.assertEqual(self.failures.attempts[FIRST].reason, "exit status 3")
        self.assertFalse(self.failures.attempts[FIRST].last.killed)

    def test_ends_itself_with_the_status_of_a_signal(self) -> None:
        """A program that ends again and again with exit status 137 or 143 is started ever more seldom."""
        for status in (137, 143):
            with self.subTest(status=status):
                self.failures.forget(WEB)
                starts = self.starts_in(60.0, lived=0.6, exit_code=status)
                self.assertLess(starts, 12)

    def starts_in(self, seconds: float, lived: float, **end: Any) -> int:
        """How often a container that always ends like this is started."""
        until, starts = self.clock.seconds() + seconds, 0
        while self.clock.seconds() < until:
            starts += 1
            self.clock.advance(lived)
            ended = self.ended(lived, **end)
            self.host.containers.update(ended)
            self.clock.advance(max(0.0, self.delay()))
            self.again(ended)
        return starts

    def test_removed_again_and_again(self) -> None:
        """A container that somebody removes as soon as it runs is created ever more seldom; the reason is recorded."""
        for number in range(6):
            self.host.containers.update(evolve(self.one, id=f"c{number}", name=f"c{number}", started=20.0 + number))
            self.host.containers.forget(f"c{number}")
        self.assertEqual(self.failures.attempts[FIRST].reason, "its container was removed by somebody")
        self.assertGreater(self.delay(), 0.5)

    def test_name_taken_over(self) -> None:
        """A container with the name of a known one is adopted at the moment in which that is gone, and not before."""
        self.host.containers.update(evolve(self.one, name="before", made_as=self.one.name))
        new = evolve(self.one, id="c2")
        self.host.containers.update(new)
        self.assertEqual([one.id for one in self.host.containers], [self.one.id])
        self.host.containers.forget(self.one.id)
        self.assertEqual(list(self.host.containers), [new])

    def test_two_copies(self) -> None:
        """Two copies of one instance, of two definitions, die apart: a fault of one is none of the other."""
        other = evolve(self.one, id="c2", name="c2", definition=WEB_2.digest)
        self.host.containers.update(other)
        for start in (10.0, 20.0, 30.0):
            for copy in (self.one, other):
                self.host.containers.update(evolve(copy, started=start))
                self.host.containers.update(
                    evolve(copy, started=start, finished=start + 1, status=Status.EXITED, exit_code=1)
                )
        digests = (self.one.definition, WEB_2.digest)
        self.assertEqual([self.failures.of_service(WEB, digest)[FIRST].count for digest in digests], [3, 3])

    def test_removed_by_us(self) -> None:
        """The removal of a container that we stopped is no death."""
        self.host.containers.stopping(self.one.id)
        self.host.containers.forget(self.one.id)
        self.assertEqual(self.failures.attempts, {})

    def test_out_of_memory(self) -> None:
        """One that the kernel killed for want of memory was not killed from outside."""
        for _ in range(2):
            end = self.ended(1, exit_code=137, oom_killed=True)
            self.host.containers.update(end)
            self.again(end)
        self.assertEqual(
            (self.failures.attempts[FIRST].count, self.failures.attempts[FIRST].reason), (2, "killed: out of memory")
        )

    def test_clock_set_back(self) -> None:
        """A wall clock that was set back while a container ran makes its life short, not negative."""
        self.host.containers.update(self.ended(-3600))
        self.assertTrue(self.delay() <= 0)

    def test_on_purpose(self) -> None:
        """The end of a container that we stopped is no death."""
        self.host.containers.stopping(self.one.id)
        self.host.containers.update(self.ended(1))
        self.assertEqual(self.failures.attempts, {})

    def test_after_one_on_purpose(self) -> None:
        """A container that was stopped on purpose and started again dies like any other."""
        self.host.containers.stopping(self.one.id)
        end = self.ended(1)
        self.host.containers.update(end)
        self.again(end)
        self.host.containers.update(self.ended(0.25))
        self.assertEqual(self.failures.attempts[FIRST].count, 1)

    def test_never_seen_running(self) -> None:
        """The death of a container counts even if it ended before any inspection found it running."""
        two = evolve(self.one, status=Status.EXITED, id="c2", name="c2")
        self.host.containers.update(evolve(two, status=Status.CREATED, started=0.0))
        self.host.containers.update(evolve(two, started=11.0, finished=11.1))
        self.assertEqual(self.failures.attempts[FIRST].count, 1)
        self.host.containers.update(evolve(two, started=12.0, finished=12.1))
        self.assertEqual(self.failures.attempts[FIRST].count, 2)

    def test_found_dead(self) -> None:
        """A container that had ended before this agent knew it is no death of now."""
        self.host.containers.update(evolve(self.ended(1), id="c2"))
        self.assertEqual(self.failures.attempts, {})

    def test_told_twice(self) -> None:
        """One death is counted once, however often it is seen."""
        self.host.containers.update(self.ended(1))
        self.host.containers.update(self.ended(1, error="seen again"))
        self.assertEqual(self.failures.attempts[FIRST].count, 1)

    def test_forgotten(self) -> None:
        """Failures that no other followed for long are forgotten with a list."""
        self.step()
        self.fail_once()
        self.clock.advance(300)
        self.assertIn(FIRST, self.failures.attempts)
        self.clock.pump([LIST_INTERVAL] * 12)
        self.assertEqual(self.failures.attempts, {})


class TroubleTests(HostCase):
    """The Engine is away."""

    def test_away_and_back(self) -> None:
        """An Engine that ended its events is in trouble until a list is answered; nothing is forgotten meanwhile."""
        one = self.run_one()
        self.start()
        self.engine.unavailable = True
        self.step()
        self.assertIn("ended its event stream", self.host.trouble)
        self.assertEqual((self.known, self.host.listed), ({one.id: Status.RUNNING}, True))
        self.engine.unavailable = False
        self.step()
        self.assertEqual((self.host.trouble, self.answers), ("", 2))

    def test_stopped(self) -> None:
        """Calls that wait for a thread when the agent ends are no fault: nothing is logged of them."""
        one, lines, run = self.run_one(), LogLines(self), HeldRun()
        self.host = self.make(run)
        self.start()
        self.host.on_event("die", one.id)
        self.clock.advance(0)
        self.assertEqual(run.names, ["containers", "inspect"])
        while run.waiting:
            run.waiting.pop().arrived.errback(Stopped("the docker threads are stopped"))
        self.assertEqual(lines("could not be"), [])

    def test_damaged_images(self) -> None:
        """An Engine that lists its containers, and not its images, is in no trouble; the reason is logged once."""
        one, lines = self.run_one(), LogLines(self)
        self.engine.untold = "the Docker Engine refused to say what the host has: content digest not found"
        self.start()
        for _ in range(4):
            self.clock.advance(LIST_INTERVAL)
            self.assertEqual(self.host.trouble, "")
        self.assertEqual((self.known, self.engine.calls["containers"]), ({one.id: Status.RUNNING}, 5))
        self.assertEqual((len(lines("content digest")), len(lines("containers are ours"))), (1, 1))
        self.engine.untold = ""
        self.clock.advance(LIST_INTERVAL)
        self.assertTrue(self.host.stock.inventory.memory)

    def test_silent_about_images(self) -> None:
        """Nor is one that is so slow to list its images that nobody waits for it; whether it hangs, pings show."""
        one, lines = self.run_one(), LogLines(self)
        self.engine.untold, self.engine.untold_as = "the Docker Engine did not answer: timed out", EngineSilent
        self.start()
        self.clock.pump([1.0] * 120)
        self.assertEqual((self.host.trouble, self.answers, self.known), ("", 1, {one.id: Status.RUNNING}))
        self.assertEqual((self.engine.calls["containers"], len(lines("timed out"))), (5, 1))
        self.engine.untold_as = EngineUnavailable
        self.clock.advance(LIST_INTERVAL)
        self.assertIn("timed out", self.host.trouble)

    def test_damaged_container(self) -> None:
        """One container that cannot be inspected is no trouble of the Engine's."""
        one, two = self.run_one(), self.run_one(2)
        self.start()
        self.engine.crash(two.id)
        self.engine.lost_layers.add(two.id)
        self.step()
        self.assertEqual((self.host.trouble, self.answers), ("", 1))
        self.assertEqual(self.known, {one.id: Status.RUNNING})

    def test_stalled(self) -> None:
        """While containerd hangs the Engine is in trouble, whatever it lists, and until containerd answers again."""
        self.start()
        self.host.stalled("no answer")
        self.host.stalled("no answer")
        self.assertEqual((self.host.trouble, self.answers), ("no answer", 2))
        self.clock.advance(LIST_INTERVAL)
        self.assertEqual((self.host.trouble, self.answers), ("no answer", 2))
        self.host.resumed()
        self.assertEqual((self.host.trouble, self.answers), ("", 3))

    def test_stalled_and_silent(self) -> None:
        """An Engine that hangs as well says so, and an answer of either ends the trouble of that one alone."""
        self.start()
        self.host.stalled("no answer")
        self.host.fell_silent("no pong")
        self.assertEqual(self.host.trouble, "no pong")
        self.host.answered()
        self.assertEqual(self.host.trouble, "no answer")
        self.host.fell_silent("no pong")
        self.host.resumed()
        self.assertEqual(self.host.trouble, "")

    def test_away_at_the_start(self) -> None:
        """An Engine that is away at the start is listed as soon as it answers."""
        self.engine.unavailable = True
        self.start()
        self.assertEqual((self.host.listed, self.answers), (False, 0))
        self.engine.unavailable = False
        self.step()
        self.assertEqual((self.host.listed, self.answers), (True, 1))

    def test_one_look_failed(self) -> None:
        """After an inspection that failed all is listed again soon, though the events go on."""
        one = self.run_one()
        self.start()
        self.engine.failures = 1
        self.engine.crash(one.id)
        self.step()
        self.assertIn("did not answer in time", self.host.trouble)
        self.clock.advance(FIRST_RETRY)
        self.assertEqual((self.host.trouble, self.known), ("", {one.id: Status.EXITED}))

    def test_silent_about_one(self) -> None:
        """One container that is locked, so that no inspection of it is answered, is no trouble of the Engine's."""
        one = self.run_one()
        self.start()
        self.engine.failures, self.engine.failing_as = 1, EngineSilent
        self.engine.crash(one.id)
        self.step()
        self.assertEqual((self.host.trouble, self.known), ("", {one.id: Status.RUNNING}))
        self.clock.advance(FIRST_RETRY)
        self.assertEqual((self.host.trouble, self.known, self.answers), ("", {one.id: Status.EXITED}, 1))

    def test_retries(self) -> None:
        """While the Engine is away lists are tried at growing distances, never far apart; then soon again."""
        self.start()
        self.listener.stop()
        self.engine.unavailable = True
        self.engine.calls.clear()
        self.host.inspect("c1")
        asked: list[int] = []
        for second in range(1, 121):
            self.clock.advance(1)
            if self.engine.calls["containers"] > len(asked):
                asked += [second] * (self.engine.calls["containers"] - len(asked))
        self.assertEqual(asked[:4], [1, 3, 7, 15])
        self.assertTrue(max(b - a for a, b in pairwise(asked)) <= LIST_INTERVAL)
        self.assertTrue(len(asked) < 16, asked)
        self.engine.unavailable = False
        self.clock.advance(LIST_INTERVAL)
        self.engine.failures = 1
        self.host.inspect("c1")
        self.clock.advance(FIRST_RETRY)
        self.assertEqual(self.host.trouble, "")

    def test_fault(self) -> None:
        """An exception nobody foresaw in a list is logged, and the next list comes."""
        self.start()
        self.engine.fault = RuntimeError("unforeseen")
        self.clock.advance(LIST_INTERVAL)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        one = self.run_one()
        self.clock.advance(LIST_INTERVAL)
        self.assertEqual(self.known, {one.id: Status.RUNNING})


class ImageTests(HostCase):
    """Images and failures."""

    def test_pull_failed(self) -> None:
        """Failed pulls are counted by reference, and forgotten when the image is there."""
        image = Lane("image", "web:2")
        for _ in range(2):
            self.failures.take(image, Fault("manifest unknown", image, "manifest unknown"))
        attempts = self.failures.pulls["web:2"]
        self.assertEqual((attempts.count, attempts.reason), (2, "manifest unknown"))
        self.host.stock.pulled("web:2", Image("sha256:2"))
        self.assertEqual((self.failures.pulls, self.host.stock.images), ({}, {"web:2": Image("sha256:2")}))

    def test_failed(self) -> None:
        """A container that could not be created or started is counted for its instance."""
        self.fail_once()
        self.assertEqual(
            (self.failures.attempts[FIRST].count, self.failures.attempts.get(instance(2), NONE)), (1, NONE)
        )
