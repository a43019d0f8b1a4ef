"""
gRPC channels to the endpoints of an ``Access``. Opens threads and sockets: never before the agent has forked.

Note [Lanes]
    Each endpoint has a channel of its own, a lane, and the session keeps to one until it does not answer. One channel
    for all, balanced round robin, would cost less code and more calls: a member whose host is gone, and sends no
    refusal, keeps its connection for seconds, and every third call would wait for it in vain. And with TLS gRPC checks
    every member of a channel against one name, while each member's certificate has its own.

Note [A member that went silent]
    A watch says nothing for hours when nothing changes. That its member is still there is found out by the pings of
    HTTP/2: after 7 s at most it breaks and is opened on another member. More eager pings etcd punishes. Where there are
    beats they find out sooner: Note [Found out by the beats] in ``turn``.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import field, frozen

from daprdockr.etcd.address import Access, EtcdEndpoint
from daprdockr.etcd.stubs import AuthStub, KVStub, LeaseStub, WatchStub, grpc
from daprdockr.model.errors import EtcdRefused, EtcdUnavailable
from daprdockr.process.given import read_given

_log = logging.getLogger(__name__)

MAX_MESSAGE = 16 * 1024 * 1024
"""
Bytes of an answer. etcd takes values of 1.5 MiB, or as it is told (up to 10 MiB, says its documentation), and answers
with pages and parts of our choice: Note [Pages] in ``pages``, Note [Parts] in ``watch``.
"""

OPTIONS = (
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1000),
    # etcd sends a client away that pings more often than each 5 s. gRPC honours the timeout only when the
    # HTTP/2 ping timeout is set too, and without the last setting stops pinging on a silent watch.
    # See Note [A member that went silent].
    ("grpc.keepalive_time_ms", 5500),
    ("grpc.keepalive_timeout_ms", 1500),
    ("grpc.http2.ping_timeout_ms", 1500),
    ("grpc.http2.max_pings_without_data", 0),
    # A channel that was opened anew must connect anew, not share what is broken.
    ("grpc.use_local_subchannel_pool", 1),
    # A proxy of the environment is for the web, not for the members of a cluster.
    ("grpc.enable_http_proxy", 0),
)


@frozen
class EtcdChannel:
    """One channel and the stubs that use it."""

    channel: Any
    auth: Any = field(init=False)
    kv: Any = field(init=False)
    lease: Any = field(init=False)
    watch: Any = field(init=False)

    def __attrs_post_init__(self) -> None:
        for name, stub in (("auth", AuthStub), ("kv", KVStub), ("lease", LeaseStub), ("watch", WatchStub)):
            object.__setattr__(self, name, stub(self.channel))


def open_lanes(access: Access, largest: int = MAX_MESSAGE) -> tuple[EtcdChannel, ...]:
    """
    Open what ``access`` describes; host names are looked up in the calling thread. See Note [Lanes].

    :param largest: bytes of an answer; a larger one is refused.
    :raises EtcdUnavailable: no host can be looked up. :raises EtcdRefused: a file cannot be read.
    """
    found = {endpoint: known for endpoint in access.endpoints if (known := addresses(endpoint))}
    if not found:
        raise EtcdUnavailable(f"no host of {access} can be looked up: check --etcd and the resolver")
    options = (*OPTIONS, ("grpc.max_receive_message_length", largest))
    if not access.secure:
        return tuple(EtcdChannel(grpc.insecure_channel(target(known), options=options)) for known in found.values())
    credentials = grpc.ssl_channel_credentials(_read(access.ca), _read(access.key), _read(access.cert))
    return tuple(
        EtcdChannel(grpc.secure_channel(target(known), credentials, options=(*options, _named(endpoint))))
        for endpoint, known in found.items()
    )


def addresses(endpoint: EtcdEndpoint) -> list[EtcdEndpoint]:
    """
    The endpoint with each of its addresses in place of a host name; none if it cannot be looked up.

    A name with addresses of both families gives those of IPv4 only: they are the same member.
    """
    try:
        known = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        # UnicodeError: Python finds no name in it that could be asked for, such as "a..b".
        _log.warning("etcd endpoint %s is left out: %s", endpoint, error)
        return []
    families = {entry[0] for entry in known}
    family = socket.AF_INET if socket.AF_INET in families else socket.AF_INET6
    return [EtcdEndpoint(str(entry[4][0]), endpoint.port) for entry in known if entry[0] == family]


def target(found: Iterable[EtcdEndpoint]) -> str:
    """gRPC's name for addresses of one family (its naming.md)."""
    endpoints = list(found)
    family = "ipv6" if ":" in endpoints[0].host else "ipv4"
    return f"{family}:" + ",".join(str(endpoint) for endpoint in endpoints)


def _named(endpoint: EtcdEndpoint) -> tuple[str, str]:
    """The option that says whose certificate is expected."""
    return "grpc.default_authority", endpoint.host


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return read_given(path)
    except OSError as error:
        raise EtcdRefused(f"{path} cannot be read ({error.strerror}): check the --etcd options") from error
