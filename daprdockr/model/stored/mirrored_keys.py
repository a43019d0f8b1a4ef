# -*- test-case-name: tests.unit.model.stored.test_keys -*-
"""
The keys in etcd that an agent mirrors, and for what each stands: a service, an instance, the successor of its owner.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.host_names import is_host_name
from daprdockr.model.names import InstanceName, ServiceName, check_label, check_value_name, shorten
from daprdockr.model.stored.volume import VolumeKey

_NUMBER = re.compile(r"[1-9][0-9]{0,4}", re.ASCII)

_RUN = re.compile(r"[1-9][0-9]{0,17}", re.ASCII)


@frozen(order=True)
class NodeKey:
    """The key of a node's record."""

    node: str


@frozen(order=True)
class CordonKey:
    """The key of an operator's request that a node takes no more instances."""

    node: str


@frozen(order=True)
class PauseKey:
    """The key of an operator's request that the HTTP requests of a service wait."""

    service: ServiceName


@frozen(order=True)
class SecretKey:
    """The key of the record of a secret."""

    name: str


@frozen(order=True)
class CertificateKey:
    """The key of the record of a certificate."""

    name: str


@frozen(order=True)
class FileKey:
    """The key of the record of a file."""

    name: str


@frozen
class ChallengeKey:
    """The key of the answer of every node to the challenges of ACME servers."""


@frozen
class IdentityKey:
    """The key of etcd's identity."""


@frozen
class MarksKey:
    """The key of the marks of etcd's history."""


@frozen
class TrustKey:
    """The key of an operator's decision that doubts are over."""


@frozen(order=True)
class SuccessorKey:
    """The key of the node that is to take an instance over from its owner."""

    instance: InstanceName


@frozen(order=True)
class RolloutKey:
    """The key of what became of the last rollout of a service."""

    service: ServiceName


@frozen(order=True)
class SlotKey:
    """The key of one of the slots of a rollout."""

    service: ServiceName
    number: int


@frozen(order=True)
class RunKey:
    """The key of a run of a job."""

    service: ServiceName
    number: int


_OfService = RunKey | ServiceName | InstanceName | SuccessorKey | VolumeKey | SlotKey | RolloutKey | PauseKey

_Alone = ChallengeKey | IdentityKey | MarksKey | TrustKey

Named = _OfService | NodeKey | CordonKey | SecretKey | CertificateKey | FileKey | _Alone

MIRRORED = (
    *("certificates/", "challenge", "cordons/", "files/", "identity", "instances/", "marks", "nodes/", "pauses/"),
    *("rollouts/", "runs/", "secrets/", "services/", "trust"),
)
"""The places below our root that an agent mirrors."""

_ALONE: Mapping[str, Named] = {
    "challenge": ChallengeKey(),
    "identity": IdentityKey(),
    "marks": MarksKey(),
    "trust": TrustKey(),
}
"""Places that are one key each."""


def parse_key(key: str, root: str) -> Named | None:
    """
    Return for what a key below ``root`` stands; None for keys that other modules read (``contents/``, ``events/``,
    ``history/``, ``invitations/``, ``outputs/``, ``sessions/``, ``upkeep``) or that a newer agent wrote.

    :raises BadInput: for a key in one of our places whose parts are not names.
    """
    place, *parts = key.removeprefix(root).split("/")
    match place, parts:
        case _, [] if place in _ALONE:
            return _ALONE[place]
        case "services", [group, service]:
            return ServiceName(group=group, service=service)
        case (("instances" | "rollouts" | "runs"), [group, service, *rest]):
            return _numbered(place, group, service, rest)
        case (("nodes" | "cordons" | "secrets" | "files" | "certificates"), [name]):
            return _one_name(place, name)
        case "pauses", [group, service]:
            return PauseKey(ServiceName(group=group, service=service))
        case (("services" | "nodes" | "cordons" | "pauses" | "secrets" | "files" | "certificates"), _):
            raise BadInput(f"key {shorten(key)} is not usable: it has too few or too many parts")
    return None


def _one_name(place: str, name: str) -> Named:
    match place:
        case "nodes":
            return NodeKey(check_label(name, "node"))
        case "cordons":
            return CordonKey(check_label(name, "node"))
        case "secrets":
            return SecretKey(check_value_name(name, "secret"))
        case "files":
            return FileKey(check_value_name(name, "file"))
    if is_host_name(name):
        return CertificateKey(name)
    raise BadInput(f"the certificate name {shorten(name)} is not usable: it is no host name in lower case")


def _numbered(place: str, group: str, service: str, rest: list[str]) -> Named | None:
    match place, rest:
        case "instances", [number] if _NUMBER.fullmatch(number):
            return InstanceName(ServiceName(group=group, service=service), int(number))
        case "instances", [number, "next" | "volumes" as kind] if _NUMBER.fullmatch(number):
            made = SuccessorKey if kind == "next" else VolumeKey
            return made(InstanceName(ServiceName(group=group, service=service), int(number)))
        case "runs", [number] if _RUN.fullmatch(number):
            return RunKey(ServiceName(group=group, service=service), int(number))
        case "rollouts", []:
            return RolloutKey(ServiceName(group=group, service=service))
        case "rollouts", ["slots", number] if _NUMBER.fullmatch(number):
            return SlotKey(ServiceName(group=group, service=service), int(number))
    return None
