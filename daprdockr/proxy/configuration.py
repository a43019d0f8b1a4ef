"""
The nginx configuration as text: routes and settings in, the bytes of one file out.

Pure and canonical: equal routes give equal bytes, so a comparison of texts decides whether to reload. This is the
last door before nginx, and it checks again whatever it lets through. Knows nothing of files and processes.

Note [Generation]
    The text carries the digest of itself, which nginx answers on a unix socket: the only proof that a reload took
    effect. The digest is taken over the text with a NUL byte in its place, which can stand nowhere else in it. It also
    tells a text that is whole from what a disk made of one.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from itertools import groupby

from attrs import field, frozen
from jinja2 import Environment, PackageLoader, StrictUndefined

from daprdockr.model.errors import BadInput
from daprdockr.model.names import ServiceName, shorten
from daprdockr.proxy.routes import Route, Upstream, by_number, check_endpoint, check_host_name

LOCAL_WEIGHT = 2
"""Share of an instance on this node, against 1 of others: saves a hop without starving the rest."""

_PLACEHOLDER = "\0"
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
)


@frozen(order=True)
class HttpListener:
    """An address and a port where nginx accepts HTTP."""

    address: str
    port: int
    text: str = field(init=False, eq=False, repr=False)

    def __attrs_post_init__(self) -> None:
        object.__setattr__(self, "text", check_endpoint(self.address, self.port))


@frozen(kw_only=True)
class NginxSettings:
    """
    What does not change while the agent runs.

    :ivar directory: absolute path of nginx's own directory; nothing the configuration names lies outside it.
    :ivar user: the user and the group of the workers; empty when the master is not root, where nginx ignores it.
    :ivar version: the nginx that will read the text.
    :ivar open_files: file descriptors that a worker may have.
    :ivar shutdown_timeout: seconds the workers of an older configuration are given to finish their connections.
    :raises BadInput: a value cannot stand in a configuration.
    """

    directory: str
    listeners: tuple[HttpListener, ...]
    user: str = ""
    version: tuple[int, int, int] = (1, 18, 0)
    open_files: int = 1024
    shutdown_timeout: int = 30

    def __attrs_post_init__(self) -> None:
        if not self.directory.startswith("/") or _UNQUOTABLE.search(self.directory):
            raise BadInput(
                f"directory {shorten(self.directory)} is not usable by nginx: "
                'write an absolute path without ", \\, $ and control characters'
            )
        if len(self.socket.encode()) > _MAX_SOCKET_PATH:
            raise BadInput(f"directory {shorten(self.directory)} is too long for a unix socket: choose a shorter one")
        if not re.fullmatch(r"(?:[a-z_][a-z0-9_-]*){0,1}(?: [a-z_][a-z0-9_-]*)?", self.user, re.ASCII):
            raise BadInput(f"user {shorten(self.user)} is not usable by nginx")
        if not self.listeners:
            raise BadInput("nginx needs an address to listen on: give --http ADDR:PORT")

    @property
    def socket(self) -> str:
        """The path of the unix socket that answers the generation."""
        return f"{self.directory}/generation.sock"

    @property
    def connections(self) -> int:
        """Connections of a worker: half its descriptors, as each request takes two."""
        return min(self.open_files // 2, _MAX_CONNECTIONS)


@frozen
class Configuration:
    """A rendered configuration. See Note [Generation]."""

    text: str
    generation: str


@frozen
class _Site:
    """A service as the template wants it; ``zone`` is its shared memory in KiB."""

    service: ServiceName
    host_names: str
    servers: tuple[str, ...]
    zone: int


def render(routes: Iterable[Route], settings: NginxSettings) -> Configuration:
    """
    Render the whole configuration.

    :raises BadInput: a route cannot stand in a configuration; ``routes.routing`` never gives such a one.
    """
    ordered = sorted(routes, key=lambda route: (route.service, route.host_name))
    sites = [_site(service, list(group)) for service, group in groupby(ordered, key=lambda route: route.service)]
    text = _environment.get_template("nginx.conf.j2").render(
        settings=settings,
        sites=sites,
        generation=_PLACEHOLDER,
        names_bucket=_names_bucket(max((len(route.host_name) for route in ordered), default=0)),
        names_size=_names_size(len(ordered)),
    )
    generation = _digest(text)
    return Configuration(text.replace(_PLACEHOLDER, generation), generation)


def checked(content: bytes) -> bytes:
    """The same bytes. :raises ValueError, BadInput: ``render`` did not make them. See Note [Generation]."""
    text = content.decode()
    found = _GENERATION.search(text)
    if found is None or _digest(text.replace(found[1], _PLACEHOLDER)) != found[1]:
        raise BadInput("it is no configuration that an agent wrote, or not all of one")
    return content


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _site(service: ServiceName, routes: list[Route]) -> _Site:
    upstreams = routes[0].upstreams
    if any(route.upstreams != upstreams for route in routes):
        raise BadInput(f"routes of {service} differ in their instances: give all of them the same")
    return _Site(
        service=service,
        host_names=" ".join(check_host_name(route.host_name) for route in routes),
        servers=tuple(_server(upstream) for upstream in sorted(upstreams, key=by_number)),
        # 64 KiB hold the group and about 80 servers of it.
        zone=64 + len(upstreams),
    )


def _server(upstream: Upstream) -> str:
    weight = f" weight={LOCAL_WEIGHT}" if upstream.local else ""
    return f"{check_endpoint(upstream.address, upstream.port)}{weight} max_fails=1 fail_timeout=5s"


def _names_bucket(longest: int) -> int:
    """Bytes of a hash bucket: the longest name and nginx's overhead must fit, and 64 break at 60 characters."""
    return 128 if longest <= 96 else 512


def _names_size(count: int) -> int:
    """Slots for host names; twice their number lets nginx build the hash without a warning."""
    return 1 << max(9, (2 * count).bit_length())
