"""
The status page of a real agent, over a real etcd, in Chromium: as it changes, in light and dark, without scripts, and
with texts that are no friends of ours.
"""

from __future__ import annotations

import atexit
import functools
import socket

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.api.readers import MOST_READERS
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.host import Port
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.keys import Keys
from daprdockr.page.assets import EDITION
from tests.build.page import HOSTILE
from tests.build.values import HTTP, named
from tests.rig import browser, etcd_members
from tests.rig.agent_process import AgentProcess
from tests.rig.docker_engine import engine_url, until
from tests.rig.seeded import ONLY_SEEDED, Seeded

FOLLOWS = "#state.live"
WEB = named("web", 2, Placement=ONLY_SEEDED)

SOONER = "line => line.textContent.includes('sooner')"

COUNTED = """
const ask = window.fetch;
window.asking = window.most = 0;
window.fetch = (...given) => {
  window.most = Math.max(window.most, ++window.asking);
  return ask(...given).finally(() => window.asking--);
};
"""
"""The page counts the requests that are open at once."""

HASTY = """
const later = window.setTimeout;
window.setTimeout = (call, wait) => later(call, wait / 20);
window.see = (hidden) => {
  Object.defineProperty(document, "hidden", {value: hidden, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
};
see(true);
"""
"""A tab that nobody sees, and in which the script of the page waits for a twentieth of the time."""


@functools.cache
def stage() -> tuple[AgentProcess, Seeded]:
    """An agent for all tests, beside nodes that exist in etcd alone; it ends with Python."""
    members = etcd_members.shared()
    agent = AgentProcess(members.urls, engine_url())
    atexit.register(agent.close)
    seeded = Seeded(EtcdStore(members.access, timeout=5), Keys(f"/{agent.group}"))
    agent.start(ttl=6)  # one that missed its lease on a busy machine would need attention, too
    return agent, seeded


class PageTests(SynchronousTestCase):
    """Two nodes run ``web.myapp``, and a third one nothing."""

    skip = etcd_members.missing() or browser.missing()

    def setUp(self) -> None:
        self.agent, self.seeded = stage()
        for node in ("one", "two", "three"):
            self.seeded.node(node)
            self.addCleanup(self.seeded.lose, node)
        self.seeded.define(WEB)
        self.seeded.claim(WEB, (1,), "one")
        self.seeded.claim(WEB, (2,), "two")
        self.browser = browser.shared()
        self.url = f"http://127.0.0.1:{self.agent.api_port}/"
        until(lambda: "2 of 2 healthy" in self.agent.curl("", self.url))

    def test_live(self) -> None:
        """A scaled service, a lost node and a person's change are shown as they happen; nothing is loaded again."""
        self.browser.open(self.url)
        self.browser.until(FOLLOWS, "Live")
        self.browser.run("window.loadedOnce = true")
        self.assertIn("2 of 2 healthy", self.browser.words("[id='service-web.myapp']")[0])
        self.agent.command("scale", "web.myapp=3")
        self.browser.until("[id='service-web.myapp']", "2 of 3 healthy")
        self.browser.until("#timeline", "Instances 2 -> 3")
        self.browser.until("#headline", "One thing needs attention")
        self.seeded.claim(named("web", 3, Placement=ONLY_SEEDED), (3,), "three")
        self.browser.until("#node-three", "3✓ healthy")
        self.browser.until("#headline", "All is well")
        self.seeded.lose("two")
        self.browser.until("#node-two", "its lease ended at")
        self.browser.until("#nowhere", "web.myapp 2!")
        self.assertIs(self.browser.run("window.loadedOnce"), True)
        self.assertEqual(self.browser.said(), [])

    def test_hostile_and_accessible(self) -> None:
        """Markup that others wrote is shown as text; axe-core finds nothing, in light, in dark and on a telephone."""
        lease = self.seeded.store.grant(60).id
        event = Event(1.7e9, HOSTILE, HOSTILE, HOSTILE, (HOSTILE,), by=HOSTILE)
        self.seeded.store.put(self.seeded.keys.event("one", event.number), event.encode(), lease)
        unreadable = f"{self.seeded.keys.services}myapp/{HOSTILE}"
        self.seeded.store.put(unreadable, HOSTILE.encode())
        self.addCleanup(self.seeded.store.commit, [], [Delete(unreadable)])
        for width, dark in ((1440, False), (1440, True), (390, False), (390, True)):
            self.browser.open(self.url, width=width, dark=dark)
            self.browser.until(FOLLOWS, "Live")
            self.browser.until("#timeline", "<img src=x onerror=")
            self.browser.until("#glance", "<img src=x onerror=")
            self.assertEqual(self.browser.words("img"), [])
            self.assertFalse(self.browser.overflows())
            self.assertEqual(self.browser.violations(), [])
            self.assertEqual(self.browser.said(), [])

    def test_long_names(self) -> None:
        """The longest names, and many ports, fit into any window."""
        host = f"{'h' * 63}.{'o' * 63}.example.com"
        wanted = named("s" * 63, 1, Placement=ONLY_SEEDED, Http={**HTTP, "HostName": host})
        node = "n" * 63
        self.seeded.node(node)
        self.addCleanup(self.seeded.lose, node)
        self.seeded.store.put(self.seeded.keys.cordon(node), b"{}")  # so it will have left, and not be lost
        self.seeded.define(wanted)
        self.addCleanup(self.seeded.store.commit, [], [Delete(self.seeded.keys.service(wanted.name))])
        published = tuple(Port(8000 + number, "tcp", 27000 + number) for number in range(20))
        self.seeded.claim(wanted, (1,), node, ports=published)
        for path in ("", f"page/service/{wanted.name}"):
            for width in (390, 721, 800, 1121, 1201, 1281, 1440):
                self.browser.open(f"{self.url}{path}", width=width)
                self.browser.until("main", node)
                self.browser.until("main", str(wanted.name))
                self.assertFalse(self.browser.overflows(), f"{path} {width}")

    def test_ordinary_names(self) -> None:
        """A name of ordinary length is on one line, with a reason and more names beside it."""
        http = {**HTTP, "HostName": "s10.example.com,b.example.com"}
        wanted = named("service-10", 1, Placement=ONLY_SEEDED, Http=http)
        self.seeded.define(wanted)
        self.addCleanup(self.seeded.store.commit, [], [Delete(self.seeded.keys.service(wanted.name))])
        heights = "[...document.querySelectorAll('tbody .name, .hosts span')].map(one => one.offsetHeight)"
        for width in (800, 1201, 1440):
            self.browser.open(self.url, width=width)
            self.browser.until("[id='service-service-10.myapp']", "waits for a node")
            self.assertLess(max(self.browser.run(heights)), 30, f"{width}")
        for width in (390, 800, 1201, 1281, 1440):
            self.browser.open(f"{self.url}page/service/{wanted.name}", width=width)
            self.browser.until("tbody", "1.service-10.myapp ! waiting for a node")
            self.assertLess(max(self.browser.run(heights)), 30, f"{width}")

    def test_no_service(self) -> None:
        """As long as no service is defined there is no table of them, but what defines one; live, too."""
        shown = "[...document.querySelectorAll('.without, table')].map(one => one.checkVisibility()).join()"
        self.seeded.store.commit([], [Delete(self.seeded.keys.service(WEB.name))])
        self.browser.open(self.url)
        self.browser.until(FOLLOWS, "Live")
        self.browser.until(".without", "daprdockrcmd apply -f DIRECTORY")
        until(lambda: self.browser.run(shown) == "false,true", 60.0, lambda: f"{self.browser.run(shown)}")
        self.seeded.define(WEB)
        self.browser.until("[id='service-web.myapp']", "web.myapp")
        self.assertEqual(self.browser.run(shown), "true,false")

    def test_service(self) -> None:
        """The page of a service says what each instance does and why, and is read again by itself."""
        for width, dark in ((1440, True), (390, False)):
            self.browser.open(f"{self.url}page/service/web.myapp", width=width, dark=dark)
            self.browser.until("#headline", "web.myapp")
            self.assertFalse(self.browser.overflows())
            self.assertEqual(self.browser.violations(), [])
        self.seeded.lose("two")
        self.browser.until("tbody", "2.web.myapp ! waiting for a node")
        self.browser.until(FOLLOWS, "Live")
        self.assertEqual(self.browser.said(), [])

    def test_focus(self) -> None:
        """The focus stays with its link when others come above it, and in the page when its row goes."""
        self.browser.open(self.url)
        self.browser.until(FOLLOWS, "Live")
        self.happen(5.0, "sooner")
        self.browser.until("#timeline", "sooner")
        self.browser.run(f"[...document.querySelectorAll('#timeline li')].find({SOONER}).querySelector('a').focus()")
        self.happen(6.0, "later")
        self.browser.until("#timeline", "later")
        self.assertIn("sooner", self.browser.run("document.activeElement.closest('li').textContent"))
        self.browser.run("document.querySelector(\"[id='service-web.myapp'] a\").focus()")
        self.seeded.store.commit([], [Delete(self.seeded.keys.service(WEB.name))])
        until(lambda: not self.browser.words("[id='service-web.myapp']"))
        self.assertEqual(self.browser.run("document.activeElement.id"), "main")

    def test_focus_of_service(self) -> None:
        """A person who has skipped to the page of a service stays there when it is read again."""
        self.browser.open(f"{self.url}page/service/web.myapp")
        self.browser.run("window.first = document.querySelector('main'); window.first.focus()")
        until(lambda: not self.browser.run("window.first.isConnected"))
        self.assertEqual(self.browser.run("document.activeElement.id"), "main")

    def happen(self, time: float, text: str) -> None:
        event = Event(time, "one", "1.web.myapp", text)
        lease = self.seeded.store.grant(60).id
        self.seeded.store.put(self.seeded.keys.event("one", event.number), event.encode(), lease)

    def test_deleted(self) -> None:
        """The page of a service that is deleted says so, and not that the agent is silent; it goes on if it is back."""
        self.browser.open(f"{self.url}page/service/web.myapp")
        self.browser.until(FOLLOWS, "Live")
        self.seeded.store.commit([], [Delete(self.seeded.keys.service(WEB.name))])
        self.browser.until("#state.lost", "Not live: there is no such service now")
        self.assertEqual(self.browser.words("#headline"), ["web.myapp"])
        self.seeded.define(WEB)
        self.browser.until(FOLLOWS, "Live")

    def test_upgraded(self) -> None:
        """A page whose agent has other files now reloads itself, as does the page of a service."""
        for path in ("", "page/service/web.myapp"):
            self.browser.open(f"{self.url}{path}")
            self.browser.until(FOLLOWS, "Live")
            self.browser.run("window.loadedOnce = true; document.getElementById('main').dataset.edition = 'former'")
            self.seeded.claim(WEB, (1,), "one", healthy=bool(path))
            until(lambda: self.browser.run("document.getElementById('main')?.dataset.edition") == EDITION)
            self.assertIsNone(self.browser.run("window.loadedOnce"))
            self.browser.until(FOLLOWS, "Live")

    def test_two_versions(self) -> None:
        """Where agents of two versions answer in turn the page is loaded again once, and then shown as it comes."""
        self.addCleanup(self.browser.open, "about:blank")  # the same address would keep what the page remembers
        self.browser.open(self.url)
        self.browser.until(FOLLOWS, "Live")
        self.browser.run(f"history.replaceState(['{EDITION}'], ''); window.loadedOnce = true")
        self.browser.run("document.getElementById('main').dataset.edition = 'former'")
        self.seeded.claim(WEB, (1,), "one", healthy=False)
        self.browser.until("[id='service-web.myapp']", "1 of 2 healthy")
        self.assertIs(self.browser.run("window.loadedOnce"), True)

    def test_hung(self) -> None:
        """The page of a service is not said to be live while nothing answers, and asks one question at a time."""
        self.browser.open(f"{self.url}page/service/web.myapp")
        self.browser.until(FOLLOWS, "Live")
        self.browser.run(COUNTED)
        with self.browser.hanging():
            self.browser.until("#state.lost", "Not live: the agent does not answer", 30)
            self.assertTrue(self.browser.run("document.title").startswith("Not live · web.myapp"))
            self.browser.run("document.getElementById('main').style.paddingBottom = '300rem'")
            self.browser.run("scrollTo(0, document.body.scrollHeight)")
            place = self.browser.run("document.getElementById('state').getBoundingClientRect().top")
            self.assertTrue(0 <= place < 100, f"the state of an old page is out of sight: {place}")
        self.browser.until(FOLLOWS, "Live")
        self.assertTrue(self.browser.run("document.title").startswith("web.myapp"))
        self.assertEqual(self.browser.run("window.most"), 1)

    def test_refused(self) -> None:
        """A page for which the agent has no place says so; it follows when another one has gone."""
        self.browser.open("about:blank")
        others: list[socket.socket] = []
        until(lambda: self.follow(others) == MOST_READERS)
        self.browser.open(self.url)
        self.browser.until("#state.lost", "Not live: the agent refuses to be followed now")
        self.assertTrue(self.browser.run("document.title").startswith("Not live · ✓ All is well"))
        others[0].close()
        self.browser.until(FOLLOWS, "Live")
        self.assertTrue(self.browser.run("document.title").startswith("✓ All is well"))

    def test_hidden(self) -> None:
        """A tab that nobody sees gives its place away, also if it was never seen, and takes none until it is seen."""
        self.browser.open("about:blank")
        with self.browser.beginning(HASTY):
            self.browser.open(self.url)
        self.browser.until("#state", "Live")
        others: list[socket.socket] = []
        until(lambda: self.follow(others) == MOST_READERS)
        self.assertEqual(self.browser.words("#state"), ["As it was"])
        self.browser.run("see(false)")
        self.browser.until("#state.lost", "refuses")
        self.browser.run("see(true)")
        self.browser.until("#state", "As it was")
        others.pop().close()
        self.assertRaises(AssertionError, self.browser.until, FOLLOWS, "Live", 2)
        self.browser.run("see(false)")
        self.browser.until(FOLLOWS, "Live")

    def follow(self, others: list[socket.socket]) -> int:
        """Follow the page beside others, if there is a place; return how many do."""
        found = socket.create_connection(("127.0.0.1", self.agent.api_port), timeout=10)
        self.addCleanup(found.close)
        found.sendall(b"GET /page/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        others += [found] if b" 200 OK" in found.recv(100) else []
        return len(others)

    def test_without_scripts(self) -> None:
        """A browser that runs no scripts shows the same, as it was when it asked."""
        self.browser.open(self.url, scripts=False)
        self.assertEqual(self.browser.words("#state"), ["As it was"])
        self.assertIn("All is well", self.browser.words("#headline")[0])
        self.assertIn("web.myapp 1✓", self.browser.words("#node-one")[0])
        self.assertIn("2 of 2 healthy", self.browser.words("#services")[0])

    def test_stalled_reader(self) -> None:
        """Readers that read nothing cost the agent nothing, and keep nobody from the page."""
        before = self.agent.resident()
        for _ in range(20):
            stalled = socket.create_connection(("127.0.0.1", self.agent.api_port))
            self.addCleanup(stalled.close)
            stalled.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            stalled.sendall(b"GET /page/stream HTTP/1.1\r\nHost: localhost\r\n\r\n")
        for number in range(40):
            self.seeded.claim(WEB, (1,), "one", healthy=number % 2 == 1)
        until(lambda: "2 of 2 healthy" in self.agent.curl("", self.url))
        self.assertLess(self.agent.resident() - before, 16 << 20)
        self.assertIn("16 readers", self.agent.curl("", f"{self.url}page/stream"))
