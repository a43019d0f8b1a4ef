"""Events as values."""

from __future__ import annotations

import json

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.stored.events import Event


class EventTests(SynchronousTestCase):
    """Events as values."""

    def test_round_trip(self) -> None:
        """An event is read back as it was written; members that only a newer agent knows are ignored."""
        event = Event(1.5, "n1", "web.myapp", "text", ("one", "two"))
        self.assertEqual(Event.decode(event.encode()), event)
        self.assertEqual(Event.decode(json.dumps(event.write() | {"Newer": 1}).encode()), event)

    def test_refused(self) -> None:
        """A value that is no event is refused."""
        whole = Event(1, "n1", "s", "t").write()
        values = [[], {}, whole | {"Time": "now"}, whole | {"Time": -1}, whole | {"Text": None}, whole | {"Node": 1}]
        for value in values:
            self.assertRaises(BadInput, Event.decode, json.dumps(value).encode())
