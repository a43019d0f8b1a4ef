"""The timeline: events and revisions in one order."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.events import Event
from daprdockr.model.stored.history import Revision, RevisionRecord, Revisions
from daprdockr.model.wanted.definition import Definition
from daprdockr.picture.timeline import timeline
from tests.build.jobs import job
from tests.build.values import WEB, definition


def history(*stored: tuple[Definition, float], first: int = 1) -> Revisions:
    records = [RevisionRecord(one, time, "anna@desk") for one, time in stored]
    revisions = tuple(Revision(number, record, number) for number, record in enumerate(records, first))
    return Revisions(WEB, revisions, tuple(one.number for one in revisions))


class TimelineTests(SynchronousTestCase):
    def texts(self, *histories: Revisions, events: tuple[Event, ...] = (), most: int = 9) -> list[tuple[str, str]]:
        return [(one.who, one.text) for one in timeline(events, histories, most)]

    def test_order(self) -> None:
        """Events and changes by people stand in one order, the latest first, and no more of them than asked for."""
        events = (Event(3.0, "a", "1.web.myapp", "died", ("bye",)), Event(9.0, "d", "x", "paused", by="ben@d"))
        changed = history((definition(), 1.0), (definition(instances=2), 5.0))
        found = timeline(events, [changed], 9)
        self.assertEqual([one.time for one in found], [9.0, 5.0, 3.0, 1.0])
        self.assertEqual([one.is_by_person for one in found], [True, True, False, True])
        self.assertEqual(found[2].lines, ("bye",))
        self.assertEqual(len(timeline(events, [changed], 2)), 2)

    def test_changes(self) -> None:
        """A revision says what it changed, and who; the first one with how many instances it began."""
        stored = history((definition(), 1.0), (definition("web:2", instances=3), 2.0), (definition("web:2", 3), 3.0))
        self.assertEqual(
            self.texts(stored),
            [
                ("anna@desk", "stored again without a change (revision 3)"),
                ("anna@desk", "Instances 1 -> 3, Image web:1 -> web:2 (revision 2)"),
                ("anna@desk", "created with 1 instance (revision 1)"),
            ],
        )

    def test_job(self) -> None:
        """A job began with no instances, but with a schedule."""
        texts = self.texts(history((job(Once=True), 1.0)), history((job(), 2.0)))
        self.assertEqual(
            [text for _, text in texts],
            ["created as a job, due at * * * * * UTC (revision 1)", "created as a job, once (revision 1)"],
        )

    def test_unknown(self) -> None:
        """The oldest revision that is kept is said to be stored; one of an unknown time is left out."""
        self.assertEqual(self.texts(history((definition(), 1.0), first=7)), [("anna@desk", "stored (revision 7)")])
        self.assertEqual(self.texts(history((definition(), 0.0)), history()), [])

    def test_many_changes(self) -> None:
        """Of many changes the first few are named."""
        after = definition("web:2", 4, Container={"User": "1", "Cmd": ["a"], "Hostname": "h", "Env": ["A=b"]})
        self.assertIn(" more (revision 2)", self.texts(history((definition(), 1.0), (after, 2.0)))[0][1])
