# -*- test-case-name: tests.unit.wiring.test_foundation -*-
"""
The foundation of all parts of an agent: its settings, the outside world, the mirror's content, signals and the journal;
and the parts of the surroundings that are polled.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar

from attrs import field, frozen

from daprdockr.agent.certifying.given_pairs import GivenDirectory, GivenPairs
from daprdockr.agent.holder import Holder
from daprdockr.agent.host.ports import bound_to
from daprdockr.agent.membership.etcd_certificates import EtcdCertificateFiles, EtcdCertificates
from daprdockr.agent.membership.whereabouts import Whereabouts
from daprdockr.agent.mirror.own_containers import OwnContainers
from daprdockr.agent.reporting.journal import Journal
from daprdockr.agent.statedir import StateDir
from daprdockr.api.admission import read_token
from daprdockr.arguments.settings import Settings
from daprdockr.dns.endpoint import Endpoint
from daprdockr.dns.forwarding.resolvconf import lack, own_servers, upstreams
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.etcd.credentials import read_password
from daprdockr.model.errors import BadInput, NotFound
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.keys import Keys
from daprdockr.process.given import read_given
from daprdockr.runtime.followed import Followed
from daprdockr.runtime.signal import Signal
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.key_file import read_keys
from daprdockr.wiring.outside import Docker, Machine, Outside

T = TypeVar("T")


@frozen
class Signals:
    """
    The signals by which the loops wake each other. ``cluster_changed`` says what the mirror took over,
    ``services_changed`` which services look different on this host, ``node_changed`` that the node itself may do more
    or less than before: its lease became certain or not, its Engine answers or not, its address changed.
    """

    cluster_changed: Signal[[Changes]] = field(factory=Signal)
    services_changed: Signal[[Iterable[ServiceName]]] = field(factory=Signal)
    node_changed: Signal[[]] = field(factory=Signal)


@frozen
class Foundation:
    """
    ``docker`` is the connection to the Engine under the names that this node had. ``dns_taken`` is where another
    program has the port of our DNS, as DNS found it last, with the reason.
    """

    settings: Settings
    state: StateDir
    outside: Outside
    docker: Docker
    cluster: Cluster
    own_containers: OwnContainers
    journal: Journal
    signals: Signals = field(factory=Signals)
    dns_taken: dict[Endpoint, str] = field(factory=dict, eq=False)


def foundation(settings: Settings, state: StateDir, outside: Outside) -> Foundation:
    """Make the state directory this agent's: see ``daprdockr.agent.holder``."""
    state.belongs_to(Holder(settings.node, settings.prefix, outside.machine.identity))
    keys = Keys(settings.prefix)
    journal = Journal(
        reactor=outside.reactor,
        run=outside.pools.etcd.calls,
        store=outside.etcd.store,
        keys=keys,
        node=settings.node,
        wall=outside.clocks.wall,
    )
    docker = outside.docker(state.holder.former)
    cluster = Cluster(keys)
    own = OwnContainers(settings.node, cluster, state)
    return Foundation(settings, state, outside, docker, cluster, own, journal)


@frozen
class Surroundings:
    """
    The surroundings that may change while the agent runs: where this node is, the keys that open secrets, the
    certificates and the password for etcd (None: there are none), the name servers of resolv.conf (None: others were
    named, or there is no DNS), the operator's own certificates (None: there is no directory for them), and the token
    that opens the API (None: there is no file for it).
    """

    whereabouts: Followed[Whereabouts]
    cluster_keys: Followed[tuple[PrivateKey, ...]]
    certificates: Followed[EtcdCertificates] | None
    password: Followed[str] | None
    upstreams: Followed[tuple[Endpoint, ...]] | None
    given_pairs: Followed[GivenPairs] | None = None
    api_token: Followed[str] | None = None

    @property
    def all(self) -> tuple[Followed[Any], ...]:
        """Return all of them; each starts with the agent."""
        found: tuple[Followed[Any] | None, ...]
        found = (self.whereabouts, self.cluster_keys, self.certificates, self.password, self.upstreams)
        found += (self.given_pairs, self.api_token)
        return tuple(one for one in found if one is not None)

    def key_ids(self) -> frozenset[str]:
        """Return the names of the keys that open secrets here now."""
        return frozenset(key.public.id for key in self.cluster_keys.value)


def surroundings(base: Foundation) -> Surroundings:
    settings = base.settings
    secured = bool(settings.etcd.ca or settings.etcd.cert)
    return Surroundings(
        whereabouts=_whereabouts(base),
        cluster_keys=_cluster_keys(base),
        certificates=_certificates(base) if secured else None,
        password=_password(base, settings.etcd.password_file) if settings.etcd.password_file else None,
        upstreams=_upstreams(base) if settings.dns and settings.dns_upstream is None else None,
        given_pairs=_given_pairs(base, settings.certificates) if settings.certificates else None,
        api_token=_api_token(base, settings.api_token_file) if settings.api_token_file else None,
    )


def _follow(base: Foundation, what: str, read: Callable[[], T], first: T) -> Followed[T]:
    outside = base.outside
    return Followed(reactor=outside.reactor, run=outside.pools.files, what=what, read=read, first=first)


def own_addresses(machine: Machine) -> frozenset[str]:
    """Return the addresses of this host, as of some seconds ago; none if the kernel does not say."""
    return _said(machine.addresses.recent)


def _said(read: Callable[[], frozenset[str]]) -> frozenset[str]:
    try:
        return read()
    except OSError:
        return frozenset()


def _whereabouts(base: Foundation) -> Followed[Whereabouts]:
    """Follow where this node is, as its records say it."""
    settings, machine = base.settings, base.outside.machine
    had: set[str] = set()
    own = frozenset[str]()

    def whereabouts(published: tuple[str, ...]) -> Whereabouts:
        nonlocal own
        own = _said(machine.addresses.now) or own  # it may be out of file descriptors for a moment
        had.update(bound_to(published, own))
        return Whereabouts.of(published, own, had)

    def read() -> Whereabouts:
        """:raises NotFound: this host has no default route for now."""
        return whereabouts(settings.host if settings.host_given else (machine.default_address(),))

    return _follow(base, "where this node is", read, whereabouts(settings.host))


def _cluster_keys(base: Foundation) -> Followed[tuple[PrivateKey, ...]]:
    """Follow the keys that open secrets; none while there is no file, unless the settings name it."""
    given, usual = base.settings.cluster_key, ClusterFiles(base.settings.state_dir).cluster_key

    def read() -> tuple[PrivateKey, ...]:
        """:raises BadInput: it cannot be read, or is no such file."""
        if given is None and not os.path.lexists(usual):
            return ()
        return read_keys(given or usual)

    try:
        first = read()
    except BadInput:
        first = ()  # the first poll says why
    return _follow(base, "the cluster key", read, first)


def _certificates(base: Foundation) -> Followed[EtcdCertificates]:
    """Follow the certificates: the connections take up new ones while the old ones still count."""
    files = EtcdCertificateFiles(base.settings.etcd)
    try:
        first = files.read()
    except (OSError, BadInput):
        first = EtcdCertificates()
    return _follow(base, "the certificates for etcd", files.read, first)


def _given_pairs(base: Foundation, directory: Path) -> Followed[GivenPairs]:
    """Follow the certificates of the operator's files."""
    pairs = GivenDirectory(directory)
    try:
        first = pairs.read()
    except OSError:
        first = GivenPairs()  # the first poll says why
    return _follow(base, f"the directory {directory}", pairs.read, first)


def _password(base: Foundation, path: Path) -> Followed[str]:
    """Follow the password for etcd: the next token is fetched with a new one."""

    def read() -> str:
        return read_password(path)

    return _follow(base, "the password for etcd", read, base.settings.etcd.password)


def _api_token(base: Foundation, path: Path) -> Followed[str]:
    """Follow the token that opens the API; "", which opens nothing, until it can be read."""

    def read() -> str:
        return read_token(path)

    try:
        first = read()
    except (OSError, BadInput):
        first = ""  # the first poll says why
    return _follow(base, "the token of the API", read, first)


def _upstreams(base: Foundation) -> Followed[tuple[Endpoint, ...]]:
    """
    Follow the name servers of resolv.conf that are not this agent; none until it names one. While it names none the
    former ones stay, without those whose address this agent has taken meanwhile: to ask there would be a circle.
    """
    machine = base.outside.machine
    listened = [Endpoint(*address) for address in base.settings.dns]
    last: tuple[Endpoint, ...] = ()

    def read() -> tuple[Endpoint, ...]:
        nonlocal last
        own = own_servers(listened, machine.addresses.recent, frozenset(base.dns_taken))
        text = read_given(machine.resolv_conf).decode("utf-8", "replace")
        named = upstreams(text, own)
        still = tuple(server for server in last if server.address not in own)
        if not named and still == last:
            raise NotFound(f"{machine.resolv_conf} {lack(text)}")
        last = named or still
        return last

    try:
        first = read()
    except (OSError, NotFound):
        first = ()
    return _follow(base, "the list of upstream name servers", read, first)
