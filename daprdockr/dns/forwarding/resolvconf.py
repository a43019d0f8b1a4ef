"""The upstreams in a resolv.conf. Pure: the caller reads the file."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Collection

from daprdockr.dns.endpoint import Endpoint

PORT = 53
MAX_UPSTREAMS = 3
"""resolv.conf(5): MAXNS."""


def upstreams(text: str, own: Collection[str]) -> tuple[Endpoint, ...]:
    """
    Return the name servers of a resolv.conf (port 53 each), without those at ``own`` addresses.

    :param own: addresses where this agent itself listens on port 53: asking there would be a circle.
    """
    ours = {_canonical(address) for address in own}
    found: dict[Endpoint, None] = {}
    for line in text.splitlines():
        words = line.split()
        if len(words) < 2 or words[0] != "nameserver":
            continue
        address = _canonical(words[1])
        if address and address not in ours:
            found[Endpoint(address)] = None
    return tuple(found)[:MAX_UPSTREAMS]


def own_servers(
    listened: Collection[Endpoint], host_addresses: Callable[[], Collection[str]], taken: Collection[Endpoint]
) -> set[str]:
    """
    Return the addresses where this agent is the name server, or is going to be.

    :param listened: the endpoints that were named, wildcards among them.
    :param host_addresses: returns all addresses of the host; not called without a wildcard.
    :param taken: endpoints of a wildcard that another program has: a resolver on this host, which may be asked.
    """
    named = {endpoint.address for endpoint in listened if endpoint.port == PORT}
    wildcards = named & {"0.0.0.0", "::"}
    if not wildcards:
        return named
    held = {endpoint.address for endpoint in taken if endpoint.port == PORT}
    return named | {address for address in host_addresses() if "::" in wildcards or ":" not in address} - held


def lack(text: str) -> str:
    """Return why a resolv.conf gives no upstreams, and what to do."""
    what = "names no server but this agent itself" if upstreams(text, ()) else "names no server"
    return f"{what}: write one there, or set --dns-upstream"


def _canonical(text: str) -> str:
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return ""
