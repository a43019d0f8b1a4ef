"""The text of the nginx configuration."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.proxy.configuration import HttpListener, NginxSettings, render
from daprdockr.proxy.routes import HttpService, Route, Upstream, routing

GOLDEN = Path(__file__).parent / "golden"
WEB = ServiceName(group="shop", service="web")
API = ServiceName(group="shop", service="api")

SETTINGS = NginxSettings(
    directory="/var/lib/daprdockr/nginx",
    listeners=(HttpListener("0.0.0.0", 80), HttpListener("::", 80)),
    user="www-data www-data",
    version=(1, 22, 1),
    open_files=65536,
)


def place(number: int, service: ServiceName = WEB, address: str = "10.0.0.1", **more: Any) -> Upstream:
    return Upstream(InstanceName(service, number), address, 8000 + number, **more)


ROUTES = (
    Route("*.example.com", WEB, (place(1, local=True), place(2, address="2001:db8::2"))),
    Route("example.com", WEB, (place(1, local=True), place(2, address="2001:db8::2"))),
    Route("api.example.com", API, ()),
)


class GoldenTests(SynchronousTestCase):
    """Whole texts, kept in files to be read."""

    maxDiff = None

    def assert_golden(self, name: str, text: str) -> None:
        self.assertEqual(text, (GOLDEN / name).read_text())

    def test_no_routes(self) -> None:
        """Without routes every host name is unknown."""
        self.assert_golden("no-routes.conf", render([], SETTINGS).text)

    def test_routes(self) -> None:
        """One service with two host names and two instances, one without a healthy instance."""
        self.assert_golden("routes.conf", render(ROUTES, SETTINGS).text)

    def test_newer_and_unprivileged(self) -> None:
        """A newer nginx keeps idle clients through a reload; without root there is no user to name."""
        settings = evolve(SETTINGS, version=(1, 29, 7), user="", listeners=(HttpListener("127.0.0.1", 8080),))
        self.assert_golden("newer-unprivileged.conf", render(ROUTES[:1], settings).text)


class CanonicalTests(SynchronousTestCase):
    """Equal routes give equal bytes, others others."""

    def test_order(self) -> None:
        """Neither the order of the routes nor that of the instances changes a byte."""
        turned = [evolve(route, upstreams=route.upstreams[::-1]) for route in reversed(ROUTES)]
        self.assertEqual(render(turned, SETTINGS), render(ROUTES, SETTINGS))

    def test_generation(self) -> None:
        """The generation stands in the text and differs between texts, also those of other settings."""
        first = render(ROUTES, SETTINGS)
        self.assertIn(f'return 200 "{first.generation}";', first.text)
        self.assertRegex(first.generation, r"\A[0-9a-f]{16}\Z")
        others = [render(ROUTES[1:], SETTINGS), render(ROUTES, evolve(SETTINGS, open_files=2048))]
        self.assertEqual(len({first.generation, *(other.generation for other in others)}), 3)

    def test_size_of_hashes(self) -> None:
        """The hash of host names grows with their number and length."""
        for count, labels, size, bucket in [(1, 1, 512, 128), (1000, 3, 2048, 128), (300, 8, 1024, 512)]:
            names = [".".join([f"n{n:03}".ljust(30, "x")] * labels) for n in range(count)]
            lines = render([Route(name, WEB, ()) for name in names], SETTINGS).text.splitlines()
            self.assertIn(f"    server_names_hash_max_size {size};", lines)
            self.assertIn(f"    server_names_hash_bucket_size {bucket};", lines)


class HostileTests(SynchronousTestCase):
    """The last door before nginx."""

    def test_host_name(self) -> None:
        """A route with a host name that is none is not rendered."""
        for name in ["x; location /y { alias /etc/; }", "a b", "a\nb", "", "A.com", "{{ settings }}"]:
            with self.assertRaises(BadInput, msg=name):
                render([Route(name, WEB, ())], SETTINGS)

    def test_place(self) -> None:
        """A route to what is no place is not rendered."""
        for address, port in [("unix:/run/docker.sock", 80), ("fe80::1%;}", 80), ("10.0.0.1", "80;")]:
            upstream = Upstream(InstanceName(WEB, 1), address, port)  # type: ignore[arg-type] # hostile on purpose
            with self.assertRaises(BadInput, msg=address):
                render([Route("example.com", WEB, (upstream,))], SETTINGS)

    def test_contradiction(self) -> None:
        """Two routes to different instances of one service are not rendered."""
        with self.assertRaises(BadInput):
            render([Route("a.com", WEB, (place(1),)), Route("b.com", WEB, (place(2),))], SETTINGS)

    @given(
        st.lists(
            st.one_of(st.text(), st.from_regex(r"[a-z*.]{1,9}[;{}\"'$\\ \n#a-z.]{1,3}", fullmatch=True)), max_size=4
        ),
        st.lists(
            st.tuples(
                st.one_of(st.text(), st.ip_addresses().map(str), st.text().map(lambda text: f"fe80::1%{text}")),
                st.integers(-1, 70_000),
            ),
            max_size=4,
        ),
    )
    def test_no_definition_reaches_the_text(self, hosts: list[str], places: list[tuple[str, int]]) -> None:
        """Whatever a definition and a record hold, only whole, well-formed lines of ours come out."""
        upstreams = tuple(Upstream(InstanceName(WEB, n + 1), *where) for n, where in enumerate(places))
        text = render(routing([HttpService(WEB, tuple(hosts), upstreams, 1)]).routes, SETTINGS).text
        known = {line.strip() for line in (GOLDEN / "routes.conf").read_text().splitlines()}
        varying = re.compile(
            r"server_name( (\*\.)?[a-z0-9.-]+)+;|zone web\.shop \d+k;|return 200 \"[0-9a-f]{16}\";"
            r"|server ([0-9.]+|\[[0-9a-f:.]+\]):\d+ max_fails=1 fail_timeout=5s;|server_names_hash_\w+ \d+;",
            re.ASCII,
        )
        for line in text.split("\n"):
            self.assertTrue(line.strip() in known or varying.fullmatch(line.strip()), line)


class SettingsTests(SynchronousTestCase):
    """What settings refuse."""

    def test_directory(self) -> None:
        """A directory that nginx could not read as one word, or as a socket's, is refused."""
        for directory in ["relative", '/a"b', "/a$b", "/a\\b", "/a\nb", "/" + "x" * 91]:
            with self.assertRaises(BadInput, msg=directory):
                evolve(SETTINGS, directory=directory)

    def test_directory_with_spaces(self) -> None:
        """A directory with spaces and semicolons is one quoted word."""
        text = render([], evolve(SETTINGS, directory="/a b;c")).text
        self.assertIn('pid "/a b;c/nginx.pid";', text)
        self.assertIn('listen "unix:/a b;c/generation.sock";', text)

    def test_user(self) -> None:
        """A user that is none is refused."""
        for user in ["a; b", "a b c", "A", "root;"]:
            with self.assertRaises(BadInput, msg=user):
                evolve(SETTINGS, user=user)

    def test_listeners(self) -> None:
        """nginx without a listener, and a listener that is none, are refused."""
        with self.assertRaises(BadInput):
            evolve(SETTINGS, listeners=())
        with self.assertRaises(BadInput):
            HttpListener("localhost", 80)

    def test_connections(self) -> None:
        """A worker takes half as many connections as it may open files, and not too many."""
        self.assertEqual(evolve(SETTINGS, open_files=1000).connections, 500)
        self.assertEqual(evolve(SETTINGS, open_files=1_000_000).connections, 16_384)
