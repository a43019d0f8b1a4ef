"""The heartbeat: which lease a node has, when that is certain, and what the node's record needs."""

from __future__ import annotations

import shutil

from attrs import evolve
from twisted.logger import capturedLogs

from daprdockr.agent.holder import Holder
from daprdockr.agent.membership.heartbeat import Heartbeat
from daprdockr.model.errors import EtcdUnavailable
from daprdockr.model.known.changes import Changes
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.node import NodeRecord
from tests.build.beats import BOOTED, KEY, RECORD, TTL, HeartbeatCase
from tests.fakes.run import HeldRun


class LeaseTests(HeartbeatCase):
    """Getting a lease, and keeping it."""

    def test_first_beat(self) -> None:
        """The first beat takes a lease, saves it, and registers the node under it."""
        beat = self.started()
        self.assertNotEqual(beat.lease, 0)
        self.assertEqual(self.state.read_lease(), beat.lease)
        self.assertEqual((self.entry.lease, self.entry.value), (beat.lease, RECORD.encode()))
        self.assertEqual((self.changes, beat.trouble), ([beat.lease], ""))

    def test_further_beats(self) -> None:
        """Three beats in a TTL keep the lease, and write nothing."""
        beat = self.started()
        lease, revision = beat.lease, self.store.revision
        self.store.calls.clear()
        self.advance(TTL)
        self.assertEqual(self.store.calls, ["keep_alive"] * 3)
        self.advance(10 * TTL)
        self.assertEqual((beat.lease, self.store.revision, self.changes), (lease, revision, [lease]))

    def test_resume(self) -> None:
        """An agent that comes within the TTL goes on with the saved lease and the record as they are."""
        first = self.started()
        lease, before = first.lease, self.entry
        self.stop(first)
        self.advance(TTL - 1)
        second = self.started()
        self.assertEqual((second.lease, self.entry), (lease, before))

    def test_resume_a_shorter_one(self) -> None:
        """A lease that was taken with a smaller ``--lease-ttl`` is kept alive as often as it needs."""
        lease = self.store.grant(1).id
        self.state.write_lease(lease)
        beat = self.started()
        self.advance(10 * TTL)
        self.assertEqual((beat.lease, self.entry.lease), (lease, lease))
        self.store.revoke(lease)
        self.advance(1)
        self.store.calls.clear()
        self.advance(10 * TTL)
        self.assertEqual(self.store.calls.count("keep_alive"), 30)

    def test_resume_as_another(self) -> None:
        """A successor that presents itself differently writes its record in the place of the old one."""
        first = self.started()
        before = self.entry
        self.stop(first)
        record = evolve(RECORD, version="2")
        second = self.started(record=record)
        self.assertEqual(self.entry.value, record.encode())
        self.assertEqual((self.entry.create_revision, self.entry.lease), (before.create_revision, second.lease))

    def test_saved_lease_over(self) -> None:
        """A saved lease that has ended is replaced at the first beat."""
        first = self.started()
        lease = first.lease
        self.stop(first)
        self.advance(TTL + 1)
        second = self.started()
        self.assertNotIn(second.lease, (0, lease))
        self.assertEqual(self.state.read_lease(), second.lease)

    def test_lease_of_another(self) -> None:
        """A lease in a state directory that was another node's, prefix's, machine's or cluster's is left alone."""
        self.state.holder = Holder("a", "/p", "m1", 7)
        first = self.started()
        for change in ({"node": "b"}, {"prefix": "/q"}, {"machine": "m2"}, {"cluster": 8}):
            copy = self.directory()
            shutil.copytree(self.state.path, copy.path, dirs_exist_ok=True)
            copy.holder = evolve(self.state.holder, **change)
            with capturedLogs() as logged:
                second = self.started(copy)
            self.assertEqual(copy.read_lease(), second._lease)
            self.assertNotEqual(copy.read_lease(), first.lease)
            (warning,) = [e for e in logged if "left alone" in e["log_format"]]
            self.assertIn(next(iter(change)), warning["whose"])
            self.stop(second)

    def test_lease_of_an_older_agent(self) -> None:
        """A lease that was kept without a record of its holder is taken up, and the holder is written beside it."""
        first = self.started()
        self.stop(first)
        self.state.holder = Holder("a", "/p", "m1", 7)
        second = self.started()
        self.assertEqual(second.lease, first._lease)
        self.assertIn(b'"Node": "a"', (self.state.path / "lease.json").read_bytes())

    def test_lease_ended(self) -> None:
        """A lease that ended under a living agent is replaced at the next beat, and both changes are reported."""
        beat = self.started()
        lease = beat.lease
        self.store.revoke(lease)
        self.advance(2)
        self.assertNotIn(beat.lease, (0, lease))
        self.assertEqual((self.entry.lease, self.changes), (beat.lease, [lease, beat.lease]))

    def test_none_granted(self) -> None:
        """The end of a lease is reported once, however long a full etcd grants no other."""
        beat = self.started()
        ended, self.store.full = beat.lease, True
        self.store.advance(TTL)
        self.beats.clear()
        with capturedLogs() as logged:
            self.advance(10 * TTL)
        self.assertEqual([event["lease"] for event in logged if "lease" in event], [ended])
        self.assertEqual(self.beats, [(ended, 0.0)])
        self.store.full = False
        self.advance(TTL)
        self.assertNotIn(beat.lease, (0, ended))

    def test_disk_full(self) -> None:
        """A lease that cannot be saved is held nevertheless, and no other one is taken."""
        shutil.rmtree(self.state.path)
        with capturedLogs() as logged:
            beat = self.started()
            self.assertEqual(beat.lease, self.entry.lease)
            self.advance(4)
        self.assertEqual(len([event for event in logged if event["log_level"].name == "warn"]), 1)
        self.assertEqual(self.store.calls.count("grant"), 1)
        self.state.path.mkdir()
        self.advance(2)
        self.assertEqual((self.state.read_lease(), beat.lease), (self.entry.lease, self.entry.lease))

    def test_disk_hangs(self) -> None:
        """A disk that does not answer holds no beat; when it does, the lease of that moment is saved."""
        disk = HeldRun()
        beat = self.make(disk=disk)
        beat.startService()
        first = beat.lease
        self.assertEqual((first, self.entry.lease), (beat.lease, beat.lease))
        self.advance(10 * TTL)
        self.store.revoke(first)
        self.advance(2)
        self.assertNotIn(beat.lease, (0, first))
        disk.end("write_lease")
        self.assertEqual(self.state.read_lease(), first)
        self.advance(2)
        disk.end("write_lease")
        self.assertEqual(self.state.read_lease(), beat.lease)
        self.assertEqual(disk.waiting, [])

    def test_stop(self) -> None:
        """A stop ends the beats and leaves lease and record."""
        beat = self.started()
        self.stop(beat)
        self.store.calls.clear()
        self.clock.advance(60)
        self.assertEqual(self.store.calls, [])
        self.assertEqual(self.entry.lease, self.state.read_lease())

    def test_last_beat(self) -> None:
        """A stop leaves the next agent all of the TTL, however long ago the last beat was."""
        beat = self.started()
        self.advance(1.5)
        self.stop(beat)
        self.advance(TTL - 0.5)
        self.assertEqual(self.started().lease, beat.lease)

    def test_stop_without_etcd(self) -> None:
        """A stop does not wait for an etcd that did not answer before, and ends when the last beat itself fails."""
        beat = self.started()
        self.store.fault = EtcdUnavailable("away")
        self.advance(2)
        self.store.calls.clear()
        self.stop(beat)
        self.assertEqual(self.store.calls, [])
        other = self.started()
        self.store.fault = EtcdUnavailable("away")
        self.stop(other)
        self.assertIsNone(self.store.fault)

    def test_stop_of_a_lost_lease(self) -> None:
        """A stop takes no new lease in the place of one that has ended."""
        beat = self.started()
        self.store.revoke(beat.lease)
        self.stop(beat)
        self.assertEqual((beat.lease, self.store.get(KEY)), (0, None))

    def test_stop_during_a_beat(self) -> None:
        """A stop waits for the beat in flight."""
        run = HeldRun()
        beat = self.make(run=run)
        beat.startService()
        stopped = beat.stopService()
        assert stopped is not None
        self.assertNoResult(stopped)
        for name in ("read_lease", "grant", "write_lease", "commit", "keep_alive"):
            self.assertNoResult(stopped)
            run.end(name)
        self.successResultOf(stopped)

    def test_revoke(self) -> None:
        """A revoked lease takes the node's record with it, and is held no more."""
        beat = self.started()
        self.stop(beat)
        self.successResultOf(beat.revoke())
        self.assertEqual((self.store.get(KEY), beat.lease), (None, 0))

    def test_revoke_nothing(self) -> None:
        """Without a lease there is nothing to revoke."""
        self.successResultOf(self.make().revoke())
        self.assertEqual(self.store.calls, [])


class CertaintyTests(HeartbeatCase):
    """``lease`` is 0 as soon as etcd may have ended it."""

    def test_etcd_away(self) -> None:
        """Without etcd the lease is certain for one TTL from the last beat; then it is not, and that is reported."""
        beat = self.started()
        lease = beat.lease
        self.store.unavailable = True
        self.clock.advance(TTL - 0.1)
        self.assertEqual(beat.lease, lease)
        self.clock.advance(0.1)
        self.assertEqual(beat.lease, 0)
        self.assertIn("etcd did not answer", beat.trouble)
        self.clock.advance(2)
        self.assertEqual(self.changes, [lease, 0])

    def test_etcd_back(self) -> None:
        """When etcd answers again and the lease still exists, it is certain again, and that is reported."""
        beat = self.started()
        lease = beat.lease
        self.store.unavailable = True
        self.clock.advance(2 * TTL)
        self.store.unavailable = False
        self.clock.advance(2)
        self.assertEqual((beat.lease, beat.trouble, self.changes), (lease, "", [lease, 0, lease]))

    def test_away_for_long(self) -> None:
        """When etcd comes back after the lease ended, there is a new one."""
        beat = self.started()
        lease = beat.lease
        self.store.unavailable = True
        self.advance(60)
        self.store.unavailable = False
        self.advance(2)
        self.assertNotIn(beat.lease, (0, lease))
        self.assertEqual(self.entry.lease, beat.lease)

    def test_from_the_sending(self) -> None:
        """The time counts from when a beat was sent, however late its answer arrives."""
        run = HeldRun()
        beat = self.make(run=run)
        beat.startService()
        for name in ("read_lease", "grant", "write_lease", "commit"):
            run.end(name)
        self.clock.advance(2)
        renewal = run.take("keep_alive")
        renewal.perform()
        self.clock.advance(3)
        renewal.arrive()
        self.assertNotEqual(beat.lease, 0)
        self.clock.advance(3)
        self.assertEqual(beat.lease, 0)

    def test_answer_too_late(self) -> None:
        """An answer that arrives after a whole TTL gives no certain lease."""
        run = HeldRun()
        beat = self.make(run=run)
        beat.startService()
        run.end("read_lease")
        grant = run.take("grant")
        grant.perform()
        self.clock.advance(TTL)
        grant.arrive()
        run.end("write_lease")
        run.end("commit")
        self.assertEqual((beat.lease, self.changes), (0, []))

    def test_before_the_first_answer(self) -> None:
        """Before etcd answered there is no lease, and the trouble says so."""
        beat = self.make(run=HeldRun())
        beat.startService()
        self.assertEqual((beat.lease, beat.trouble), (0, "etcd has not answered yet"))

    def test_a_fault(self) -> None:
        """An exception nobody foresaw is logged, and the next beat comes."""
        beat = self.started()
        self.store.fault = RuntimeError("unforeseen")
        self.advance(2)
        self.assertEqual(len(self.flushLoggedErrors(RuntimeError)), 1)
        self.store.calls.clear()
        self.advance(2)
        self.assertEqual(self.store.calls, ["keep_alive"])
        self.assertNotEqual(beat.lease, 0)

    def test_each_outage_is_logged_once(self) -> None:
        """However many beats fail, an outage is one line, its end, after some calm, another, and so the next time."""
        self.started()
        with capturedLogs() as logged:
            for _ in range(2):
                self.store.unavailable = True
                self.clock.advance(10)
                self.clock.advance(10)
                self.store.unavailable = False
                for _ in range(20):
                    self.clock.advance(2)
        formats = [event["log_format"] for event in logged]
        self.assertEqual(
            formats, ["trouble with etcd began: {reason}", "trouble with etcd has ended after {seconds} s"] * 2
        )


class ToldTests(HeartbeatCase):
    """``Heartbeat.beats`` reports until when a lease is certain, for parts that need it even if the agent stops."""

    def test_each_beat(self) -> None:
        """Each good beat reports the lease and its end by the other clock, that of a new lease too."""
        beat = self.started()
        self.assertEqual(self.beats, [(beat.lease, BOOTED + TTL)])
        self.advance(2)
        self.assertEqual(self.beats[1:], [(beat.lease, BOOTED + 2 + TTL)])

    def test_no_answer(self) -> None:
        """A beat without an answer reports nothing."""
        self.started()
        self.store.unavailable = True
        self.clock.advance(TTL)
        self.assertEqual(len(self.beats), 1)

    def test_from_the_sending(self) -> None:
        """The end counts from the sending, by that clock too."""
        run = HeldRun()
        self.make(run=run).startService()
        self.clock.advance(1.5)
        run.end("read_lease")
        self.clock.advance(0.25)
        for name in ("grant", "write_lease", "commit"):
            run.end(name)
        self.clock.advance(0.25)
        self.clock.advance(1)
        run.end("keep_alive")
        self.assertEqual([until for _, until in self.beats], [BOOTED + 1.5 + TTL, BOOTED + 2 + TTL])

    def test_ended(self) -> None:
        """A lease that has ended is reported before the new one, also one that a former agent had."""
        beat = self.started()
        former = beat.lease
        self.store.revoke(former)
        self.advance(2)
        self.assertEqual(self.beats[1:], [(former, 0.0), (beat.lease, BOOTED + 2 + TTL)])
        lease = beat.lease
        self.stop(beat)
        self.store.revoke(lease)
        self.beats.clear()
        second = self.started()
        self.assertEqual(self.beats, [(lease, 0.0), (second.lease, BOOTED + 2 + TTL)])


class RegainedTests(HeartbeatCase):
    """The report that there is a certain lease again."""

    def outage(self, seconds: float) -> None:
        self.store.unavailable = True
        self.advance(seconds)
        self.store.unavailable = False
        self.advance(2)

    def test_never_lost(self) -> None:
        """Nothing is regained at the start, also after an agent whose lease has ended, nor while beats are good."""
        self.stop(self.started())
        self.store.advance(2 * TTL)
        self.started()
        self.advance(TTL)
        self.outage(TTL / 2)
        self.assertEqual(self.regained, [])

    def test_outage(self) -> None:
        """After an outage for longer than a lease it is, once."""
        self.started()
        self.outage(2 * TTL)
        self.advance(TTL)
        self.assertEqual(len(self.regained), 1)

    def test_outage_at_the_start(self) -> None:
        """It makes no difference whether the outage began before the agent."""
        self.store.unavailable = True
        self.started()
        self.outage(2)
        self.assertEqual(len(self.regained), 1)

    def test_ended_early(self) -> None:
        """A lease that etcd ended before its time was lost too."""
        beat = self.started()
        self.store.revoke(beat.lease)
        self.advance(2)
        self.assertEqual(len(self.regained), 1)

    def test_frozen(self) -> None:
        """An agent that was frozen itself regains its lease, though no beat failed."""
        self.started()
        self.clock.advance(2 * TTL)
        self.assertEqual(len(self.regained), 1)


class RecordTests(HeartbeatCase):
    """The node's record."""

    def test_vanished(self) -> None:
        """A record that vanished from the mirror is registered again under the same lease."""
        beat = self.started()
        lease = beat.lease
        self.store.commit([], [Delete(KEY)])
        self.listed = False
        self.advance(2)
        self.assertEqual((self.entry.lease, beat.lease, self.changes), (lease, lease, [lease]))

    def test_refreshed(self) -> None:
        """A record that changed is written at once when that is asked for, and costs no beat."""
        records = [RECORD]
        beat = self.make(record=RECORD)
        beat._registration._record = lambda steady: records[-1]
        beat.startService()
        self.addCleanup(self.stop, beat)
        before = len(self.beats)
        records.append(evolve(RECORD, version="2"))
        beat.refresh()
        self.assertEqual((NodeRecord.decode(self.entry.value).version, len(self.beats)), ("2", before))

    def test_refreshed_during_a_beat(self) -> None:
        """A change during a beat is written when that has ended; a beat that falls due meanwhile follows."""
        run, records = HeldRun(), [RECORD]
        beat = self.make(run=run)
        beat._registration._record = lambda steady: records[-1]
        beat.startService()
        self.addCleanup(self.stop, beat)
        run.end("read_lease")
        run.end("grant")
        records.append(evolve(RECORD, version="2"))
        beat.refresh()
        for name in ("write_lease", "commit"):
            run.end(name)
        while run.waiting:
            run.waiting.pop(0).arrive()
        self.assertEqual(NodeRecord.decode(self.entry.value).version, "2")
        records.append(evolve(RECORD, version="3"))
        beat.refresh()
        self.clock.advance(2)
        self.assertEqual(run.names, ["commit"])
        run.end("commit")
        self.assertEqual((NodeRecord.decode(self.entry.value).version, run.names), ("3", ["keep_alive"]))

    def vanish(self, beat: Heartbeat) -> None:
        """The mirror, which showed the record, shows it no more."""
        beat.on_changes(Changes(nodes=True))
        self.store.commit([], [Delete(KEY)])
        self.listed = False
        beat.on_changes(Changes(nodes=True))

    def test_vanished_just_now(self) -> None:
        """It is registered at once, not with the next beat."""
        beat = self.started()
        self.vanish(beat)
        self.assertEqual(self.entry.lease, beat.lease)

    def test_vanished_during_a_beat(self) -> None:
        """If the lease ends just after a beat under way, the next one follows that at once."""
        run = HeldRun()
        beat = self.make(run=run)
        beat.startService()
        for call in ("read_lease", "grant", "write_lease", "commit"):
            run.end(call)
        self.clock.advance(TTL / 3)
        run.waiting[0].perform()
        self.store.revoke(beat.lease)
        self.vanish(beat)
        for call in ("keep_alive", "commit", "keep_alive"):
            run.end(call)
        self.assertEqual(run.names, ["grant"])

    def test_vanished_after_the_stop(self) -> None:
        """An agent that has stopped does not come back because its record goes."""
        beat = self.started()
        self.stop(beat)
        self.vanish(beat)
        self.assertIsNone(self.store.get(KEY))

    def test_mirror_behind(self) -> None:
        """A record that the mirror does not show yet is left as it is."""
        self.listed = False
        beat = self.started()
        before = self.entry
        self.advance(2)
        self.assertEqual((self.entry, beat.lease), (before, before.lease))

    def test_two_agents(self) -> None:
        """A second agent of the same name holds no lease to act under, changes nothing, and says why."""
        first = self.started()
        before = self.entry
        second = self.started(self.directory())
        self.advance(60)
        self.assertEqual((first.lease, self.entry), (before.lease, before))
        self.assertEqual(second.lease, 0)
        self.assertIn("held by another agent of this name", second.trouble)

    def test_former_self(self) -> None:
        """A node that lost its state directory waits until its former lease has ended."""
        first = self.started()
        self.stop(first)
        second = self.started(self.directory())
        self.advance(TTL - 2)
        self.assertEqual(second.lease, 0)
        self.advance(4)
        self.assertEqual((self.entry.lease, second.trouble), (second.lease, ""))

    def test_ousted(self) -> None:
        """A node whose record another agent took over while its lease was gone, holds none."""
        beat = self.started()
        self.store.revoke(beat.lease)
        self.store.put(KEY, RECORD.encode(), self.store.grant(60).id)
        self.advance(2)
        self.assertEqual(beat.lease, 0)
        self.assertIn("held by another agent", beat.trouble)
