"""A member of etcd as etcd lists it, and this host's own part in the cluster, as values."""

from __future__ import annotations

import ipaddress

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import Members, all_members, decode_members, encode_members

CLIENT_PORT, MEMBER_PORT = 2379, 2380
"""The ports of each member: for clients, and for the other members."""

MEMBER_NAME, AGENT_NAME = "etcd", "agent"
"""The common names of certificates: of members, which alone may speak to members, and of their clients."""


@frozen(order=True)
class EtcdMember:
    """
    One member: its number, the name it gave itself when it began ("": it has not begun yet), the URLs by which other
    members and clients reach it, and whether it only copies and does not vote.
    """

    id: int
    name: str
    peers: tuple[str, ...]
    clients: tuple[str, ...] = ()
    learner: bool = False


@frozen
class HostPart:
    """
    The part of one host in the cluster, as its state directory keeps it: its node name and address. A host with a
    member of etcd knows those that the member begins with, as etcd wants them (<name>=<url>); a client knows none.
    ``cluster`` names the cluster that a founder makes; "" joins one that exists.
    """

    node: str
    address: str
    initial: tuple[str, ...] = ()
    cluster: str = ""

    @property
    def is_member(self) -> bool:
        return bool(self.initial)

    @classmethod
    def decode(cls, data: bytes) -> HostPart:
        """:raises BadInput: if ``data`` is not such a record."""
        return cls(**decode_members(data, _MEMBERS, ("Node", "Address")))

    def encode(self) -> bytes:
        return encode_members(all_members(self, _MEMBERS))


def client_url(address: str) -> str:
    return f"https://{_bracketed(address)}:{CLIENT_PORT}"


def member_url(address: str) -> str:
    """Return the URL by which the other members reach the one at this address."""
    return f"https://{_bracketed(address)}:{MEMBER_PORT}"


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address


def check_address(value: object, path: str) -> str:
    """Return an IP address that others may reach. :raises BadInput: it is none."""
    text = reading.text(value, path)
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise BadInput(f"{path} {text} is not usable: write an IP address") from None
    if address.is_unspecified or address.is_multicast or "%" in text:
        raise BadInput(f"{path} {text} is not usable: write one address of the host")
    return str(address)


_MEMBERS: Members = {
    "Node": ("node", reading.node_name),
    "Address": ("address", check_address),
    "Initial": ("initial", reading.texts),
    "Cluster": ("cluster", reading.text),
}
