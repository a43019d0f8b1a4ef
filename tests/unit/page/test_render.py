"""The text of the page: whole without a script, and nothing of the cluster is markup in it."""

from __future__ import annotations

import re
from html.parser import HTMLParser

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.page.fragments import fragments
from daprdockr.page.render import POLICY, page, written
from daprdockr.page.seen import Gone, Seen
from daprdockr.picture.timeline import Happening
from tests.build.history import entry
from tests.build.page import HOSTILE, NOW, nodes, running, seen, showcase, well
from tests.build.values import KEYS, named

VOID = {"meta", "link", "img", "br"}


class Elements(HTMLParser):
    """The elements of a text, their ids, and its words."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.attributes: list[str] = []
        self.words = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.ids += [value or "" for name, value in attrs if name == "id"]
        self.attributes += [name for name, _ in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self.open.pop() != tag:
            raise AssertionError(f"{tag} is closed, which is not open")

    def handle_data(self, data: str) -> None:
        self.words += data


def write(found: Seen) -> str:
    return page(found, {fragment: written(fragment) for fragment in fragments(found)}, "a.1")


class PageTests(SynchronousTestCase):
    def test_whole(self) -> None:
        """Without any script the page has the nodes, what they run, services, timeline and certificates."""
        found = Elements(write(showcase()))
        for words in (
            "5 things need attention",
            "waiting for a node",
            "2 of 4 replaced",
            "Image shop:7 -> shop:8",
            "ben@laptop",
            "fatal: no such directory",
            "61 days",
        ):
            self.assertIn(words, found.words)
        self.assertIn("node-host-a", found.ids)
        self.assertIn("service-web.myapp", found.ids)
        self.assertEqual(len(found.ids), len(set(found.ids)))
        self.assertEqual(found.open, [])

    def test_empty(self) -> None:
        """A cluster with nothing in it has a page, too."""
        found = Elements(write(seen()))
        self.assertIn("Nothing was reported lately", found.words)
        self.assertIn("There are none", found.words)
        unread = Elements(write(seen(unread="etcd does not answer")))
        self.assertIn("etcd does not answer", unread.words)
        self.assertNotIn("Nothing was reported", unread.words)

    def test_node_without_instances(self) -> None:
        """Below a node that has nothing, such as one that is gone, there is no empty list."""
        text = write(evolve(seen(*nodes(["a"])), gone=(Gone("b", NOW),)))
        self.assertEqual(text.count('class="node '), 2)
        self.assertNotIn('class="groups"', text)
        self.assertIn('class="groups"', write(showcase()))

    def test_nothing_inline(self) -> None:
        """No script or style stands in the page, in an element or an attribute, as its policy demands."""
        text = write(showcase())
        found = Elements(text)
        self.assertEqual(re.findall(r"<script(?! src=\"/page/live-[0-9a-f]{16}\.js\" defer></script>)", text), [])
        self.assertNotIn("style", [*found.tags, *found.attributes])
        self.assertEqual([name for name in found.attributes if name.startswith("on")], [])
        self.assertIn("default-src 'none'", POLICY)
        self.assertNotIn("unsafe", POLICY)

    def test_hostile(self) -> None:
        """Markup in any text that others write is text, and makes no element."""
        quiet = seen(*well())
        service, node = dict(quiet.overview.services.rows[0]), dict(quiet.nodes[0])
        service |= {"Reason": HOSTILE, "HostNames": [HOSTILE], "Healthy": 0}
        node |= {"Unready": HOSTILE, "Ready": False, "Labels": {HOSTILE: HOSTILE}, "Version": HOSTILE}
        table = evolve(quiet.overview.services, rows=[service])
        row = {
            "Name": HOSTILE,
            "DaysLeft": 3,
            "EndsSoon": True,
            "LastError": HOSTILE,
            "Names": [HOSTILE],
            "Nodes": [HOSTILE],
            "Needed": True,
        }
        found = evolve(
            quiet,
            node=HOSTILE,
            troubles=[HOSTILE],
            overview=evolve(quiet.overview, services=table, broken=[{"Key": HOSTILE, "Reason": HOSTILE}]),
            nodes=[node],
            instances=[{**one, "Reason": HOSTILE, "State": HOSTILE} for one in quiet.instances],
            certificates=[{**row, "Source": HOSTILE}],
            happened=[Happening(NOW, HOSTILE, HOSTILE, HOSTILE, (HOSTILE,))],
            unread=HOSTILE,
        )
        elements = Elements(write(found))
        self.assertEqual((elements.tags.count("script"), elements.tags.count("img")), (1, 0))
        self.assertEqual(elements.open, [])
        self.assertEqual([name for name in elements.attributes if name.startswith("on")], [])
        self.assertIn("<img src=x", elements.words)
        self.assertIn("{{ 7*7 }}", elements.words)
        self.assertNotIn("49", elements.words)

    def test_control_characters(self) -> None:
        """Characters that turn the direction of a line, or that no page may have, are spelled out."""
        text = write(seen(*nodes(["a"]), *running(named("web"), ["a"]), troubles=[HOSTILE], unread="a\x00b"))
        self.assertEqual([letter for letter in text if not (letter.isprintable() or letter == "\n")], [])
        self.assertIn(r"\u202e", text)

    def test_unreadable_key(self) -> None:
        """A key that nobody could read is shown as it is."""
        found = write(seen(*nodes(), entry(KEYS.service(named("web").name) + "/<b>", 30, b"{")))
        self.assertIn("&lt;b&gt;", found)
