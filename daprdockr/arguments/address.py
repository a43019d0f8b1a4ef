# -*- test-case-name: tests.unit.arguments.test_options,tests.unit.cli.test_main -*-
"""The address by which others reach this host, and the name of its node, if none are given."""

from __future__ import annotations

import socket

from daprdockr.model.errors import NotFound
from daprdockr.model.names import check_label

# Root name servers: addresses that only the default route leads to. Connecting a UDP socket sends nothing to them.
_FAR = ((socket.AF_INET, "198.41.0.4"), (socket.AF_INET6, "2001:503:ba3e::2:30"))


def default_address() -> str:
    """
    Return the address the kernel sends from on the default route, IPv4 before IPv6 (``connect`` of udp(7), ip(7)).

    :raises NotFound: this host has no default route.
    """
    for family, far in _FAR:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((far, 53))
                return str(probe.getsockname()[0])
        except OSError:
            continue
    raise NotFound("this host has no default route: name its address with --host or HOST_IP")


def short_host_name(host_name: str) -> str:
    """Return the node name for a host name. :raises BadInput: it is no DNS label."""
    return check_label(host_name.partition(".")[0].lower(), "node")
