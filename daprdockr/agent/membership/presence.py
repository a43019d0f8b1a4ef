"""
How this node presents itself to the others: its record, made again at each beat from the present knowledge.

It changes only when placement should know, because each change is a write that every node receives.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from attrs import field, frozen

from daprdockr import __version__
from daprdockr.agent.host.failures import Failures
from daprdockr.agent.host.host import Host
from daprdockr.agent.membership.whereabouts import Whereabouts
from daprdockr.model.known.view import ClusterView
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.troubles.host import EngineHangs
from daprdockr.planning.candidates import MOST_IMAGES, mark
from daprdockr.planning.placing.failing import MOST_FAILS, does_not_come_up


@frozen
class NodeIdentity:
    """
    The constants of an agent's life: the node's name, the labels that placement may require, the privileges that
    definitions may use here, a mark of the machine, which differs on each running machine, the names that the node
    had before, and whether it ``keeps`` its instances instead of evening out the load.
    """

    name: str
    labels: Mapping[str, str]
    allow: frozenset[str]
    machine: str
    former: tuple[str, ...] = ()
    keeps: bool = False


@frozen
class Obstacles:
    """
    The reasons why a node cannot take part: ``refused`` returns why it cannot write all that it has to, or "",
    ``contested`` why an address is not its own, or "". And ``ailing`` returns what is wrong with parts of the agent,
    by component.
    """

    refused: Callable[[], str]
    contested: Callable[[], str]
    ailing: Callable[[], Mapping[str, str]] = dict


@frozen
class OwnCertificates:
    """
    Until when the certificates of the operator's files are valid, since when the ``brief`` ones of them are, and why
    others cannot be used, by name; and whether nginx ``serves`` TLS.
    """

    files: Mapping[str, float] = field(factory=dict)
    troubles: Mapping[str, str] = field(factory=dict)
    serves: bool = False
    brief: Mapping[str, float] = field(factory=dict)


@frozen
class PeerPlace:
    """Where this node takes sessions ("": nowhere), and the fingerprint of the certificate that it shows there."""

    address: str = ""
    fingerprint: str = ""


@frozen
class OfThisMoment:
    """
    ``where`` returns the addresses that the node publishes now, ``keys`` the ids of its cluster keys, ``keyless`` why
    the file with them cannot be read, or "", ``certificates`` what there is to say of those, ``peer`` where the
    node takes sessions, ``etcd`` what the member of etcd does that stands beside the agent, or "", and
    ``etcd_certificates`` until when those are valid by which etcd is reached.
    """

    where: Callable[[], Whereabouts]
    keys: Callable[[], frozenset[str]] = frozenset
    keyless: Callable[[], str] = str
    certificates: Callable[[], OwnCertificates] = OwnCertificates
    peer: Callable[[], PeerPlace] = PeerPlace
    etcd: Callable[[], str] = str
    etcd_certificates: Callable[[], Mapping[str, float]] = dict


@frozen
class Presence:
    """:param clock: monotonic seconds."""

    node: NodeIdentity
    now: OfThisMoment
    cluster: ClusterView
    host: Host
    failures: Failures
    obstacles: Obstacles
    clock: Callable[[], float]

    def __call__(self, steady: bool) -> NodeRecord:
        """
        Return the record as of now.

        :param steady: whether enough beats succeeded.

        A node is not ready while its Engine does not answer, while it may not write all that it has to, or while an
        address that it publishes is another machine's.
        """
        host, refused, where = self.host, self.obstacles.refused(), self.now.where()
        certificates, peer = self.now.certificates(), self.now.peer()
        unready = self._unready(steady)
        return NodeRecord(
            addresses=where.addresses,
            missing=where.missing,
            labels=self.node.labels,
            version=__version__,
            ready=not (unready or refused or self.obstacles.contested()),
            memory=host.stock.inventory.memory,
            cpus=host.stock.inventory.cpus,
            images=self._images(host.stock.inventory.images),
            allow=tuple(sorted(self.node.allow)),
            fails=self._fails(),
            trouble=self.failures.trouble,
            ailing=self.obstacles.ailing(),
            refused=refused,
            unready=unready,
            former=self.node.former,
            machine=self.node.machine,
            keys=tuple(sorted(self.now.keys())),
            keyless=self.now.keyless(),
            certificates=certificates.files,
            uncertified=certificates.troubles,
            brief=certificates.brief,
            tls=certificates.serves,
            etcd_certificates=self.now.etcd_certificates(),
            peer=peer.address,
            fingerprint=peer.fingerprint,
            etcd=self.now.etcd(),
            keeps=self.node.keeps,
        )

    def _unready(self, steady: bool) -> str:
        """Return what keeps the node from being ready, in few words: each other text is a write."""
        if self.host.asked and self.host.condition is not None:
            hangs = isinstance(self.host.condition, EngineHangs)
            return "its Docker Engine hangs" if hangs else "its Docker Engine does not answer"
        return "" if steady else "it has just begun, and waits for good beats"

    def is_listed(self, lease: int) -> bool:
        """Return whether the mirror shows this node's record under a lease, as one of this machine."""
        listed = self.cluster.nodes.get(self.node.name)
        return listed is not None and listed.lease == lease and listed.record.machine in ("", self.node.machine)

    def _fails(self) -> tuple[str, ...]:
        """Return the services that do not come up here: Note [Giving up] in ``planning.placing.failing``."""
        failures = self.failures
        if not failures.of_anything:
            return ()
        found = (
            str(name)
            for name, service in self.cluster.services.items()
            if does_not_come_up(
                service.definition,
                failures.of_service(name, service.definition.digest),
                failures.of_image(service.definition.image),
                self.host.containers.of(name),
                self.clock(),
            )
        )
        return tuple(sorted(found)[:MOST_FAILS])

    def _images(self, there: frozenset[str]) -> tuple[str, ...]:
        """
        Return the marks of all images that are there, not only of those that definitions name: otherwise each new
        definition would have every node write. Of too many those that are named come first.
        """
        marks = {mark(reference) for reference in there}
        if len(marks) > MOST_IMAGES:
            named = {mark(service.definition.image) for service in self.cluster.services.values()}
            marks = set(sorted(marks, key=lambda m: (m not in named, m))[:MOST_IMAGES])
        return tuple(sorted(marks))
