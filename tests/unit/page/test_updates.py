"""The changes of the page, and the whole for a reader that has missed something."""

from __future__ import annotations

import json
from typing import Any

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.page.assets import EDITION
from daprdockr.page.updates import PageUpdate, ShownPage, beat
from daprdockr.picture.timeline import Happening
from tests.build.page import NODES, NOW, nodes, running, seen, well
from tests.build.values import named


def applied(shown: dict[str, str], update: PageUpdate) -> dict[str, str]:
    """The elements of a reader after an update, as the script of the page has them."""
    found = {**shown, **update.texts}
    listed = {key for key in found if key.startswith(("node-", "service-")) or key == "nowhere"}
    kept = {key for keys in update.orders.values() for key in keys}
    gone = {key for key in listed - kept if ("services" if key.startswith("service-") else "nodes") in update.orders}
    return {key: text for key, text in found.items() if key not in gone}


class ShownPageTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.shown = ShownPage("e", seen(*well()))
        self.reader = dict(self.shown.whole().texts)

    def take(self, *entries: Any, **changed: Any) -> PageUpdate | None:
        update = self.shown.take(seen(*entries, **changed))
        if update is not None:
            self.reader = applied(self.reader, update)
            self.assertEqual(self.reader, self.shown.whole().texts)
        return update

    def test_nothing(self) -> None:
        """While nothing changes there is no update, though time passes."""
        at = self.shown.at
        self.assertIsNone(self.take(*well(), time=NOW + 60))
        self.assertEqual(self.shown.at, at)

    def test_scaled(self) -> None:
        """A service that is scaled changes its row, the nodes that run more, and the figures; nothing else is sent."""
        update = self.take(*nodes(), *running(named("web", 4, Http={"HostName": "example.com", "ContainerPort": "80"})))
        assert update is not None
        self.assertEqual(set(update.texts), {"glance", "node-host-b", "service-web.myapp"})
        self.assertEqual(update.orders, {})

    def test_node_lost(self) -> None:
        """A node that is gone leaves the list, and one that comes stands in its place."""
        update = self.take(*nodes(NODES[:2]), *running(named("web", 3), NODES[:2]))
        assert update is not None
        self.assertEqual(update.orders, {"nodes": ["node-host-a", "node-host-b"]})
        back = self.take(*well())
        assert back is not None
        self.assertEqual(back.orders, {"nodes": [f"node-{name}" for name in NODES]})
        self.assertIn("node-host-c", back.texts)

    def test_timeline(self) -> None:
        """Something that happened changes the timeline alone."""
        update = self.take(*well(), happened=(Happening(NOW, "a", "web.myapp", "died"),))
        assert update is not None
        self.assertEqual(list(update.texts), ["timeline"])

    def test_numbers(self) -> None:
        """Each update has a number of its own, which the page has too."""
        self.assertIn(f'data-at="{self.shown.at}"', self.shown.page())
        before = self.shown.at
        update = self.take(*well(), in_touch=False)
        assert update is not None
        self.assertNotEqual(before, update.at)
        self.assertEqual((update.at, self.shown.whole().at), (self.shown.at, self.shown.at))

    def test_page_agrees(self) -> None:
        """The document has the same elements as the whole update."""
        text = self.shown.page()
        elements = self.shown.whole().texts.values()
        self.assertEqual([True], list({element in text for element in elements}))


class EncodingTests(SynchronousTestCase):
    def test_event(self) -> None:
        """An update is one event, whatever the texts have in them."""
        update = PageUpdate("e.1", "now", {"a": "<p>\r\n\n\u2028data: x</p>"}, {"nodes": ["a"]})
        head, event, data, *rest = update.encode().split(b"\n")
        self.assertEqual((head, event, rest), (b"id: e.1", b"event: update", [b"", b""]))
        found = json.loads(data.removeprefix(b"data: "))
        told = {"edition": EDITION, "time": "now", "texts": update.texts, "orders": update.orders}
        self.assertEqual(found, told)

    def test_beat(self) -> None:
        """A beat has the time, and no number: it changes nothing."""
        self.assertEqual(beat(NOW), b'event: beat\ndata: {"time": "2026-11-28 20:00:00Z"}\n\n')

    def test_whole(self) -> None:
        """The whole has the order of each list, also of one that is empty."""
        whole = ShownPage("e", evolve(seen(), troubles=("x",))).whole()
        self.assertEqual(whole.orders, {"nodes": [], "services": []})
