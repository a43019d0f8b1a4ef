"""The layout of the keys in etcd (docs/design/etcd-keys.rst), without their values."""

from __future__ import annotations

import re
from collections.abc import Mapping

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.host_names import is_host_name
from daprdockr.model.names import InstanceName, ServiceName, check_label, check_value_name, shorten
from daprdockr.model.stored.volume import VolumeKey

_PREFIX = re.compile(r"(?:/[A-Za-z0-9._-]{1,63}){1,8}", re.ASCII)

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

_MIRRORED = (
    *("certificates/", "challenge", "cordons/", "files/", "identity", "instances/", "marks", "nodes/", "pauses/"),
    *("rollouts/", "runs/", "secrets/", "services/", "trust"),
)

_ALONE: Mapping[str, Named] = {
    "challenge": ChallengeKey(),
    "identity": IdentityKey(),
    "marks": MarksKey(),
    "trust": TrustKey(),
}
"""Places that are one key each."""


@frozen
class Keys:
    """The keys below one prefix, such as ``/daprdockr``. :raises BadInput: if the prefix is not usable."""

    prefix: str = "/daprdockr"

    def __attrs_post_init__(self) -> None:
        if not _PREFIX.fullmatch(self.prefix):
            raise BadInput(f"prefix {shorten(self.prefix)} is not usable: write a key such as /daprdockr")

    @property
    def root(self) -> str:
        """The prefix of all our keys."""
        return self.prefix + "/"

    @property
    def mirrored(self) -> tuple[str, ...]:
        """The prefixes of the keys that an agent mirrors; it requests no others."""
        return tuple(self.root + place for place in _MIRRORED)

    @property
    def identity(self) -> str:
        """The number that distinguishes this etcd: see Note [The identity of an etcd] in ``known.history``."""
        return self.root + "identity"

    @property
    def trials(self) -> tuple[str, ...]:
        """One key in each place for ``entries.trial``. Nobody writes these keys, but for the one below nodes."""
        return f"{self.root}events/trial", f"{self.root}instances/trial"

    @property
    def marks(self) -> str:
        """The key of the marks by which a history is recognized: see Note [Marks] in ``marks``."""
        return self.root + "marks"

    @property
    def trust(self) -> str:
        """The key of the decision which doubts are over: see Note [A decision that is not stale] in ``doubts``."""
        return self.root + "trust"

    @property
    def doubts(self) -> str:
        return self.root + "doubts/"

    @property
    def services(self) -> str:
        return self.root + "services/"

    @property
    def events(self) -> str:
        return self.root + "events/"

    def service(self, name: ServiceName) -> str:
        return f"{self.services}{name.group}/{name.service}"

    @property
    def histories(self) -> str:
        """The prefix of the revisions of all services."""
        return self.root + "history/"

    def history(self, name: ServiceName) -> str:
        """The prefix of the revisions of a service: see ``history``."""
        return f"{self.histories}{name.group}/{name.service}/"

    def runs(self, name: ServiceName) -> str:
        """The prefix of the runs of a job: see ``run``."""
        return f"{self.root}runs/{name.group}/{name.service}/"

    def run(self, name: ServiceName, number: int) -> str:
        return f"{self.runs(name)}{number}"

    def outputs(self, name: ServiceName) -> str:
        """The prefix of what the runs of a job logged last, which nobody mirrors."""
        return f"{self.root}outputs/{name.group}/{name.service}/"

    def output(self, name: ServiceName, number: int) -> str:
        return f"{self.outputs(name)}{number}"

    @property
    def rollouts(self) -> str:
        return self.root + "rollouts/"

    def rollout(self, name: ServiceName) -> str:
        """The key of what became of the last rollout: see ``rollout``."""
        return f"{self.rollouts}{name.group}/{name.service}"

    def slot(self, name: ServiceName, number: int) -> str:
        return f"{self.rollout(name)}/slots/{number}"

    def revision(self, name: ServiceName, number: int) -> str:
        return f"{self.history(name)}{number}"

    def claims(self, name: ServiceName) -> str:
        """The prefix of the claims of a service."""
        return f"{self.root}instances/{name.group}/{name.service}/"

    def claim(self, instance: InstanceName) -> str:
        return f"{self.claims(instance.service)}{instance.number}"

    def successor(self, instance: InstanceName) -> str:
        return f"{self.claim(instance)}/next"

    def volumes(self, instance: InstanceName) -> str:
        return f"{self.claim(instance)}/volumes"

    def node(self, node: str) -> str:
        return f"{self.root}nodes/{node}"

    def cordon(self, node: str) -> str:
        return f"{self.root}cordons/{node}"

    def pause(self, name: ServiceName) -> str:
        return f"{self.root}pauses/{name.group}/{name.service}"

    def doubt(self, node: str) -> str:
        return f"{self.doubts}{node}"

    @property
    def secrets(self) -> str:
        """The prefix of what everybody may know of secrets: see ``sealed``."""
        return self.root + "secrets/"

    def secret(self, name: str) -> str:
        return f"{self.secrets}{name}"

    @property
    def certificates(self) -> str:
        """The prefix of what everybody may know of certificates: see ``certificate``."""
        return self.root + "certificates/"

    def certificate(self, name: str) -> str:
        """:param name: the host name, perhaps with ``*.`` before it."""
        return f"{self.certificates}{name}"

    @property
    def challenge(self) -> str:
        """The key of the answer of every node to challenges: see ``renewal``, as for the next three."""
        return self.root + "challenge"

    @property
    def renewals(self) -> str:
        """The prefix of the outcomes of attempts to get certificates by ACME."""
        return self.root + "renewals/"

    def renewal(self, host_name: str) -> str:
        return f"{self.renewals}{host_name}"

    @property
    def renewing(self) -> str:
        """The prefix of what the renewer alone reads and writes."""
        return self.sealed + "acme/"

    @property
    def renewer(self) -> str:
        """The key that the renewer holds under its node's lease."""
        return self.renewing + "renewer"

    @property
    def upkeep(self) -> str:
        """The key that the node holds, under its lease, that keeps etcd in order; nobody mirrors it."""
        return self.root + "upkeep"

    @property
    def files(self) -> str:
        """The prefix of the records of files."""
        return self.root + "files/"

    def file(self, name: str) -> str:
        return f"{self.files}{name}"

    def content(self, name: str) -> str:
        """The key of the content of a file, which nobody mirrors: see ``files``."""
        return f"{self.contents}{name}"

    @property
    def contents(self) -> str:
        """The prefix of the contents of files."""
        return self.root + "contents/"

    @property
    def stamps(self) -> tuple[str, ...]:
        """The prefixes of the records on which the digests of definitions depend."""
        return self.secrets, self.files

    @property
    def sealed(self) -> str:
        """The second root, for sealed values: nobody mirrors them, and who needs one reads it when it is needed."""
        return self.prefix + "-sealed/"

    @property
    def public_key(self) -> str:
        """The key of the cluster's public key, to which values are sealed."""
        return self.sealed + "key"

    def sealed_secret(self, name: str) -> str:
        return f"{self.sealed}secrets/{name}"

    def sealed_certificate(self, name: str) -> str:
        """The key of the sealed pair of chain and private key."""
        return f"{self.sealed}certificates/{name}"

    def session(self, digest: str) -> str:
        """The key of a token for a session with an agent, by its digest: see ``session``."""
        return f"{self.root}sessions/{digest}"

    def invitation(self, digest: str) -> str:
        """The key of a token with which hosts join, by its digest: see ``invitation``."""
        return f"{self.root}invitations/{digest}"

    def event(self, node: str, number: int) -> str:
        """Return the key of an event. ``number`` only ever grows on one node, so that keys sort by time."""
        return f"{self.events}{number:020d}-{node}"

    def read(self, key: str) -> Named | None:
        """
        Return what a key names; None for keys that other modules read (``contents/``, ``events/``, ``history/``,
        ``invitations/``, ``outputs/``, ``sessions/``, ``upkeep``) or that a newer agent wrote.

        :raises BadInput: for a key in one of our places whose parts are not names.
        """
        place, *parts = key.removeprefix(self.root).split("/")
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


_OF_NODES: Mapping[str, type[NodeKey] | type[CordonKey]] = {"nodes": NodeKey, "cordons": CordonKey}


def _one_name(place: str, name: str) -> Named:
    if made := _OF_NODES.get(place):
        return made(check_label(name, "node"))
    if place in ("secrets", "files"):
        kind = place.removesuffix("s")
        return (SecretKey if kind == "secret" else FileKey)(check_value_name(name, kind))
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
