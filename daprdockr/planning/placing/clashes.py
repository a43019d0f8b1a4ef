"""
Addresses that two machines publish. Made from the mirror alone, so that all nodes that see one state see the same.

Note [Two machines, one address]
    A client of an address that two machines publish reaches one of them, whichever it wanted. Agents on one host may
    share its address, so a node's record says on which machine it is: by the kernel's boot id, which a clone of the
    machine does not have in common with it, as it has /etc/machine-id. An address belongs to the machine of the node
    that has published it for longest, and the nodes of other machines that publish it take no more instances. The order
    is that of etcd's revisions: that of the record's creation, or the later one at which its node came to publish other
    addresses. Without that, a node that is started again with a wrong ``--host`` could become the owner of the address.
    Loopback addresses are nobody's, and a record that does not say where its node is, as older agents write it, clashes
    with none. A machine that boots within a lease's TTL may clash with its own former records until the leases of these
    have ended.
"""

from __future__ import annotations

import ipaddress
from collections import defaultdict
from collections.abc import Iterable, Mapping

from daprdockr.model.stored.revisioned import Node


def clashes(nodes: Iterable[Node]) -> Mapping[str, str]:
    """
    Return the nodes that publish an address of another machine, each with the reason why it takes no more instances.
    """
    publishing: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        for address in node.record.addresses if node.record.machine else ():
            publishing[address].append(node)
    found: dict[str, str] = {}
    for address, sharing in publishing.items():
        owner = min(sharing, key=_seniority)
        for node in sharing:
            if node.record.machine != owner.record.machine and not _is_loopback(address):
                found.setdefault(node.name, _reason(address, owner.name))
    return found


def _seniority(node: Node) -> tuple[int, str]:
    return max(node.created, node.record.since), node.name


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return True


def _reason(address: str, owner: str) -> str:
    return (
        f"{address} is the address of node {owner} on another machine: correct --host; until then no more instances "
        "are taken"
    )
