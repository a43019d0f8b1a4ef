"""
gRPC channels to the endpoints of an ``Access``. Opens threads and sockets: never before the agent has forked.

Note [Lanes]
    Each endpoint has a channel of its own, a lane, and the session keeps to one until its member does not answer. A
    single channel for all, balanced round robin, would need less code and lose more calls: a member whose host is gone
    sends no refusal and keeps its connection for seconds, so every third call would wait in vain. Also, with TLS, gRPC
    verifies all members of a channel against one name, while each member's certificate has its own.

Note [A member that went silent]
    A watch is silent for hours when nothing changes. HTTP/2 pings show that its member is still alive: after 7 s at
    most a dead watch breaks and is opened on another member. etcd punishes more frequent pings. Where there are beats,
    these detect it sooner: Note [Detected by the beats] in ``failover``.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable
from typing import Any

from attrs import field, frozen

from daprdockr.etcd.address import Access, EtcdEndpoint
from daprdockr.etcd.credentials import CertificateFiles
from daprdockr.etcd.stubs import (
    AuthStub,
    ClusterStub,
    KVStub,
    LeaseStub,
    MaintenanceStub,
    WatchStub,
    grpc,
    promotion,
    renewal,
)
from daprdockr.model.errors import EtcdRefused, EtcdUnavailable

_log = logging.getLogger(__name__)

_left_out: dict[EtcdEndpoint, str] = {}
"""Endpoints whose hosts could not be looked up the last time, and why."""

MAX_MESSAGE = 16 * 1024 * 1024
"""
The largest answer, in bytes. etcd takes values of 1.5 MiB, or up to 10 MiB if configured so, and answers with pages and
parts of our choice: Note [Pages] in ``pages``, Note [Parts] in ``watch``.
"""

OPTIONS = (
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1000),
    # etcd disconnects a client that pings more often than every 5 s. gRPC honours the timeout only when the HTTP/2 ping
    # timeout is set too, and without the last setting stops pinging on a silent watch. See Note [A member that went
    # silent].
    ("grpc.keepalive_time_ms", 5500),
    ("grpc.keepalive_timeout_ms", 1500),
    ("grpc.http2.ping_timeout_ms", 1500),
    ("grpc.http2.max_pings_without_data", 0),
    # A channel that was opened anew must connect anew, and not share a broken connection.
    ("grpc.use_local_subchannel_pool", 1),
    # A proxy in the environment is for the web, not for the members of a cluster.
    ("grpc.enable_http_proxy", 0),
)

_STUBS = {
    "auth": AuthStub,
    "kv": KVStub,
    "lease": LeaseStub,
    "watch": WatchStub,
    "cluster": ClusterStub,
    "maintenance": MaintenanceStub,
    "promote": promotion,
    "renew": renewal,
}


@frozen
class EtcdChannel:
    """One channel and the stubs that use it."""

    channel: Any
    auth: Any = field(init=False)
    kv: Any = field(init=False)
    lease: Any = field(init=False)
    watch: Any = field(init=False)
    cluster: Any = field(init=False)
    maintenance: Any = field(init=False)
    promote: Any = field(init=False)
    renew: Any = field(init=False)

    def __attrs_post_init__(self) -> None:
        for name, stub in _STUBS.items():
            object.__setattr__(self, name, stub(self.channel))


def open_lanes(
    access: Access, largest: int = MAX_MESSAGE, files: CertificateFiles | None = None
) -> tuple[EtcdChannel, ...]:
    """
    Open the channels that ``access`` describes; host names are resolved in the calling thread. See Note [Lanes].

    :param largest: the largest answer in bytes; a larger one is refused.
    :param files: remembers the files of this access.
    :raises EtcdUnavailable: no host name can be resolved.
    :raises EtcdRefused: a file cannot be read.
    """
    resolved = {endpoint: known for endpoint in access.endpoints if (known := addresses(endpoint))}
    if not resolved:
        raise EtcdUnavailable(f"no host of {access} can be looked up: check --etcd and the resolver")
    options = (*OPTIONS, ("grpc.max_receive_message_length", largest))
    if not access.secure:
        return tuple(EtcdChannel(grpc.insecure_channel(target(known), options=options)) for known in resolved.values())
    try:
        credentials = grpc.ssl_channel_credentials(*(files or CertificateFiles()).read(access))
    except OSError as error:
        raise EtcdRefused(f"{error.filename} cannot be read ({error.strerror}): check the --etcd options") from error
    return tuple(
        EtcdChannel(grpc.secure_channel(target(known), credentials, options=(*options, _named(endpoint))))
        for endpoint, known in resolved.items()
    )


def addresses(endpoint: EtcdEndpoint) -> list[EtcdEndpoint]:
    """
    Return the endpoint once for each address of its host name; none if the name cannot be resolved.

    For a name with addresses of both families only the IPv4 ones are returned: they are the same member.
    """
    try:
        known = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        # UnicodeError: the name cannot be encoded for a query, such as "a..b".
        note_lookup(endpoint, getattr(error, "strerror", None) or str(error))
        return []
    note_lookup(endpoint)
    families = {entry[0] for entry in known}
    family = socket.AF_INET if socket.AF_INET in families else socket.AF_INET6
    return [EtcdEndpoint(str(entry[4][0]), endpoint.port) for entry in known if entry[0] == family]


def note_lookup(endpoint: EtcdEndpoint, reason: str = "") -> None:
    """
    Log once why the host of an endpoint cannot be looked up, as long as that lasts: the beats alone would find it anew
    several times a second.
    """
    if reason and _left_out.get(endpoint) != reason:
        _log.warning("etcd endpoint %s is left out while its host cannot be looked up: %s", endpoint, reason)
    if reason:
        _left_out[endpoint] = reason
    else:
        _left_out.pop(endpoint, None)


def target(resolved: Iterable[EtcdEndpoint]) -> str:
    """Return gRPC's target for addresses of one family (its naming.md)."""
    endpoints = list(resolved)
    family = "ipv6" if ":" in endpoints[0].host else "ipv4"
    return f"{family}:" + ",".join(str(endpoint) for endpoint in endpoints)


def _named(endpoint: EtcdEndpoint) -> tuple[str, str]:
    """Return the option that names the host whose certificate is expected."""
    return "grpc.default_authority", endpoint.host
