"""The text of the nginx configuration."""

from __future__ import annotations

import re
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.errors import BadInput
from daprdockr.proxy.clients import HttpClients
from daprdockr.proxy.configuration import LUA, HttpListener, NginxSettings, render
from daprdockr.proxy.pages import Pages

GOLDEN = Path(__file__).parent / "golden"
SETTINGS = NginxSettings(
    directory="/var/lib/daprdockr/nginx",
    listeners=(HttpListener("0.0.0.0", 80), HttpListener("::", 80)),
    user="www-data www-data",
    version=(1, 22, 1),
    open_files=65536,
    modules=("/usr/lib/nginx/modules/ndk_http_module.so", "/usr/lib/nginx/modules/ngx_http_lua_module.so"),
    lua="/usr/lib/python3/dist-packages/daprdockr/proxy/lua",
    code="0123456789abcdef",
)

WITH_TLS = evolve(
    SETTINGS,
    listeners=(*SETTINGS.listeners, HttpListener("0.0.0.0", 8443, tls=True)),
    tls="/run/daprdockr/0123456789abcdef.tls",
)


class GoldenTests(SynchronousTestCase):
    """Whole texts, kept in files to be read."""

    maxDiff = None

    def assert_golden(self, name: str, text: str) -> None:
        self.assertEqual(text, (GOLDEN / name).read_text())

    def test_debian(self) -> None:
        """On Debian the modules are loaded from their files, and workers run as www-data."""
        self.assert_golden("debian.conf", render(SETTINGS).text)

    def test_newer_and_unprivileged(self) -> None:
        """A newer nginx keeps idle clients through a reload; Lua may be built in; without root there is no user."""
        listeners = (HttpListener("127.0.0.1", 8080),)
        settings = evolve(SETTINGS, version=(1, 29, 7), user="", listeners=listeners, modules=())
        self.assert_golden("newer-unprivileged.conf", render(settings).text)

    def test_trusting(self) -> None:
        """Trusted proxies are believed; those with the PROXY protocol have a server of their own; pages are read."""
        listeners = (*SETTINGS.listeners, HttpListener("10.0.0.1", 8080, proxy_protocol=True))
        clients = HttpClients(trusted=("10.0.0.0/8", "2001:db8::/32"), under_way=100)
        settings = evolve(SETTINGS, listeners=listeners, clients=clients, pages=Pages("/etc/daprdockr/pages", "f00d"))
        self.assert_golden("trusting.conf", render(settings).text)

    def test_logging(self) -> None:
        """An access log is written by all servers but the agent's own."""
        self.assert_golden("logging.conf", render(evolve(SETTINGS, access_log="/var/log/daprdockr/access.log")).text)

    def test_tls(self) -> None:
        """A listener for TLS speaks HTTP/2, in the server of the others; its certificates are in memory."""
        self.assert_golden("tls.conf", render(WITH_TLS).text)
        newer = render(evolve(WITH_TLS, version=(1, 25, 1))).text
        self.assertIn("listen 0.0.0.0:8443 default_server ssl;", newer)
        self.assertIn("http2 on;", newer)

    def test_constant(self) -> None:
        """A port and a protocol that all listeners of a server share are written; nginx finds out those that differ."""
        tls = evolve(WITH_TLS, listeners=(HttpListener("0.0.0.0", 8443, tls=True),))
        for settings, protocol, port in (
            (SETTINGS, "http", "80"),
            (tls, "https", "8443"),
            (WITH_TLS, "$scheme", "$server_port"),
        ):
            location = render(settings).text.partition("location / {")[2]
            lines = rf"Proto: {protocol}\r\nX-Forwarded-Host: $host\r\nX-Forwarded-Port: {port}"
            self.assertIn(f'{lines}";', location)

    def test_redirect(self) -> None:
        """Clients are sent to the port for TLS, which is named unless it is the usual one."""
        usual = evolve(WITH_TLS, listeners=(*WITH_TLS.listeners, HttpListener("::", 443, tls=True)))
        found = [one.redirect_port for one in (SETTINGS, WITH_TLS, usual)]
        self.assertEqual(found, [443, 8443, 443])
        self.assertIn('port = ":8443"', render(WITH_TLS).text)
        self.assertNotIn('port = ":', render(usual).text)

    def test_generation(self) -> None:
        """The generation stands in the text and differs between texts."""
        first = render(SETTINGS)
        self.assertIn(f'return 200 "{first.generation}";', first.text)
        self.assertRegex(first.generation, r"\A[0-9a-f]{16}\Z")
        self.assertEqual(first, render(SETTINGS))
        self.assertNotEqual(first.generation, render(evolve(SETTINGS, open_files=2048)).generation)

    def test_generation_of_the_lua(self) -> None:
        """Other Lua is another generation: nginx reads it with its configuration and at no other time."""
        self.assertNotEqual(render(SETTINGS).generation, render(evolve(SETTINGS, code="fedcba9876543210")).generation)


class SettingsTests(SynchronousTestCase):
    """Values that settings refuse."""

    def test_directory(self) -> None:
        """A directory that nginx could not read as one word, or as a socket's, is refused."""
        for directory in ["relative", '/a"b', "/a$b", "/a\\b", "/a\nb", "/" + "x" * 91]:
            with self.assertRaises(BadInput, msg=directory):
                evolve(SETTINGS, directory=directory)

    def test_directory_with_spaces(self) -> None:
        """A directory with spaces and semicolons is one quoted word."""
        text = render(evolve(SETTINGS, directory="/a b;c")).text
        self.assertIn('pid "/a b;c/nginx.pid";', text)
        self.assertIn('listen "unix:/a b;c/generation.sock";', text)

    def test_lua(self) -> None:
        """A place of Lua or of a module that nginx could not read is refused."""
        for path in ["relative", "/a?b", "/a;b", '/a"b']:
            with self.assertRaises(BadInput, msg=path):
                evolve(SETTINGS, lua=path)
            with self.assertRaises(BadInput, msg=path):
                evolve(SETTINGS, modules=(path,))

    def test_lua_is_read_at_the_start(self) -> None:
        """The master reads each Lua file of the package: a worker may not be allowed to read it later."""
        begun = re.search(r"init_by_lua_block \{.*?\n    \}", render(WITH_TLS).text, re.DOTALL)
        assert begun is not None
        read = set(re.findall(r"door\.(\w+)", begun[0]))
        files = {path.stem: path.read_text() for path in Path(LUA, "door").glob("*.lua")}
        for _ in files:
            read |= {name for one in read for name in re.findall(r'require "door\.(\w+)"', files[one])}
        self.assertEqual(read, set(files))

    def test_tls_needs_memory(self) -> None:
        """TLS listeners without a directory for certificates are refused."""
        with self.assertRaisesRegex(BadInput, "--memory-dir"):
            evolve(WITH_TLS, tls="")

    def test_code(self) -> None:
        """A text that is no digest does not get into the configuration."""
        for code in ["x", "A", "0\n}", "0;"]:
            with self.assertRaises(BadInput, msg=code):
                evolve(SETTINGS, code=code)

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

    def test_proxy_protocol(self) -> None:
        """A listener with the PROXY protocol is of no use if nobody is trusted."""
        with self.assertRaisesRegex(BadInput, "--http-trust"):
            evolve(SETTINGS, listeners=(HttpListener("0.0.0.0", 80, proxy_protocol=True),))

    def test_pages(self) -> None:
        """A directory of pages that nginx could not read as one word is refused."""
        with self.assertRaises(BadInput):
            evolve(SETTINGS, pages=Pages('/a"b', "f00d"))
        with self.assertRaises(BadInput):
            evolve(SETTINGS, access_log="/a$b")

    def test_under_way(self) -> None:
        """One address gets no more than half of a worker's connections."""
        self.assertEqual(evolve(SETTINGS, clients=HttpClients(under_way=300)).under_way, 300)
        self.assertEqual(evolve(SETTINGS, open_files=1024).under_way, 128)

    def test_connections(self) -> None:
        """A worker takes half as many connections as it may open files, and not too many."""
        self.assertEqual(evolve(SETTINGS, open_files=1000).connections, 500)
        self.assertEqual(evolve(SETTINGS, open_files=1_000_000).connections, 16_384)

    def test_workers(self) -> None:
        """nginx starts as many workers as the settings say."""
        self.assertIn("\nworker_processes 3;\n", render(evolve(SETTINGS, workers=3)).text)
