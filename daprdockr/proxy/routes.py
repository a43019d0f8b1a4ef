"""
A route: which host name and path lead to which instances, and what nginx is given of it.

Pure. Every field that would reach nginx is checked here, because a definition or another node's record may be hostile.
Knows nothing of nginx's syntax.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator
from functools import cached_property, lru_cache

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.host_names import is_host_name
from daprdockr.model.names import InstanceName, ServiceName, shorten
from daprdockr.model.stored.pause import PauseMode, PauseRecord
from daprdockr.model.wanted.http import AUTO, MOST_BUFFERED, TIMEOUT, is_path


@frozen
class Upstream:
    """One healthy instance and where it listens; ``local`` says that it runs on this node."""

    instance: InstanceName
    address: str
    port: int
    local: bool = False


@frozen
class Route:
    """
    A host name, a path below it, and the instances behind them, in order; none means that no instance is healthy. Then
    a request waits ``hold`` seconds for one.

    :ivar pool: names the instances at one port of the service; "": at the first port of its ``Http``.
    :ivar strip_path: as ``Http`` has it, like ``max_header``, ``max_body``, ``timeout``, ``sticky``, ``buffer`` and
        ``grpc``.
    :ivar pause: the request of an operator that no request reaches the instances; None: there is none.
    :ivar tls: as ``Http`` has it, like ``hsts``.
    """

    host_name: str
    service: ServiceName
    upstreams: tuple[Upstream, ...]
    hold: float = 0.0
    path: str = "/"
    pool: str = ""
    strip_path: bool = False
    max_header: int = 0
    max_body: int = 0
    timeout: float = TIMEOUT
    sticky: str = ""
    buffer: bool = False
    grpc: bool = False
    tls: str = AUTO
    hsts: int = 0
    pause: PauseRecord | None = None

    @property
    def is_under_maintenance(self) -> bool:
        return self.pause is not None and self.pause.mode is PauseMode.MAINTENANCE

    @cached_property
    def page(self) -> str:
        """The answer to each request under maintenance, as JSON for nginx; that of an empty text is the usual one."""
        return json.dumps("" if self.pause is None else self.pause.page)

    @cached_property
    def instances(self) -> str:
        """The name of the instances that it leads to."""
        return self.pool or str(self.service)

    @cached_property
    def location(self) -> str:
        """
        Its members for nginx as JSON: ``path``; ``service``, the name of the instances; ``hold``; and what is not as
        usual. Lua ignores a member that it does not know, and takes one that is missing as usual, for either may be
        older.

        :raises BadInput: the host name or the path is none.
        """
        check_host_name(self.host_name)
        return json.dumps(dict(_location(self)), separators=(",", ":"))

    @cached_property
    def endpoints(self) -> str:
        """
        Where the instances listen, whether on this node, and their names, in order, as JSON for nginx; an IPv6 address
        stands in brackets. None of them while the service is paused, so that its requests wait.

        :raises BadInput: an address or a port is none.
        """
        found = [_endpoint(upstream) for upstream in sorted(self.upstreams, key=by_number)]
        return json.dumps([] if self.pause else found, separators=(",", ":"))


def check_host_name(name: object) -> str:
    """
    Return ``name`` if it is a host name in lower case, perhaps with ``*.`` before it.

    :raises BadInput: otherwise.
    """
    if isinstance(name, str) and is_host_name(name):
        return name
    raise BadInput(f"host name {shorten(name)} is not usable: write a name such as example.com or *.example.com")


def check_path(path: object) -> str:
    """Return ``path`` if it is one as nginx compares it. :raises BadInput: otherwise."""
    if isinstance(path, str) and is_path(path):
        return path
    raise BadInput(f"path {shorten(path)} is not usable: write a path such as /api")


def check_endpoint(address: object, port: object) -> str:
    """
    Return ``address:port`` (``[address]:port`` for IPv6) in its one canonical spelling.

    :raises BadInput: if the address is no IP literal or the port no number from 1 to 65535.
    """
    if type(port) is not int or not 1 <= port <= 65535:
        raise BadInput(f"port {shorten(port)} is not usable: it lies between 1 and 65535")
    # ipaddress lets an IPv6 scope through unread: "fe80::1%;}" would be an address.
    if not isinstance(address, str) or "%" in address:
        raise BadInput(f"address {shorten(address)} is not usable: write an IP address without a scope")
    try:
        return f"{_canonical(address)}:{port}"
    except ValueError:
        raise BadInput(f"address {shorten(address)} is not usable: write an IP address") from None


@lru_cache(maxsize=4096)
def _canonical(address: str) -> str:
    """
    Return the canonical spelling, cached: a cluster has few addresses, and each change of a route checks all of them.
    :raises ValueError: it is no address.
    """
    parsed = ipaddress.ip_address(address)
    return f"[{parsed}]" if parsed.version == 6 else str(parsed)


def _location(route: Route) -> Iterator[tuple[str, object]]:
    yield "path", check_path(route.path)
    yield "service", route.instances
    yield "hold", route.hold
    if route.pause:
        yield "paused", True
    if route.is_under_maintenance:
        yield "page", str(route.service)
    if route.strip_path and route.path != "/":
        yield "strip", True
    if route.max_header:
        yield "max_header", route.max_header
    if route.max_body:
        yield "max_body", route.max_body
    if route.timeout != TIMEOUT:
        yield "timeout", route.timeout
    yield from _wishes_of_tls(route)
    if route.sticky:
        yield "sticky", route.sticky
    if route.buffer:
        yield "buffer", min(route.max_body or MOST_BUFFERED, MOST_BUFFERED)
    if route.grpc:
        yield "grpc", True


def _wishes_of_tls(route: Route) -> Iterator[tuple[str, object]]:
    if route.tls != AUTO:
        yield "tls", route.tls
    if route.hsts:
        yield "hsts", route.hsts


def _endpoint(upstream: Upstream) -> tuple[str, int, bool, str]:
    address, _, port = check_endpoint(upstream.address, upstream.port).rpartition(":")
    return address, int(port), upstream.local, str(upstream.instance)


def by_number(upstream: Upstream) -> tuple[int, str, int]:
    """Return the sort key for the instances of a service; ten times as fast as comparing whole values."""
    return upstream.instance.number, upstream.address, upstream.port
