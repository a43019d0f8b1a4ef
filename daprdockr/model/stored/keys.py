"""The layout of the keys in etcd (docs/design/etcd-keys.rst), without their values."""

from __future__ import annotations

import re

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.names import InstanceName, ServiceName, shorten
from daprdockr.model.stored.mirrored_keys import MIRRORED, Named, parse_key

_PREFIX = re.compile(r"(?:/[A-Za-z0-9._-]{1,63}){1,8}", re.ASCII)


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
        return tuple(self.root + place for place in MIRRORED)

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
        """Return the key of an event. ``number`` only ever grows on one node, so that its events sort by time."""
        return f"{self.events}{number:020d}-{node}"

    def gone(self, node: str, created: int) -> str:
        """
        Return the key of the event that a node is gone: ``created`` is the create revision of its record, by which all
        agents write it at the same key.
        """
        return f"{self.events}gone-{node}-{created}"

    def stopped(self, node: str, created: int) -> str:
        """Return the key of the event that the agent of a node was stopped while this record of it was there."""
        return f"{self.events}stopped-{node}-{created}"

    @property
    def courses(self) -> tuple[str, str]:
        """The beginnings of the keys of the last two."""
        return f"{self.events}gone-", f"{self.events}stopped-"

    def shared(self, digest: str) -> str:
        """Return the key of an event about something that all agents see; it has this digest."""
        return f"{self.events}shared-{digest}"

    def read(self, key: str) -> Named | None:
        """Return for what one of our keys stands, as ``parse_key`` does. :raises BadInput: as ``parse_key`` does."""
        return parse_key(key, self.root)
