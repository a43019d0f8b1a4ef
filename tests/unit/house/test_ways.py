"""
The ways of ``docs/design/architecture.rst``: each hop is a name that its file defines, and that runs when a definition,
or a query, goes this way.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import groupby
from types import FrameType

from attrs import frozen
from docutils import nodes
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.dns.answering.name_servers import NameServers
from daprdockr.dns.authority import Authority
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.forwarding.cache import Cache
from daprdockr.dns.forwarding.forward import Forwarder
from daprdockr.dns.listening.protocols import Datagrams
from tests.build.dns_samples import ALLOWED, CLIENT, STRANGER, Connection, Datagram, question, sample_zone
from tests.fakes.agents import MemoryCluster
from tests.fakes.command_line import LentStore, command_line
from tests.fakes.exchange import FakeExchange
from tests.unit.house.pages import ARCHITECTURE, section
from tests.unit.house.sources import CHECKOUT, defines

PACKAGE = CHECKOUT / "daprdockr"
DEFINITION, QUERY = "The way of a definition", "The way of a query"

MOST_FILES = 35
LOOP = {"planning", "agent/reconcile"}
"""The rooms that a definition comes back to: each step is planned after the one before it."""
LOOP_BEGINS = 6
IN_NGINX = ("proxy/nginx_door", "proxy/table", "proxy/applier", "proxy/message")
ELSEWHERE = ("etcd/", "engine/", "dns/server", "dns/authority", *IN_NGINX)
"""The modules that an agent in memory replaces by fakes, or does without."""
SOCKETS = ("dns/listening/listen", "dns/listening/batched", "dns/listening/mmsg", "dns/forwarding/exchange")

SET = ("-set", "-svc", "web.myapp", "-image", "web:1", "-instances", "2", "-http-host", "a.test", "-http-port", "8080")
NAMES = ("1.web.myapp.container", "9.web.myapp.container", "1.0.0.10.in-addr.arpa", "localhost", "a.test")
NOT_A_CLASS = {"DNS", "HTTP", "TCP", "UDP", "NXDOMAIN", "Docker", "Engine"}


@frozen
class Hop:
    """One row: ``name`` in ``file``, which is relative to the package."""

    stage: str
    file: str
    name: str

    @property
    def room(self) -> str:
        """A folder of the package; ``agent`` is several rooms, the others are one with all that is in them."""
        top, *others = self.file.split("/")
        return f"{top}/{others[0]}" if top == "agent" else top


def hops(title: str) -> list[Hop]:
    """The rows of the section's table."""
    (body,) = section(ARCHITECTURE, title).findall(nodes.tbody)
    return [Hop(*(cell.astext() for cell in row.children[:3])) for row in body.children]


Calls = list[tuple[str, str]]
"""Files and qualified names of functions, in the order in which they were called."""


@contextmanager
def recorded() -> Iterator[Calls]:
    """The functions of the package that are called meanwhile."""
    calls: Calls = []

    def record(frame: FrameType, event: str, _: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(f"{PACKAGE}/"):
            calls.append((file.removeprefix(f"{PACKAGE}/"), frame.f_code.co_qualname))

    before = sys.getprofile()
    sys.setprofile(record)
    try:
        yield calls
    finally:
        sys.setprofile(before)


def calls_of(hop: Hop, calls: Calls) -> list[int]:
    """The places in ``calls`` where something of that name is called."""
    return [at for at, (file, name) in enumerate(calls) if file == hop.file and f"{name}.".startswith(f"{hop.name}.")]


class WayTests(SynchronousTestCase):
    """Both ways."""

    def test_names(self) -> None:
        """The file of each hop exists, and defines the name."""
        both = [*hops(DEFINITION), *hops(QUERY)]
        wrong = [hop for hop in both if not (PACKAGE / hop.file).is_file() or not defines(PACKAGE / hop.file, hop.name)]
        self.assertEqual([], wrong)

    def test_pictures(self) -> None:
        """A class in a picture is one of the hops below it."""
        for title in (DEFINITION, QUERY):
            picture = next(section(ARCHITECTURE, title).findall(nodes.literal_block)).astext()
            drawn = set(re.findall(r"\b[A-Z]\w+", picture)) - NOT_A_CLASS
            self.assertEqual(set(), drawn - {hop.name.partition(".")[0] for hop in hops(title)}, title)

    def test_stages_are_drawn(self) -> None:
        """The picture has the number of each stage, and the stages are in order."""
        for title in (DEFINITION, QUERY):
            picture = next(section(ARCHITECTURE, title).findall(nodes.literal_block)).astext()
            stages = [int(hop.stage) for hop in hops(title)]
            self.assertEqual(sorted(stages), stages)
            self.assertEqual(set(stages), {int(number) for number in re.findall(r"(?<!\w)\d+(?= )", picture)}, title)


class DefinitionTests(SynchronousTestCase):
    """From the command line to DNS and nginx."""

    def test_short(self) -> None:
        """It takes no more files than a person can follow, each of them once."""
        files = [hop.file for hop in hops(DEFINITION)]
        self.assertEqual(len(set(files)), len(files))
        self.assertLessEqual(len(files), MOST_FILES)

    def test_no_room_twice(self) -> None:
        """It comes back to no room but those of the planner's loop, and to these once."""
        rooms = [room for room, _ in groupby(hop.room for hop in hops(DEFINITION))]
        self.assertEqual(LOOP, {room for room in rooms if rooms.count(room) > 1})
        self.assertEqual([2] * len(LOOP), [rooms.count(room) for room in LOOP])

    def test_runs(self) -> None:
        """All hops in the table run from a command until names and routes are published, stage by stage."""
        cluster = MemoryCluster(self)
        cluster.store = LentStore()
        agent = cluster.add("n1")
        with recorded() as calls:
            self.assertEqual("", command_line(cluster.store, *SET).stderr)
            cluster.advance(1.0)
        assert agent.routing is not None
        self.assertEqual(2, len(agent.routing.routes[0].upstreams))
        here = [hop for hop in hops(DEFINITION) if not hop.file.startswith(ELSEWHERE)]
        self.assertEqual([], [hop for hop in here if not calls_of(hop, calls)])
        stages = [list(stage) for _, stage in groupby(here, lambda hop: min(int(hop.stage), LOOP_BEGINS))]
        firsts = [min(calls_of(hop, calls)[0] for hop in stage) for stage in stages]
        self.assertEqual(sorted(firsts), firsts)
        published = [calls_of(hop, calls)[-1] for hop in here if hop.stage == here[-1].stage]
        planned = [calls_of(hop, calls)[0] for hop in here if LOOP_BEGINS <= int(hop.stage) < int(here[-1].stage)]
        self.assertLess(max(planned), min(published))


class QueryTests(SynchronousTestCase):
    """From a packet to its answer."""

    def test_runs(self) -> None:
        """All hops in the table run for one query or another."""
        reactor, exchange = Clock(), FakeExchange()
        upstreams = NameServers((Endpoint("192.0.2.1"),))
        forwarder = Forwarder(reactor, upstreams, exchange, cache=Cache(), draw_id=partial(int, 1))
        with recorded() as calls:
            authority = Authority(reactor, forwarder=forwarder, allow=ALLOWED, rotation=partial(int, 0))
            authority.publish(sample_zone())
            datagrams = Datagrams(authority, reactor)
            datagrams.makeConnection(Datagram())  # type: ignore[arg-type]  # as much of one as is used
            for name in NAMES:
                datagrams.datagramReceived(question(name).to_wire(), CLIENT)
                datagrams.datagramReceived(question(name).to_wire(), STRANGER)
            datagrams.datagramReceived(question("example.com").to_wire(), CLIENT)
            exchange.answer()
            stream = authority.buildProtocol(None)
            stream.makeConnection(Connection(stream, CLIENT[0]))
            stream.stringReceived(question("example.com").to_wire())
            stream.setTimeout(None)
        here = [hop for hop in hops(QUERY) if not hop.file.startswith(SOCKETS)]
        self.assertEqual([], [hop for hop in here if not calls_of(hop, calls)])
