"""The record of a node in etcd, as the node itself writes it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from daprdockr.model import reading
from daprdockr.model.members import (
    Members,
    all_members,
    changed_members,
    decode_members,
    encode_members,
    known_members,
)


@frozen
class Progress:
    """
    How far a node has followed the others, and what it waits for. Its names and routes have ``reached`` this revision,
    as far as it had a reason to report it; it ``awaits`` that the others reach another one. ``busy`` are the endpoints
    that it leads to no more, and on which requests that it passed on are still under way.
    """

    reached: int = 0
    awaits: int = 0
    busy: tuple[str, ...] = ()

    @classmethod
    def read(cls, value: object, path: str) -> Progress:
        return cls(**known_members(value, path, _PROGRESS))

    def write(self) -> dict[str, Any]:
        return changed_members(self, Progress(), _PROGRESS)


@frozen
class NodeRecord:
    """
    How a node presents itself: the addresses it publishes, and what placement considers. ``ready`` says that the node
    may be given instances; ``memory`` (bytes) and ``cpus`` are the host's (0: unknown); ``images`` are marks of the
    images it has (``planning.candidates.mark``); ``allow`` are the privileges that definitions may use there (None:
    all, because the agent is older than the option); ``missing`` are published addresses that the machine does not
    have; ``fails`` are services that do not come up there, and ``trouble`` says why none does ("": some do).
    ``ailing`` says what is wrong with parts of the agent that placement does not consider, by ``Component``.
    ``refused`` says which necessary write etcd refuses ("": none), and ``unready`` why the node is not ready if nothing
    else in the record does. ``former`` are names that the node had before on its machine. ``machine`` is a mark of the
    machine ("": unknown), and ``since`` the revision at which the node began to publish its addresses (0: when the
    record was created): Note [Two machines, one address] in ``planning.placing.clashes``.
    ``keys`` are the ids of the cluster keys with which the node opens secrets, and ``keyless`` says why it cannot
    read its file with them ("": it can, or has none). ``certificates`` says until when (in wall-clock seconds)
    those of the operator's files on the node are valid, and ``uncertified`` why others cannot be used, both by
    name; ``brief`` says since when those of them are that are so for less than ``certificate.BRIEF``, and ``tls`` that
    its nginx listens for TLS. ``etcd_certificates`` says until when those are valid by
    which the node reaches etcd, by their roles: ``client`` and ``authority``. ``peer`` is where the agent takes
    sessions, as <address>:<port> ("": nowhere), and ``fingerprint`` the SHA-256 of the certificate that it shows
    there, in hex digits. ``etcd`` is what its member of etcd does, "votes" or "copies" ("": it has none of ours).
    One that ``keeps`` its instances gives none to even out the load.
    Placement considers neither ``progress`` nor ``ailing``.
    """

    addresses: tuple[str, ...] = ()
    labels: Mapping[str, str] = field(factory=dict)
    version: str = ""
    ready: bool = True
    memory: int = 0
    cpus: int = 0
    images: tuple[str, ...] = ()
    allow: tuple[str, ...] | None = None
    fails: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    trouble: str = ""
    ailing: Mapping[str, str] = field(factory=dict)
    refused: str = ""
    unready: str = ""
    former: tuple[str, ...] = ()
    machine: str = ""
    since: int = 0
    keys: tuple[str, ...] = ()
    keyless: str = ""
    certificates: Mapping[str, float] = field(factory=dict)
    uncertified: Mapping[str, str] = field(factory=dict)
    brief: Mapping[str, float] = field(factory=dict)
    tls: bool = False
    etcd_certificates: Mapping[str, float] = field(factory=dict)
    peer: str = ""
    fingerprint: str = ""
    etcd: str = ""
    keeps: bool = False
    progress: Progress = Progress()

    @classmethod
    def decode(cls, data: bytes) -> NodeRecord:
        """:raises BadInput: if ``data`` is not a node's record."""
        return cls(**decode_members(data, _MEMBERS))

    def encode(self) -> bytes:
        """Return the JSON form; members younger than the first agents are left out at their defaults."""
        members = all_members(self, _ALWAYS) | {"Labels": dict(self.labels)}
        optional = changed_members(self, NodeRecord(), _OPTIONAL)
        if "Progress" in optional:
            optional["Progress"] = self.progress.write()
        return encode_members(members | optional)


_REVISION = reading.integer(0, 2**63 - 1)
_PROGRESS: Members = {
    "Reached": ("reached", _REVISION),
    "Awaits": ("awaits", _REVISION),
    "Busy": ("busy", reading.free_texts),
}
_ALWAYS: Members = {
    "Addresses": ("addresses", reading.free_texts),
    "Labels": ("labels", reading.map_of(reading.free_text)),
    "Version": ("version", reading.text),
    "Ready": ("ready", reading.boolean),
    "Memory": ("memory", reading.integer(0, 2**63 - 1)),
    "Cpus": ("cpus", reading.integer(0, 2**31 - 1)),
    "Images": ("images", reading.free_texts),
}
_OPTIONAL: Members = {
    "Allow": ("allow", reading.free_texts),
    "Fails": ("fails", reading.free_texts),
    "Missing": ("missing", reading.free_texts),
    "Trouble": ("trouble", reading.free_text),
    "Ailing": ("ailing", reading.map_of(reading.free_text)),
    "Refused": ("refused", reading.free_text),
    "Unready": ("unready", reading.free_text),
    "Former": ("former", reading.free_texts),
    "Machine": ("machine", reading.text),
    "Since": ("since", _REVISION),
    "Keys": ("keys", reading.free_texts),
    "Keyless": ("keyless", reading.free_text),
    "Certificates": ("certificates", reading.map_of(reading.moment)),
    "Uncertified": ("uncertified", reading.map_of(reading.free_text)),
    "BriefCertificates": ("brief", reading.map_of(reading.moment)),
    "Tls": ("tls", reading.boolean),
    "EtcdCertificates": ("etcd_certificates", reading.map_of(reading.moment)),
    "Peer": ("peer", reading.text),
    "Fingerprint": ("fingerprint", reading.text),
    "Etcd": ("etcd", reading.text),
    "Keeps": ("keeps", reading.boolean),
    "Progress": ("progress", Progress.read),
}
_MEMBERS: Members = {**_ALWAYS, **_OPTIONAL}
