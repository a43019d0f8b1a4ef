"""A rollout that failed is ended, and one that ended well noted, each by one transaction."""

from __future__ import annotations

from attrs import evolve

from daprdockr.agent.reconcile.transactions import ConditionFailed
from daprdockr.model.errors import EtcdForbidden
from daprdockr.model.host import LABEL_INSTANCE, LABEL_NODE, Image
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.history import RevisionRecord, Revisions
from daprdockr.model.stored.rollout import RolloutRecord, RolloutState
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.outcome import Done, Retry
from daprdockr.planning.rollout_steps import MarkGood, PinImage, StopRollout
from tests.build.carry_out import FIRST, CarryOutCase
from tests.build.situations import WEB_1, WEB_2
from tests.build.stored import definition_in, revisions_in, rollout_in
from tests.build.values import KEYS, WEB, definition

DIGEST = "sha256:" + "a1" * 32


class RolloutStepsTests(CarryOutCase):
    """web:1 was good, and web:2 is in force."""

    def setUp(self) -> None:
        super().setUp()
        for number, (of, good) in enumerate(((WEB_1, True), (WEB_2, False)), 1):
            self.store.put(KEYS.revision(WEB, number), RevisionRecord(of, 1.0, "anna@desk", good).encode())
        self.revision = self.store.put(KEYS.service(WEB), WEB_2.encode())
        self.mirror.note(Entry(KEYS.service(WEB), WEB_2.encode(), self.revision, self.revision, 0))
        self.stop = StopRollout(WEB, self.revision, FIRST, "exit status 3", reverts=True)

    @property
    def history(self) -> Revisions:
        return revisions_in(self.store)

    @property
    def stored(self) -> Definition:
        return definition_in(self.store)

    @property
    def record(self) -> RolloutRecord | None:
        return rollout_in(self.store)

    def test_revert(self) -> None:
        """The former definition, its revision and the record are written at once, and the mirror knows."""
        before = self.store.revision
        self.assertEqual(self.outcome(self.stop), Done())
        self.assertEqual((self.stored, self.store.revision), (WEB_1, before + 1))
        newest = self.history.revisions[-1]
        self.assertEqual((newest.number, newest.record.by, newest.record.time), (3, "revert by node a", 1000.0))
        expected = RolloutRecord(RolloutState.REVERTED, WEB_1.digest, WEB_2.digest, "exit status 3", "a", "1.web.myapp")
        self.assertEqual(self.record, expected)
        service, known = self.mirror.cluster.services[WEB], self.mirror.cluster.rollout(WEB)
        assert known is not None
        self.assertEqual((service.definition, service.revision), (WEB_1, before + 1))
        self.assertEqual((known.record, known.revision), (expected, before + 1))
        self.assertEqual(self.told, [("web.myapp", str(expected))])

    def test_pause(self) -> None:
        """A rollout that is paused keeps its definition."""
        self.do(StopRollout(WEB, self.revision, FIRST, "exit status 3", reverts=False))
        self.assertEqual((self.stored, len(self.history.numbers)), (WEB_2, 2))
        self.assertEqual(self.record and self.record.state, RolloutState.FAILED)

    def test_again(self) -> None:
        """The record of an earlier rollout is written over, and the mirror knows it as etcd has it."""
        earlier = RolloutRecord(RolloutState.FAILED, "", "c" * 12, "exit status 1", "b", "2.web.myapp").encode()
        record = self.store.put(KEYS.rollout(WEB), earlier)
        self.mirror.note(Entry(KEYS.rollout(WEB), earlier, record, record, 0))
        self.do(evolve(self.stop, record=record))
        mirrored = [entry for entry in self.mirror.cluster.entries if entry.key == KEYS.rollout(WEB)]
        self.assertEqual(mirrored, [self.store.get(KEYS.rollout(WEB))])
        self.assertEqual(mirrored[0].create_revision, record)

    def test_newer(self) -> None:
        """A newer definition, and a record that another node wrote, stay, and nothing is recorded."""
        for key, value in ((KEYS.service(WEB), WEB_1.encode()), (KEYS.rollout(WEB), b"{}")):
            entry = self.store.get(key)
            self.store.put(key, value)
            self.assertIn("first to change web.myapp", self.fails(self.stop, ConditionFailed))
            self.assertIsInstance(self.outcome(self.stop), Retry)
            self.store.put(key, entry.value if entry is not None else b"{}")
        self.assertEqual((len(self.history.numbers), self.told), (2, []))
        self.fails(StopRollout(WEB, self.revision + 1, FIRST, "exit status 3", reverts=True), ConditionFailed)

    def test_answer_lost(self) -> None:
        """If etcd's answer is lost the event is recorded when the record is seen, and nothing is written twice."""
        self.store.loses_answers = True
        self.assertIsInstance(self.outcome(self.stop), Retry)
        self.store.loses_answers = False
        self.assertEqual((self.stored, self.told), (WEB_1, []))
        self.assertIsInstance(self.outcome(self.stop), Retry)
        for key in (KEYS.service(WEB), KEYS.rollout(WEB)):
            entry = self.store.get(key)
            assert entry is not None
            self.mirror.note(entry)
        self.assertEqual(self.told, [("web.myapp", str(self.record))])
        self.assertIn("exit status 3", self.told[0][1])
        self.assertEqual(len(self.history.numbers), 3)

    def test_forbidden(self) -> None:
        """Without the right to write definitions it is paused, and one event names the right."""
        self.store.forbidden = (KEYS.history(WEB),)
        self.do(self.stop)
        assert self.record is not None
        self.assertEqual((self.stored, self.record.state, self.record.before), (WEB_2, RolloutState.PAUSED, ""))
        self.assertIn("grant readwrite on /daprdockr/services/ and /daprdockr/history/", self.told[0][1])

    def restart(self) -> PinImage:
        """A person asks for a restart, of which the mirror knows."""
        again = definition("web:2", Restarted="now")
        self.store.put(KEYS.revision(WEB, 2), RevisionRecord(again, 1.0, "anna@desk").encode())
        self.revision = self.store.put(KEYS.service(WEB), again.encode())
        self.mirror.note(Entry(KEYS.service(WEB), again.encode(), self.revision, self.revision, 0))
        return PinImage(WEB, self.revision, DIGEST)

    def test_pin(self) -> None:
        """The image of a restart is written into the definition and its revision, by one node, and the mirror knows."""
        step, before = self.restart(), self.store.revision
        self.do(step)
        found = definition("web:2", Restarted=f"now web:2@{DIGEST}")
        self.assertEqual((self.stored, self.store.revision), (found, before + 1))
        self.assertEqual(self.mirror.cluster.services[WEB].definition, found)
        newest = self.history.revisions[-1]
        self.assertEqual((newest.number, newest.record), (2, RevisionRecord(found, 1.0, "anna@desk")))
        self.fails(step, ConditionFailed)

    def restart_of_another(self, by: str = "web:2") -> PinImage:
        """The same, of a service with a container here that was made by a reference from another image."""
        self.engine.publish("web:2", Image("first"))
        self.engine.pull("web:2")
        self.engine.images[by] = self.engine.images["web:2"]
        body = {"Image": by, "Labels": {LABEL_NODE: "a", LABEL_INSTANCE: str(FIRST)}}
        former = self.engine.create(f"former{len(self.engine.states)}", body)
        self.before = self.engine.images["web:2"].digest
        self.engine.publish("web:2", Image("second"))
        self.engine.pull("web:2")
        return evolve(self.restart(), former=former)

    def written(self, of: Definition) -> RevisionRecord:
        """The first revision is that, and good."""
        record = RevisionRecord(of, 1.0, "anna@desk", good=True)
        self.store.put(KEYS.revision(WEB, 1), record.encode())
        return record

    def test_pin_way_back(self) -> None:
        """The good revision from before gets the image of the former containers, and makes the same ones."""
        step, before = self.restart_of_another(), definition("web:2")
        self.written(before)
        self.do(step)
        first = self.history.revisions[0].record
        way_back = definition("web:2", Restarted=f"never web:2@{self.before}")
        self.assertEqual(first, RevisionRecord(way_back, 1.0, "anna@desk", good=True))
        self.assertEqual((first.digest, first.definition.image), (before.digest, f"web@{self.before}"))

    def test_pin_way_back_of_another_image(self) -> None:
        """A revision of another reference, or of an earlier restart, stays as it is."""
        step = self.restart_of_another()
        for other in (definition("web:1"), definition("web:2", Restarted="before")):
            written = self.written(other)
            self.do(step)
            self.assertEqual(self.history.revisions[0].record, written)
            step = evolve(self.restart(), former=step.former)

    def test_pin_way_back_unknown(self) -> None:
        """So does one whose image is not known, or is that of the restart."""
        by_another, of_same = self.restart_of_another("web"), self.restart_of_another()
        of_same = evolve(of_same, digest=self.before)
        for step, away in ((by_another, False), (of_same, False), (self.restart_of_another(), True)):
            written = self.written(definition("web:2"))
            self.engine.unavailable = away
            self.do(evolve(step, revision=self.revision))
            self.assertEqual(self.history.revisions[0].record, written)
            self.restart()

    def test_pin_overtaken(self) -> None:
        """A definition that a person stored meanwhile stays as it is."""
        step = self.restart()
        self.store.put(KEYS.service(WEB), WEB_1.encode())
        self.fails(step, ConditionFailed)
        self.assertEqual(self.stored, WEB_1)

    def test_pin_forbidden(self) -> None:
        """Without the right to write definitions the restart goes on with the tag."""
        step = self.restart()
        self.store.forbidden = (KEYS.services,)
        self.under_way.observe(WEB, 1.0)
        self.assertEqual(self.outcome(step), Done())
        self.assertTrue(self.under_way.of(WEB).unpinned)

    def test_all_forbidden(self) -> None:
        """If not even the record may be written the step fails."""
        self.store.forbidden = (KEYS.root,)
        self.fails(self.stop, EtcdForbidden)
        self.assertEqual(self.told, [])

    def test_good(self) -> None:
        """The newest revision is marked if it is the definition that is in force, once."""
        mark = MarkGood(WEB, self.revision)
        self.do(mark)
        self.assertEqual([one.record.good for one in self.history.revisions], [True, True])
        self.assertEqual(self.history.revisions[-1].record.by, "anna@desk")
        revision = self.store.revision
        self.do(mark)
        self.assertEqual(self.store.revision, revision)
        self.fails(MarkGood(WEB, self.revision + 1), ConditionFailed)

    def test_mark_forbidden(self) -> None:
        """Without the right to write the history nothing is marked, and nothing retried."""
        self.store.forbidden = (KEYS.history(WEB),)
        self.assertEqual(self.outcome(MarkGood(WEB, self.revision)), Done())
        self.assertFalse(self.history.revisions[-1].record.good)
