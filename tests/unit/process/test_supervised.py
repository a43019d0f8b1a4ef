"""Tests for daprdockr.process.supervised, with a reactor and a kernel in memory."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.process.pidfile import PidFile
from daprdockr.process.supervised import STEADY, SupervisedProcess
from daprdockr.process.table import Record
from tests.build.processes import supervised
from tests.fakes.process import KILL, MemoryProcess, ProcessReactor

TERM = int(signal.SIGTERM)


class SupervisedProcessTestCase(SynchronousTestCase):
    """A supervised process in memory. The program is Python's own, since it is looked up for real."""

    def setUp(self) -> None:
        self.reactor = ProcessReactor()
        self.place = Path(self.mktemp())
        self.reasons: list[str] = []

    def supervise(self, **changes: Any) -> SupervisedProcess:
        settings: dict[str, Any] = {
            "name": "thing",
            "argv": [sys.executable, "-p", "/place"],
            "identity": "/place",
            "pidfile": self.place / "pid.json",
            "reactor": self.reactor,
            "environment": {"PATH": os.defpath},
            "table": self.reactor.table,
            "chance": lambda: 0.0,
            "on_exit": self.reasons.append,
        }
        return supervised(**(settings | changes))

    def started(self, **changes: Any) -> tuple[SupervisedProcess, MemoryProcess]:
        thing = self.supervise(**changes)
        thing.startService()
        return thing, self.reactor.processes[-1]


class SpawnTests(SupervisedProcessTestCase):
    """The start of a process."""

    def test_own_session(self) -> None:
        """The program is started through setsid, with its full path, its arguments and the environment given."""
        _, process = self.started()
        self.assertTrue(process.executable.endswith("/setsid"))
        self.assertEqual(process.argv[1:], [sys.executable, "-p", "/place"])
        self.assertEqual(process.environment, {"PATH": os.defpath})

    def test_recorded(self) -> None:
        """The pid is known, and the pidfile identifies the process."""
        thing, process = self.started()
        self.assertEqual(thing.pid, process.pid)
        self.assertEqual(PidFile(thing.program.pidfile).read(), self.reactor.table.records[process.pid])

    def test_recorded_when_it_can_be_identified(self) -> None:
        """One that cannot be identified, on a host without a descriptor left, runs on, and is recorded later."""
        self.reactor.table.fault = OSError("too many open files")
        thing, process = self.started()
        record = self.reactor.table.records.pop(process.pid)
        self.reactor.pump([5.0] * 3)
        self.reactor.table.fault = None
        self.reactor.pump([5.0] * 3)
        self.reactor.table.records[process.pid] = record
        self.reactor.pump([5.0])
        self.assertEqual((self.reactor.processes, PidFile(thing.program.pidfile).read()), ([process], record))
        self.assertEqual(thing.pid, process.pid)

    def test_not_recorded_afterwards(self) -> None:
        """That it cannot be recorded is logged, once, also if it could not be identified before."""
        thing, process = self.started()
        record = self.reactor.table.records.pop(process.pid)
        thing._recorded.write(process.pid)
        self.reactor.table.records[process.pid] = record
        self.reactor.table.fault = OSError("too many open files")
        with capturedLogs() as logged:
            self.reactor.pump([5.0] * 5)
        self.assertEqual([str(event["reason"]) for event in logged], ["too many open files"])

    def test_silent_without_output(self) -> None:
        """Without a file and a callback its output goes nowhere, and no descriptor stays open with us."""
        before = len(os.listdir("/proc/self/fd"))
        _, process = self.started()
        self.assertTrue(all(isinstance(target, int) for target in process.descriptors.values()))
        self.assertEqual(len(os.listdir("/proc/self/fd")), before)

    def test_output_file(self) -> None:
        """With a file, output and errors go to it by one descriptor."""
        _, process = self.started(output=self.place / "out.log", on_output=self.fail)
        self.assertEqual(process.descriptors[1], process.descriptors[2])
        self.assertTrue((self.place / "out.log").exists())

    def test_output_lines(self) -> None:
        """A callback receives the lines of both streams, also those of the end."""
        told: list[str] = []
        _, process = self.started(on_output=told.append)
        self.assertEqual((process.descriptors[1], process.descriptors[2]), ("r", "r"))
        process.protocol.childDataReceived(1, b"one\n")
        process.protocol.childDataReceived(2, b"two")
        process.end()
        self.assertEqual(told, ["one", "two"])

    def test_missing_program(self) -> None:
        """A program that is not installed is reported, and looked for again later."""
        thing = self.supervise(argv=["no-such-program"])
        thing.startService()
        self.assertIsNone(thing.pid)
        self.assertIn("no-such-program is not installed", self.reasons[0])
        self.reactor.advance(0.1)
        self.assertEqual(len(self.reasons), 2)
        thing.stopService()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_refused_by_the_kernel(self) -> None:
        """A spawn that the kernel refuses is tried again, and succeeds when it may."""
        self.reactor.refuse = OSError("out of memory")
        thing = self.supervise()
        thing.startService()
        self.assertIn("out of memory", self.reasons[0])
        self.reactor.refuse = None
        self.reactor.advance(0.1)
        self.assertEqual(thing.pid, self.reactor.processes[0].pid)


class PrepareTests(SupervisedProcessTestCase):
    """``before_start``."""

    def test_waits(self) -> None:
        """The process starts when what was begun before it has ended."""
        ready: Deferred[None] = Deferred()
        thing = self.supervise(before_start=lambda: ready)
        thing.startService()
        self.assertEqual(self.reactor.processes, [])
        ready.callback(None)
        self.assertEqual(len(self.reactor.living), 1)

    def test_failure(self) -> None:
        """When it raises, nothing starts, and it is asked again before the next try."""
        answers: list[Callable[[], None]] = [lambda: None, self._complain]
        thing = self.supervise(before_start=lambda: answers.pop()())
        thing.startService()
        self.assertEqual(self.reasons, ["could not be started: bad configuration"])
        self.reactor.advance(0.1)
        self.assertEqual(len(self.reactor.living), 1)

    def _complain(self) -> None:
        raise ValueError("bad configuration")

    def test_stopped_meanwhile(self) -> None:
        """A stop calls it off, and nothing starts afterwards."""
        ready: Deferred[None] = Deferred(lambda _: None)
        thing = self.supervise(before_start=lambda: ready)
        thing.startService()
        self.assertIsNone(thing.stopService())
        self.assertEqual((self.reactor.processes, self.reactor.getDelayedCalls()), ([], []))


class RestartTests(SupervisedProcessTestCase):
    """The restart after a process has ended by itself."""

    def test_restarts(self) -> None:
        """It is started again after the first delay; its group is killed before, and the reason reported."""
        thing, process = self.started()
        process.end(status=1)
        self.assertEqual(self.reasons, ["exit status 1"])
        self.assertEqual(self.reactor.table.groups_killed, [process.pid])
        self.assertIsNone(thing.pid)
        self.assertIsNone(PidFile(thing.program.pidfile).read())
        self.reactor.advance(0.1)
        self.assertEqual(thing.pid, self.reactor.processes[1].pid)

    def test_reason_of_a_signal(self) -> None:
        """A death by signal is reported with the signal's name."""
        _, process = self.started()
        process.end(by=9)
        self.assertEqual(self.reasons, ["killed by SIGKILL"])

    def test_signal_without_a_name(self) -> None:
        """A signal for real time has no name; the program is started again."""
        thing, process = self.started()
        process.end(by=40)
        self.assertEqual(self.reasons, ["killed by signal 40"])
        self.reactor.advance(1.0)
        self.assertEqual(thing.pid, self.reactor.processes[1].pid)

    def test_delays_grow(self) -> None:
        """Each end soon after the start doubles the delay."""
        _, process = self.started()
        process.end()
        self.reactor.advance(0.1)
        self.reactor.processes[1].end()
        self.reactor.advance(0.19)
        self.assertEqual(len(self.reactor.processes), 2)
        self.reactor.advance(0.01)
        self.assertEqual(len(self.reactor.processes), 3)

    def test_steady_process_is_forgiven(self) -> None:
        """After one that lived long enough the delay is the first again."""
        _, process = self.started()
        process.end()
        self.reactor.advance(0.1)
        self.reactor.advance(STEADY)
        self.reactor.processes[1].end()
        self.reactor.advance(0.1)
        self.assertEqual(len(self.reactor.processes), 3)

    def test_stopped_while_waiting(self) -> None:
        """A stop during the delay calls the start off."""
        thing, process = self.started()
        process.end()
        self.assertIsNone(thing.stopService())
        self.assertEqual(self.reactor.getDelayedCalls(), [])


class StopTests(SupervisedProcessTestCase):
    """``stopService``."""

    def test_asks_and_waits(self) -> None:
        """The process gets its stop signal, and the Deferred fires when it has ended; nothing is started."""
        thing, process = self.started(stop_signal="QUIT")
        gone = thing.stopService()
        assert gone is not None
        self.assertEqual(process.signals, [int(signal.SIGQUIT)])
        self.assertNoResult(gone)
        process.end()
        self.assertIsNone(self.successResultOf(gone))
        self.assertEqual((self.reasons, self.reactor.getDelayedCalls()), ([], []))
        self.assertFalse(thing.program.pidfile.exists())

    def test_grace_over(self) -> None:
        """One that does not listen is killed with its group after the grace."""
        thing, process = self.started(grace=3.0)
        gone = thing.stopService()
        assert gone is not None
        self.reactor.advance(2.9)
        self.assertEqual(process.signals, [TERM])
        self.reactor.advance(0.1)
        self.assertEqual(process.signals, [TERM, KILL])
        self.assertEqual(self.reactor.table.groups_killed, [process.pid])
        self.assertNoResult(gone)
        process.end(by=9)
        self.assertIsNone(self.successResultOf(gone))

    def test_not_even_killed(self) -> None:
        """A stop ends even if the kernel does not let the process go."""
        thing, process = self.started(grace=3.0)
        gone = thing.stopService()
        assert gone is not None
        self.reactor.advance(3.0)
        self.reactor.advance(3.0)
        self.assertIsNone(self.successResultOf(gone))
        process.end(by=9)
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_leave_running(self) -> None:
        """One that is left running gets no signal, keeps its pidfile, and its end means nothing any more."""
        thing, process = self.started(leave_running=True, output=self.place / "out.log")
        self.assertIsNone(thing.stopService())
        self.assertEqual((process.signals, thing.program.pidfile.exists()), ([], True))
        process.end()
        self.assertEqual((self.reasons, self.reactor.getDelayedCalls()), ([], []))

    def test_signal(self) -> None:
        """A signal by name goes to the process, and nowhere while there is none."""
        thing, process = self.started()
        thing.signal("HUP")
        self.assertEqual(process.signals, [int(signal.SIGHUP)])
        process.end()
        thing.signal("HUP")


class AdoptTests(SupervisedProcessTestCase):
    """A start with the pidfile of an earlier agent."""

    def setUp(self) -> None:
        super().setUp()
        self.record = Record(pid=77, started=1, boot="this-boot")
        PidFile(self.place / "pid.json").write(self.record)

    def test_adopts(self) -> None:
        """The process that lives is watched, and no second one started."""
        self.reactor.table.records[77] = self.record
        thing = self.supervise()
        thing.startService()
        self.assertEqual((thing.pid, self.reactor.processes), (77, []))
        self.assertEqual([reader.fileno() for reader in self.reactor.readers], self.reactor.table.opened)

    def test_adopted_ends(self) -> None:
        """When the adopted one ends, that is reported, its pidfd closed, and a new one started."""
        self.reactor.table.records[77] = self.record
        thing = self.supervise()
        thing.startService()
        self.reactor.readers[0].doRead()
        self.assertEqual(len(self.reasons), 1)
        self.assertEqual(self.reactor.readers, [])
        self.assertRaises(OSError, os.fstat, self.reactor.table.opened[0])
        self.reactor.advance(0.1)
        self.assertEqual(thing.pid, self.reactor.processes[0].pid)

    def test_adopted_with_words(self) -> None:
        """One that has any of the words with which it is of use is taken over as it is."""
        self.reactor.table.records[77] = self.record
        self.reactor.table.words = ("thing", "--port=1")
        thing = self.supervise(usable_with=("--port=1", "--port=2"))
        thing.startService()
        self.assertEqual((thing.pid, self.reactor.processes), (77, []))
        self.assertEqual(self.reactor.getDelayedCalls()[:-1], [])

    def test_of_no_use(self) -> None:
        """One that has none of these words is asked to end, and started anew."""
        child = subprocess.Popen(["sleep", "60"])
        self.addCleanup(child.kill)
        record = self.reactor.table.records[child.pid] = Record(pid=child.pid, started=1, boot="this-boot")
        PidFile(self.place / "pid.json").write(record)
        self.reactor.table.real, self.reactor.table.words = True, ("thing", "--port=1")
        thing = self.supervise(usable_with=("--port=2",))
        thing.startService()
        self.assertEqual((child.wait(10), self.reactor.processes), (-TERM, []))
        self.reactor.readers[0].doRead()
        self.reactor.advance(0.1)
        self.assertEqual(thing.pid, self.reactor.processes[0].pid)
        thing.leave_running = True
        thing.stopService()
        self.assertEqual(self.reactor.getDelayedCalls(), [])

    def test_left_again(self) -> None:
        """An adopted process that is to go on is let go of."""
        self.reactor.table.records[77] = self.record
        thing = self.supervise(leave_running=True)
        thing.startService()
        self.assertIsNone(thing.stopService())
        self.assertEqual(self.reactor.readers, [])
        self.assertEqual(PidFile(thing.program.pidfile).read(), self.record)

    def test_stranger(self) -> None:
        """A pid that went to somebody else is not adopted, nor kept open."""
        self.reactor.table.records[77] = Record(pid=77, started=2, boot="this-boot")
        thing = self.supervise()
        thing.startService()
        self.assertEqual(thing.pid, self.reactor.processes[0].pid)
        self.assertRaises(OSError, os.fstat, self.reactor.table.opened[0])

    def test_orphans_are_killed_first(self) -> None:
        """Workers of a master that died while no agent lived are killed before the new start."""
        self.reactor.table.left_behind = (78, 79)
        thing = self.supervise(before_start=lambda: self.assertEqual(self.reactor.table.killed, [78, 79]))
        thing.startService()
        self.assertEqual(len(self.reactor.living), 1)

    def test_without_record(self) -> None:
        """A process whose pidfile was lost, or names another, is found by its command line, and recorded again."""
        for spoil in (self.place / "pid.json").unlink, self._stale:
            spoil()
            found = self.reactor.table.records[88] = Record(pid=88, started=9, boot="this-boot")
            self.reactor.table.unrecorded = 88
            thing = self.supervise()
            thing.startService()
            self.assertEqual((thing.pid, self.reactor.processes), (88, []))
            self.assertEqual(PidFile(thing.program.pidfile).read(), found)
            thing.leave_running = True
            thing.stopService()

    def _stale(self) -> None:
        PidFile(self.place / "pid.json").write(Record(pid=77, started=1, boot="last-boot"))


class FullDiskTests(SupervisedProcessTestCase):
    """A disk on which nothing can be written: here the directory of the files is no directory."""

    def setUp(self) -> None:
        super().setUp()
        self.place.write_bytes(b"")

    def mend(self) -> None:
        self.place.unlink()

    def supervise(self, **changes: Any) -> SupervisedProcess:
        return super().supervise(
            **({"pidfile": self.place / "a" / "pid.json", "output": self.place / "b" / "out"} | changes)
        )

    def test_told_once(self) -> None:
        """A failing write is logged once, however often it is tried, and once more when it fails after a success."""
        self.started()
        self.reactor.pump([5.0])
        with capturedLogs() as logged:
            self.reactor.pump([5.0] * 20)
        self.assertEqual(logged, [])
        self.mend()
        self.reactor.pump([5.0] * 2)
        (self.place / "b" / "out").mkdir(parents=True)
        with capturedLogs() as logged:
            self.reactor.pump([5.0] * 20)
        self.assertEqual([event["log_format"] for event in logged], ["the output of {name} is lost: {reason}"])

    def test_start_that_fails(self) -> None:
        """A start that fails again and again for one reason is logged once."""
        failures = [OSError("read-only")] * 3 + [OSError("full")] * 2

        def before_start() -> None:
            if failures:
                raise failures.pop(0)

        with capturedLogs() as logged:
            thing = self.supervise(before_start=before_start)
            thing.startService()
            self.reactor.pump([9.0] * 6)
        reasons = [str(event["reason"]) for event in logged if "could not be started" in event["log_format"]]
        self.assertEqual((reasons, thing.pid), (["read-only", "full"], self.reactor.processes[0].pid))

    def test_runs(self) -> None:
        """A process is started once, though it can neither be recorded nor its output kept."""
        thing, process = self.started()
        self.reactor.advance(60)
        self.assertEqual((thing.pid, self.reactor.processes, self.reasons), (process.pid, [process], []))
        process.end()
        self.reactor.advance(1)
        self.assertEqual(thing.pid, self.reactor.processes[1].pid)

    def test_recorded_later(self) -> None:
        """It is recorded within ten seconds of when that can be done; one line covers all that failed before."""
        with capturedLogs() as logged:
            thing, process = self.started(output=None)
            self.reactor.pump([1.0] * 30)
        self.assertEqual(len([event for event in logged if "is not recorded" in event["log_format"]]), 1)
        self.mend()
        self.reactor.pump([1.0] * 10)
        self.assertEqual(PidFile(thing.program.pidfile).read(), self.reactor.table.records[process.pid])
