"""``wait`` ends with the change it waits for, or with what is lacking when the time is over."""

from __future__ import annotations

import time

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.cli.commands.wait import Waiting
from daprdockr.cli.outcome import TimedOut
from daprdockr.cli.request import Request
from daprdockr.model.errors import EtcdUnavailable, NotFound
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.entries import Delete, Put
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from tests.build.jobs import REPORT, job
from tests.build.values import KEYS, definition, named
from tests.fakes.command_line import EventfulStore, Outcome, command_line

WEB = definition(instances=2)
NEW = definition("web:2", instances=2)
RUNNING = ClaimRecord(node="n1", state=State.RUNNING, healthy=True, definition=WEB.digest)


class WaitTests(SynchronousTestCase):
    """The command, with time that stands still unless a test lets it pass."""

    def setUp(self) -> None:
        self.store = EventfulStore()
        self.store.put(KEYS.service(WEB.name), WEB.encode())
        self.now = 0.0

    def claim(self, number: int, record: ClaimRecord = RUNNING) -> None:
        self.store.put(KEYS.claim(InstanceName(WEB.name, number)), record.encode(), self.store.lease)

    def claim_both(self) -> None:
        self.claim(1)
        self.claim(2)

    def pause(self, seconds: float) -> None:
        self.now += seconds

    def wait(self, timeout: float = 60) -> Waiting:
        request = Request("wait", service=WEB.name, timeout=timeout)
        waiting = Waiting(request, self.store, lambda: self.now, self.pause)
        waiting.finish()
        return waiting

    def test_taken(self) -> None:
        """A service can be as wanted and lack a port that an older one has: that is named, and waited for by nobody."""
        route = [{"Port": 5432, "ContainerPort": 5432}]
        self.store.commit([], [Delete(KEYS.service(WEB.name))])
        for wanted in (named("db", Tcp=route), late := definition(Tcp=route)):
            self.store.put(KEYS.service(wanted.name), wanted.encode())
        self.claim(1, evolve(RUNNING, definition=late.digest))
        done = command_line(self.store, "wait", "web.myapp")
        complaint = "daprdockrcmd: web.myapp: port 5432/tcp belongs to db.myapp\n"
        self.assertEqual((done.status, done.stderr), (0, complaint))
        self.assertTrue(done.stdout.endswith("web.myapp: 1 healthy\n"))
        self.assertEqual(command_line(self.store, "wait", "web.myapp", "-o", "json").stderr, complaint)

    def test_deadline(self) -> None:
        """With a deadline of its own it gives up then, and says after how long it was asked to."""
        request = Request("wait", service=WEB.name, timeout=60)
        waiting = Waiting(request, self.store, lambda: self.now, self.pause, deadline=self.now - 1)
        self.assertIn("not done after 60 s: ", str(self.assertRaises(TimedOut, waiting.finish)))

    def test_all_there(self) -> None:
        """When all is as it has to be nothing is waited for."""
        self.claim(1)
        self.claim(2)
        self.wait(timeout=0)
        self.assertNotIn("watch", self.store.calls)

    def test_follows(self) -> None:
        """It ends when the watch reports the last instance that was lacking."""
        self.store.coming = [self.claim_both]
        self.wait()
        self.assertEqual(self.store.calls.count("list"), 1)

    def test_unhealthy_and_older(self) -> None:
        """An instance counts only when it runs, is healthy, and has the definition that is wanted now."""
        self.claim(1)
        for lacking in (
            evolve(RUNNING, healthy=False),
            evolve(RUNNING, state=State.UNHEALTHY),
            evolve(RUNNING, definition="older"),
        ):
            self.claim(2, lacking)
            self.assertRaises(TimedOut, self.wait, timeout=0)

    def test_timed_out(self) -> None:
        """When the time is over it says what is lacking, no more of it than fits a line, with exit status 4."""
        self.claim(1, ClaimRecord(node="n1", state=State.PULLING, reason="no such image"))
        done = command_line(self.store, "wait", "web.myapp", "-timeout", "0")
        self.assertEqual(
            (done.status, done.stderr),
            (
                4,
                "daprdockrcmd: not done after 0 s: 1.web.myapp is pulling on n1 (no such image),"
                " 2.web.myapp is waiting for a node (no node takes instances now)\n",
            ),
        )
        many = evolve(WEB, instances=9000)
        self.store.put(KEYS.service(WEB.name), many.encode())
        self.assertIn("and 8997 more", command_line(self.store, "wait", "-timeout", "0").stderr)

    def test_same_reason(self) -> None:
        """A reason that several instances have stands there once."""
        for number in (1, 2):
            self.claim(number, ClaimRecord(node=f"n{number}", state=State.PULLING, reason="no (such) image"))
        self.assertIn(
            "1.web.myapp is pulling on n1 (no (such) image), 2.web.myapp is pulling on n2 (for the same reason)\n",
            command_line(self.store, "wait", "web.myapp", "-timeout", "0").stderr,
        )

    def test_scaled_meanwhile(self) -> None:
        """The number of wanted instances may change while it waits."""
        self.claim(1)
        self.store.coming = [lambda: self.store.put(KEYS.service(WEB.name), evolve(WEB, instances=1).encode())]
        self.wait()

    def test_broken_watch(self) -> None:
        """A watch that breaks is opened anew behind a new list, after a pause."""

        def die() -> None:
            self.claim_both()
            raise EtcdUnavailable("etcd ended the watch")

        self.store.coming = [die]
        self.wait()
        self.assertEqual((self.store.calls.count("list"), self.now), (2, 0.2))

    def test_etcd_is_away_meanwhile(self) -> None:
        """Once etcd has answered, an outage is tolerated until the timeout, and reported then."""
        self.store.coming = [lambda: setattr(self.store, "unavailable", True)]
        error = self.assertRaises(TimedOut, self.wait, timeout=1)
        self.assertIn("2.web.myapp is waiting", str(error))
        self.assertIn("; etcd does not answer, so this may be out of date", str(error))
        self.assertGreaterEqual(self.now, 1)

    def test_etcd_comes_back(self) -> None:
        """After an absence of etcd it goes on with a new list."""
        self.store.coming = [lambda: setattr(self.store, "unavailable", True)]

        def come_back(seconds: float) -> None:
            self.store.unavailable = False
            self.claim_both()

        waiting = Waiting(Request("wait", service=WEB.name), self.store, lambda: self.now, come_back)
        waiting.finish()
        self.assertEqual(waiting.unmet, [])

    def test_etcd_was_away(self) -> None:
        """An etcd that answers again, though not at once, is not said to be away when the time is over."""
        lists = self.store.list

        def end() -> None:
            self.patch(self.store, "list", fail)
            raise EtcdUnavailable("etcd ended the watch")

        def fail(*_: object) -> None:
            self.patch(self.store, "list", lists)
            raise EtcdUnavailable("etcd did not answer")

        self.store.coming = [end]
        request = Request("wait", service=WEB.name, timeout=0.3)
        waiting = Waiting(request, self.store, time.monotonic, self.pause)
        self.assertNotIn("etcd does not answer", str(self.assertRaises(TimedOut, waiting.finish)))

    def test_etcd_is_away_from_the_start(self) -> None:
        """An etcd that never answered is not waited for."""
        self.store.unavailable = True
        self.assertRaises(EtcdUnavailable, self.wait)

    def test_progress(self) -> None:
        """While it waits for one service it says how many instances are as wanted, each time that changes."""

        def run() -> None:
            self.claim(1, evolve(RUNNING, definition="older"))
            self.claim_both()

        self.store.coming = [run]
        done = command_line(self.store, "wait", "web.myapp")
        self.assertEqual(done.stdout.splitlines(), [
            "web.myapp: 0 of 2 instances are as wanted",
            "web.myapp: 1 of 2 instances are as wanted",
            "web.myapp: 2 healthy",
        ])  # fmt: skip

    def test_job(self) -> None:
        """Nothing waits for the runs of a job, and the command says so."""
        self.store.put(KEYS.service(REPORT), job().encode())
        line = "report.myapp is a job, whose runs nothing waits for: daprdockrcmd job history report.myapp\n"
        self.assertEqual(command_line(self.store, "wait", "report.myapp").stdout, line)
        self.claim_both()
        self.assertEqual(command_line(self.store, "wait").stdout, f"{line}web.myapp: 2 healthy\n")
        services = command_line(self.store, "wait", "-o", "json").json["Services"]
        self.assertEqual([one["Wanted"] for one in services], [None, 2])

    def test_progress_reason(self) -> None:
        """The first reason of an instance is in the line about the progress, as soon as it is known, and once."""

        def run() -> None:
            for reason in ("", "exit status 1: no file", "exit status 2"):
                self.claim(2, ClaimRecord(node="n1", state=State.BACKING_OFF, reason=reason))
            self.claim_both()

        self.store.coming = [run]
        done = command_line(self.store, "wait", "web.myapp")
        self.assertEqual(done.stdout.splitlines(), [
            "web.myapp: 0 of 2 instances are as wanted",
            "web.myapp: 0 of 2 instances are as wanted, 2.web.myapp is backing-off on n1 (exit status 1: no file)",
            "web.myapp: 1 of 2 instances are as wanted, 2.web.myapp is backing-off on n1 (exit status 2)",
            "web.myapp: 2 healthy",
        ])  # fmt: skip

    def test_surplus(self) -> None:
        """It ends when no instance beyond the wanted number has a node any more, and says so meanwhile."""
        self.store.put(KEYS.service(WEB.name), evolve(WEB, instances=0).encode())
        self.claim_both()
        late = command_line(self.store, "wait", "web.myapp", "-timeout", "0")
        lacks = ", ".join(f"{number}.web.myapp is still stopping on n1" for number in (1, 2))
        self.assertEqual((late.status, late.stderr), (4, f"daprdockrcmd: not done after 0 s: {lacks}\n"))

        def stop() -> None:
            for number in (1, 2):
                self.store.commit([], [Delete(KEYS.claim(InstanceName(WEB.name, number)))])

        self.store.coming = [stop]
        done = command_line(self.store, "wait", "web.myapp")
        self.assertEqual(done.stdout.splitlines(), [
            "web.myapp: 2 instances are still stopping",
            "web.myapp: 1 instance is still stopping",
            "web.myapp: 0 healthy",
        ])  # fmt: skip

    def test_json(self) -> None:
        """In JSON it is one object at the end, whatever came before, also where the time is over."""
        self.store.coming = [self.claim_both]
        self.assertEqual(command_line(self.store, "wait", "web.myapp", "-o", "json").json, {
            "Done": True, "Services": [{"Service": "web.myapp", "Wanted": 2}], "Lacking": [],
        })  # fmt: skip
        self.claim(2, evolve(RUNNING, healthy=False))
        done = command_line(self.store, "wait", "-timeout", "0", "-o", "json")
        self.assertEqual((done.status, done.stderr.count("\n"), done.json["Done"]), (4, 1, False))
        self.assertEqual([one["Instance"] for one in done.json["Lacking"]], ["2.web.myapp"])

    def test_reverted(self) -> None:
        """It ends with the reason and exit status 1 when the definition was reverted, healthy as that may be."""
        record = RolloutRecord(
            RolloutState.REVERTED, WEB.digest, NEW.digest, "exited with 1", "n1", "2.web.myapp", ("no file", "bye")
        )
        self.store.put(KEYS.service(WEB.name), NEW.encode())
        service, rollout = Put(KEYS.service(WEB.name), WEB.encode()), Put(KEYS.rollout(WEB.name), record.encode())

        def revert() -> None:
            self.claim_both()
            self.store.commit([], [service, rollout])

        self.store.coming = [revert]
        done = command_line(self.store, "wait", "web.myapp")
        self.assertEqual((done.status, done.stdout.splitlines()[1:]), (1, [
            "web.myapp: the last lines of 2.web.myapp on n1:",
            "web.myapp:   no file",
            "web.myapp:   bye",
        ]))  # fmt: skip
        self.assertFalse(command_line(self.store, "wait", "-o", "json").json["Done"])
        said = "daprdockrcmd: web.myapp: the rollout was reverted: 2.web.myapp on n1: exited with 1\n"
        self.assertEqual(done.stderr, said)
        self.assertEqual(command_line(self.store, "wait"), Outcome(1, "".join(done.stdout.splitlines(True)[1:]), said))

    def test_stands_still(self) -> None:
        """It ends likewise when a rollout to the present definition is paused or failed."""
        for state in (RolloutState.PAUSED, RolloutState.FAILED):
            self.store.put(KEYS.rollout(WEB.name), RolloutRecord(state, "", WEB.digest).encode())
            self.assertEqual(command_line(self.store, "wait", "web.myapp").status, 1)

    def test_former_rollout(self) -> None:
        """A rollout that is not about the present definition, and a record that cannot be read, end nothing."""
        self.claim_both()
        for value in (RolloutRecord(RolloutState.REVERTED, "older", WEB.digest).encode(), b'{"State": "new"}'):
            self.store.put(KEYS.rollout(WEB.name), value)
            self.wait(timeout=0)
        self.store.put(KEYS.rollout(WEB.name) + "/slot", RolloutRecord(RolloutState.PAUSED, "", WEB.digest).encode())
        self.wait(timeout=0)

    def test_absent(self) -> None:
        """A service that does not exist, or is deleted meanwhile, is not waited for."""
        self.assertEqual(command_line(self.store, "wait", "no.such").status, 3)
        self.store.coming = [lambda: self.store.commit([], [_deletion()])]
        self.assertRaises(NotFound, self.wait)

    def test_all_services(self) -> None:
        """Without a name it waits for all, and says what it found."""
        other = evolve(WEB, name=evolve(WEB.name, service="db"), instances=0)
        self.store.put(KEYS.service(other.name), other.encode())
        self.store.coming = [self.claim_both]
        done = command_line(self.store, "wait")
        self.assertEqual((done.status, done.stdout), (0, "db.myapp: 0 healthy\nweb.myapp: 2 healthy\n"))

    def test_unusable(self) -> None:
        """Nothing says that all is as wanted where a definition cannot be read, whose service was not named."""
        self.claim_both()
        self.store.put(KEYS.service(named("db").name), b"{}")
        done = command_line(self.store, "wait")
        key = KEYS.service(named("db").name)
        complaint = f"daprdockrcmd: the stored definition {key} is not usable: daprdockrcmd status says why\n"
        self.assertEqual((done.status, done.stderr), (1, complaint))
        self.assertEqual(command_line(self.store, "wait", "web.myapp").status, 0)


def _deletion() -> Delete:
    return Delete(KEYS.service(WEB.name))
