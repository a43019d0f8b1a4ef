"""
The nginx configuration as text: settings in, the bytes of one file out.

Pure and canonical: equal settings give equal bytes, so a comparison of texts decides whether to reload. Routes are
data, which nginx gets by other means (``message``): no name of a service or host stands in the text, and no change of
one changes it. Knows nothing of files and processes.

Note [Generation]
    The text carries its own digest, which nginx answers on a unix socket: the only proof that a reload took effect. The
    digest is computed over the text with a NUL byte in its place, which can stand nowhere else in it. It also detects a
    text that a disk damaged. The digest of the Lua stands in the text too, so that an nginx that an older package left
    running takes up the Lua of this one.
"""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from attrs import field, frozen
from jinja2 import Environment, PackageLoader, StrictUndefined

from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten
from daprdockr.model.stored.certificate import CertificatePair
from daprdockr.proxy.clients import ALL_ALIKE, OUR_HEADERS, HttpClients, aliases
from daprdockr.proxy.pages import Pages
from daprdockr.proxy.routes import check_endpoint

LUA = str(Path(__file__).with_name("lua"))
"""The directory of the package's Lua."""

SOCKET = "generation.sock"
"""The name of nginx's unix socket for the agent."""

_SEALS = ("AES128-GCM-SHA256", "AES256-GCM-SHA384", "CHACHA20-POLY1305")

MEMORY = 64
"""
MiB for routes, shared by all workers: 10,000 host names with three endpoints each take about 10, and as many routes as
nginx is given at most, with the longest names and paths, about 50.
"""

CERTIFICATE_MEMORY = 32
"""MiB for certificates, shared by all workers: a pair takes about 8 KiB."""

CIPHERS = ":".join(f"ECDHE-{key}-{rest}" for rest in _SEALS for key in ("ECDSA", "RSA"))
"""Those of TLS 1.2: each has forward secrecy and authenticates what it encrypts. TLS 1.3 has no others."""

_PLACEHOLDER = "\0"
_LOGGED = ("time", "host", "path", "service", "instance", "instance_seconds", "tries")
_VARIABLES = ("door_target", "door_prefix", "door_cookie", "door_hsts", *(f"log_{name}" for name in _LOGGED))
_GENERATION = re.compile(r'return 200 "([0-9a-f]{16})";', re.ASCII)
_UNQUOTABLE = re.compile(r'[\x00-\x1f\x7f"\\$]')
_MAX_SOCKET_PATH = 107  # bytes of sun_path without its end, unix(7)
_MAX_CONNECTIONS = 16_384

_environment = Environment(
    loader=PackageLoader("daprdockr", "proxy"),
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    keep_trailing_newline=True,
    autoescape=False,
    auto_reload=False,  # an upgrade of the package replaces it under an agent that runs
)


@frozen(order=True)
class HttpListener:
    """
    An address and a port where nginx accepts HTTP; with ``proxy_protocol`` each connection begins with the header of
    that protocol, with ``tls`` it is HTTP over TLS.
    """

    address: str
    port: int
    proxy_protocol: bool = False
    tls: bool = False
    text: str = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "text", check_endpoint(self.address, self.port))


@frozen(kw_only=True)
class NginxSettings:
    """
    The settings that do not change while the agent runs.

    :ivar directory: absolute path of nginx's own directory; nothing the configuration names lies outside it.
    :ivar user: the user and the group of the workers; empty when the master is not root, where nginx ignores it.
    :ivar version: the nginx that will read the text.
    :ivar modules: the files of the modules that it loads; none when Lua is built in.
    :ivar lua: the directory of our Lua.
    :ivar code: the digest of the Lua there: nginx reads it only when it reads its configuration.
    :ivar memory: MiB for routes.
    :ivar workers: processes that serve; 0: one for each processor of the machine.
    :ivar clients: what clients are believed and granted.
    :ivar pages: the operator's pages, where there are any.
    :ivar access_log: absolute path of the access log; empty for none.
    :ivar tls: absolute path of the directory in memory with the certificates; empty without TLS listeners.
    :ivar default_pair: the certificate in the configuration, which no handshake shows.
    :ivar open_files: file descriptors that a worker may have.
    :ivar shutdown_timeout: seconds the workers of an older configuration are given to finish their connections.
    :raises BadInput: a value cannot stand in a configuration.
    """

    directory: str
    listeners: tuple[HttpListener, ...]
    user: str = ""
    version: tuple[int, int, int] = (1, 18, 0)
    workers: int = 0
    open_files: int = 1024
    shutdown_timeout: int = 30
    modules: tuple[str, ...] = ()
    lua: str = LUA
    code: str = ""
    memory: int = MEMORY
    clients: HttpClients = ALL_ALIKE
    pages: Pages | None = None
    access_log: str = ""
    tls: str = ""
    certificate_memory: int = CERTIFICATE_MEMORY
    default_pair: CertificatePair | None = field(default=None, repr=False)

    def __attrs_post_init__(self) -> None:
        if not self.directory.startswith("/") or _UNQUOTABLE.search(self.directory):
            raise BadInput(
                f"directory {shorten(self.directory)} is not usable by nginx: "
                'write an absolute path without ", \\, $ and control characters'
            )
        named = (self.pages.directory if self.pages else "", self.access_log, self.tls)
        for path in (self.lua, *self.modules, *filter(None, named)):
            if not path.startswith("/") or _UNQUOTABLE.search(path) or set(path) & set(";?"):
                raise BadInput(f"{shorten(path)} is not usable by nginx: install it in a directory with a plain name")
        if len(self.socket.encode()) > _MAX_SOCKET_PATH:
            raise BadInput(f"directory {shorten(self.directory)} is too long for a unix socket: choose a shorter one")
        if not re.fullmatch(r"(?:[a-z_][a-z0-9_-]*){0,1}(?: [a-z_][a-z0-9_-]*)?", self.user, re.ASCII):
            raise BadInput(f"user {shorten(self.user)} is not usable by nginx")
        if not re.fullmatch(r"[0-9a-f]*", self.code, re.ASCII):
            raise BadInput(f"{shorten(self.code)} is no digest of Lua")
        if not self.listeners:
            raise BadInput("nginx needs an address to listen on: give --http ADDR:PORT")
        if not self.clients.trusted and any(listener.proxy_protocol for listener in self.listeners):
            raise BadInput("the PROXY protocol is spoken by trusted proxies only: name them with --http-trust CIDR")

        if not self.tls and any(listener.tls for listener in self.listeners):
            raise BadInput("TLS listeners need a directory in memory: name one as --memory-dir")

    @property
    def is_reached_by_tls(self) -> bool:
        """Whether clients may have come by TLS, to this nginx or to a proxy before it."""
        return bool(self.tls or self.clients.trusted)

    @property
    def redirect_port(self) -> int:
        """The port of TLS that clients are sent to."""
        ports = [listener.port for listener in self.listeners if listener.tls]
        return 443 if 443 in ports or not ports else ports[0]

    @property
    def socket(self) -> str:
        """The path of the unix socket on which the agent sends routes and queries nginx."""
        return f"{self.directory}/{SOCKET}"

    @property
    def servers(self) -> list[tuple[HttpListener, ...]]:
        """The listeners in the groups that a server of nginx has."""
        groups = (tuple(one for one in self.listeners if one.proxy_protocol is kind) for kind in (False, True))
        return [group for group in groups if group]

    @property
    def under_way(self) -> int:
        """Requests of one address: no more than half the connections of a worker, as each takes two."""
        return max(1, min(self.clients.under_way, self.connections // 4))

    @property
    def connections(self) -> int:
        """Connections of a worker: half its descriptors, as each request takes two."""
        return min(self.open_files // 2, _MAX_CONNECTIONS)


@frozen
class Configuration:
    """A rendered configuration. See Note [Generation]."""

    text: str
    generation: str


def render(settings: NginxSettings) -> Configuration:
    """Render the whole configuration."""
    text = _environment.get_template("nginx.conf.j2").render(
        settings=settings,
        generation=_PLACEHOLDER,
        about_client=_about_client,
        aliases=[alias for name in OUR_HEADERS for alias in aliases(name)],
        variables=_VARIABLES,
        ciphers=CIPHERS,
    )
    generation = _digest(text)
    return Configuration(text.replace(_PLACEHOLDER, generation), generation)


def _about_client(host: str, port: str, scheme: str) -> tuple[tuple[str, str], ...]:
    """Return the headers about a client without their ``X-``, and their values in nginx's syntax."""
    return (
        ("Real-IP", "$remote_addr"),
        ("Forwarded-For", "$remote_addr"),
        ("Forwarded-Proto", scheme),
        ("Forwarded-Host", host),
        ("Forwarded-Port", port),
    )


def checked(content: bytes) -> bytes:
    """Return the same bytes. :raises ValueError, BadInput: ``render`` did not make them. See Note [Generation]."""
    text = content.decode()
    found = _GENERATION.search(text)
    if found is None or _digest(text.replace(found[1], _PLACEHOLDER)) != found[1]:
        raise BadInput("it is no configuration that an agent wrote, or not all of one")
    return content


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
