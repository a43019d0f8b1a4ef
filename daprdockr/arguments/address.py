# -*- test-case-name: tests.unit.arguments.test_options,tests.unit.cli.test_main -*-
"""The address by which others reach this host, and the name of its node, if none are given."""

from __future__ import annotations

import socket
from pathlib import Path

from daprdockr.model.errors import EXHAUSTED, NotFound
from daprdockr.model.etcd_member import HostPart
from daprdockr.model.names import check_label

# Root name servers: addresses that only the default route leads to. Connecting a UDP socket sends nothing to them.
_FAR = ((socket.AF_INET, "198.41.0.4"), (socket.AF_INET6, "2001:503:ba3e::2:30"))


def default_address() -> str:
    """
    Return the address the kernel sends from on the default route, IPv4 before IPv6 (``connect`` of udp(7), ip(7)).

    :raises NotFound: this host has no default route.
    :raises OSError: the kernel could not be asked, for example for lack of file descriptors.
    """
    for family, far in _FAR:
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((far, 53))
                return str(probe.getsockname()[0])
        except OSError as error:
            if error.errno in EXHAUSTED:
                raise
    raise NotFound("this host has no default route: name its address with --host or HOST_IP")


def usual_address(cluster: Path | None) -> str:
    """
    Return the address of a node that is given none: the one with which its host became a part of a cluster, where the
    member of etcd listens, as long as the host has it; otherwise that of the default route.

    :param cluster: the state directory of a host of ``daprdockrcmd init`` or ``join``; None: it is none.
    :raises NotFound: this host has no default route.
    :raises BadInput: what the host keeps of the cluster is damaged.
    """
    part = _part(cluster)
    return part.address if part is not None and is_here(part.address) else default_address()


def usual_node(cluster: Path | None) -> str:
    """
    Return the name of a node that is given none: the one with which its host became a part of a cluster, where its
    member of etcd has it, though the host was renamed since; otherwise the short name of the host.

    :param cluster: as for ``usual_address``.
    :raises BadInput: what the host keeps of the cluster is damaged, or the name of the host is no DNS label.
    """
    part = _part(cluster)
    return short_host_name(socket.gethostname()) if part is None else part.node


def _part(cluster: Path | None) -> HostPart | None:
    from daprdockr.etcd.cluster_files import ClusterFiles  # most command lines ask for nothing of it

    return None if cluster is None else ClusterFiles(cluster).part()


def is_here(address: str) -> bool:
    """
    Return whether an interface of this host has an address.

    :raises OSError: the kernel could not be asked, for example for lack of file descriptors.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError as error:
        if error.errno in EXHAUSTED:
            raise
        return False
    return True


def short_host_name(host_name: str) -> str:
    """Return the node name for a host name. :raises BadInput: it is no DNS label."""
    return check_label(host_name.partition(".")[0].lower(), "node")
