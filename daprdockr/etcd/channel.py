"""
gRPC channels to the endpoints of an ``Access``. Opens threads and sockets: never before the agent has forked.

Note [Lanes]
    In plain text all endpoints are one channel that balances round robin and waits, within the deadline of a
    call, for a member that is there: a killed member then costs no call. With TLS gRPC checks every member of
    a channel against one name, while each member's certificate has its own. So with TLS each endpoint
    gets a channel of its own, a lane, and the session changes lanes when one does not answer.
"""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from attrs import field, frozen

from daprdockr.etcd.address import Access, Endpoint
from daprdockr.etcd.stubs import AuthStub, KVStub, LeaseStub, WatchStub, grpc
from daprdockr.model.errors import EtcdRefused, EtcdUnavailable

_log = logging.getLogger(__name__)

MAX_MESSAGE = 64 * 1024 * 1024
"""Bytes of an answer; gRPC's own limit of 4 MiB breaks a watch that catches up."""

OPTIONS = (
    ("grpc.max_receive_message_length", MAX_MESSAGE),
    ("grpc.max_reconnect_backoff_ms", 2000),
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 1000),
    # etcd sends a client away that pings more often than each 5 s. gRPC honours the timeout only when the
    # HTTP/2 ping timeout is set too, and without the last setting stops pinging on a silent watch.
    ("grpc.keepalive_time_ms", 10_000),
    ("grpc.keepalive_timeout_ms", 5000),
    ("grpc.http2.ping_timeout_ms", 5000),
    ("grpc.http2.max_pings_without_data", 0),
    # A channel that was opened anew must connect anew, not share what is broken.
    ("grpc.use_local_subchannel_pool", 1),
    # A proxy of the environment is for the web, not for the members of a cluster.
    ("grpc.enable_http_proxy", 0),
)


@frozen
class Lane:
    """One channel and the stubs that use it."""

    channel: Any
    auth: Any = field(init=False)
    kv: Any = field(init=False)
    lease: Any = field(init=False)
    watch: Any = field(init=False)

    def __attrs_post_init__(self) -> None:
        for name, stub in (("auth", AuthStub), ("kv", KVStub), ("lease", LeaseStub), ("watch", WatchStub)):
            object.__setattr__(self, name, stub(self.channel))


def open_lanes(access: Access) -> tuple[Lane, ...]:
    """
    Open what ``access`` describes; host names are looked up in the calling thread. See Note [Lanes].

    :raises EtcdUnavailable: no host can be looked up. :raises EtcdRefused: a file can not be read.
    """
    found = {endpoint: known for endpoint in access.endpoints if (known := addresses(endpoint))}
    if not found:
        raise EtcdUnavailable(f"no host of {access} can be looked up: check --etcd and the resolver")
    if not access.secure:
        everywhere = dict.fromkeys(address for known in found.values() for address in known)
        balanced = (*OPTIONS, ("grpc.lb_policy_name", "round_robin"))
        return (Lane(grpc.insecure_channel(target(everywhere), options=balanced)),)
    credentials = grpc.ssl_channel_credentials(_read(access.ca), _read(access.key), _read(access.cert))
    return tuple(
        Lane(grpc.secure_channel(target(known), credentials, options=(*OPTIONS, _named(endpoint))))
        for endpoint, known in found.items()
    )


def addresses(endpoint: Endpoint) -> list[Endpoint]:
    """
    The endpoint with each of its addresses in place of a host name; none if it can not be looked up.

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
    return [Endpoint(str(entry[4][0]), endpoint.port) for entry in known if entry[0] == family]


def target(found: Iterable[Endpoint]) -> str:
    """gRPC's name for a list of addresses (its naming.md): of one family, so a mixed list is written as IPv6."""
    parsed = [(ipaddress.ip_address(endpoint.host.partition("%")[0]), endpoint) for endpoint in found]
    if all(address.version == 4 for address, _ in parsed):
        return "ipv4:" + ",".join(str(endpoint) for _, endpoint in parsed)
    return "ipv6:" + ",".join(
        f"[::ffff:{address}]:{endpoint.port}" if address.version == 4 else str(endpoint) for address, endpoint in parsed
    )


def _named(endpoint: Endpoint) -> tuple[str, str]:
    """The option that says whose certificate is expected."""
    return "grpc.default_authority", endpoint.host


def _read(path: Path | None) -> bytes | None:
    if path is None:
        return None
    try:
        return path.read_bytes()
    except OSError as error:
        raise EtcdRefused(f"{path} can not be read ({error.strerror}): check the --etcd options") from error
