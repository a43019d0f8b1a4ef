# -*- test-case-name: tests.unit.planning.test_plan -*-
"""The input of the planner: one service as this node sees it, and this node itself. Values only."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from attrs import Factory, field, frozen

from daprdockr.model.host import ContainerState, Image
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.revisioned import Claim, KnownRun, Service, Slot, StoppedRollout, StoredVolumes
from daprdockr.model.wanted.health import Health
from daprdockr.planning.attempts import NONE, Attempts
from daprdockr.planning.candidates import Candidate
from daprdockr.planning.diagnosis import UNKNOWN, Diagnosis
from daprdockr.planning.lanes import Lane


@frozen
class Here:
    """This node."""

    node: str
    """Its name."""
    addresses: tuple[str, ...] = ()
    """The IP addresses that it publishes."""
    lease: int = 0
    """The id of the lease that it holds for certain (0: none), and under which it may claim."""
    in_touch: bool = False
    """Whether the mirror follows etcd, and nothing is in doubt."""
    cluster: int = 0
    """The identity of the etcd (0: not known yet)."""
    revision: int = 0
    """The last revision of that etcd that is known here."""
    labels: Mapping[str, str] = field(factory=dict)
    """Its labels, which ``Placement`` of definitions may require."""
    cordoned: bool = False
    """Whether it takes no more instances."""
    allow: frozenset[str] | None = None
    """The privileges that definitions may use here (None: all)."""
    keys: frozenset[str] = frozenset()
    """The cluster keys with which it opens secrets."""
    local: str = "127.0.0.1"
    """The address at which it reaches the ports that its containers publish."""
    former: tuple[str, ...] = ()
    """The names that it had before it was renamed, without those that another node has now."""
    held_lease: int = 0
    """As ``lease``, but also while its Engine is away, when it may claim nothing."""

    @property
    def may_claim(self) -> bool:
        return self.in_touch and self.lease != 0

    @property
    def lease_of_claims(self) -> int:
        """The id of the lease under which its claims stand (0: none)."""
        return self.lease or self.held_lease


@frozen
class Wanted:
    """
    The wanted state: the definition, if there is one; ``held`` says that it exists but cannot be read; ``awaited`` are
    the services of its ``After`` that are not healthy as a whole.
    """

    service: Service | None = None
    held: bool = False
    awaited: tuple[str, ...] = ()

    @property
    def missing(self) -> str:
        """Why no container can be made as defined, because something that it names is not there; "" if all is."""
        if self.service is None:
            return ""
        secrets, files = self.service.definition.secrets, self.service.definition.files
        unset = (
            ("secret", dict.fromkeys(use.name for use in secrets if not use.stamp)),
            ("file", dict.fromkeys(use.name for use in files if not use.stamp)),
        )
        found = (
            f"{kind}{'s' if len(names) > 1 else ''} {', '.join(names)} {'are' if len(names) > 1 else 'is'} not set:"
            f" daprdockrcmd {kind} set {'NAME' if len(names) > 1 else next(iter(names))}"
            for kind, names in unset
            if names
        )
        return "; ".join(found)


@frozen
class KnownClaims:
    """
    The owners of instances, by number. ``successors`` are the claims that take instances over from their ``owners``;
    ``lost`` are claims that were this node's and are nobody's now; ``unanswered`` are instances about which a write of
    ours is in progress, or its answer was lost, so that we may own them without knowing it; ``volumes`` says where the
    data of instances is, claimed or not: Note [Tied to a node] in ``planning.placing.tied``.
    """

    owners: Mapping[int, Claim] = field(factory=dict)
    successors: Mapping[int, Claim] = field(factory=dict)
    lost: Mapping[int, Claim] = field(factory=dict)
    unanswered: Collection[int] = frozenset()
    volumes: Mapping[int, StoredVolumes] = field(factory=dict)


@frozen
class OnHost:
    """This host's part of the service."""

    containers: Mapping[int, tuple[ContainerState, ...]] = field(factory=dict)
    """By instance number."""
    image: Image | None = None
    """The image of the definition (None: absent, as far as known)."""
    lacks_image: bool = False
    """Whether the Engine is known to have no such image."""
    pulled_for: str = ""
    """The restart of the definition, if that image was pulled for it; see ``PullImage``."""
    resolved: str = ""
    """The digest under which its registry gave that image for that restart ("": it gave none)."""
    pull: Attempts = NONE
    """How pulls of that image failed."""
    attempts: Mapping[Lane, Attempts] = field(factory=dict)
    """How its containers failed, by the lane of each generation."""
    lacking: str = ""
    """The resources that its containers run without here, as text ("": none)."""
    networks: Collection[str] = frozenset()
    """The names and ids of networks that were taken from a container, and are there again."""
    health: Mapping[str, Diagnosis] = field(factory=dict)
    """By container id, as far as anything is known of its health."""
    checks: Mapping[str, Health] = field(factory=dict)
    """By container id: the health check of the definition that it was made from."""
    renewed: Mapping[str, tuple[str, ...]] = field(factory=dict)
    """By container id: the stamps of the contents that were put into its files and signalled, as far as known."""
    stopping: Collection[str] = frozenset()
    """The ids of the containers that are being stopped, though they may still run."""

    def diagnosis(self, container: str) -> Diagnosis:
        """Return what is known of a container's health, by its id."""
        return self.health.get(container, UNKNOWN)

    @property
    def tried(self) -> list[InstanceName]:
        """The instances of which a container failed, of whatever generation."""
        return list(dict.fromkeys(lane.subject for lane in self.attempts if isinstance(lane.subject, InstanceName)))


@frozen
class Placing:
    """
    The candidates for free instances. ``offered`` are the ``candidates`` as free instances see them: Note [A wave] in
    ``planning.placing.wave``; ``free_since`` is when this node first saw an instance without a claim, in seconds of the
    monotonic clock. Until ``adopt_until`` only instances that run here are claimed, and until ``own_share_until`` none
    that another node ranks first for.
    """

    candidates: tuple[Candidate, ...] = ()
    offered: tuple[Candidate, ...] = field(default=Factory(lambda self: self.candidates, takes_self=True))
    free_since: Mapping[int, float] = field(factory=dict)
    adopt_until: float = 0.0
    own_share_until: float = 0.0


@frozen
class Moving:
    """
    The instances that move from one node to another: ``leaving`` are our instances that should get a successor, and
    from when on; ``surplus_since`` is when our copy of an instance was first seen to have a healthy owner elsewhere.
    ``coming_up`` are the instances that this node is bringing up, as owner or successor, and since when.
    """

    leaving: Mapping[int, float] = field(factory=dict)
    surplus_since: Mapping[int, float] = field(factory=dict)
    coming_up: Mapping[int, float] = field(factory=dict)


@frozen
class Withdrawn:
    """A copy that runs here and to which no claim leads: ``since`` when, and which ``revision`` says so."""

    since: float
    revision: int


@frozen
class Fronts:
    """
    The names and routes of all nodes, which lead clients to instances. ``withdrawn`` are the copies here, by container
    id, to which no claim leads; ``reached`` is the revision that each node with a lease has reached; ``busy`` are the
    host ports here on which requests are under way at some node that leads to them no more.
    """

    withdrawn: Mapping[str, Withdrawn] = field(factory=dict)
    reached: Mapping[str, int] = field(factory=dict)
    busy: Collection[int] = frozenset()


@frozen
class Rollout:
    """
    The change from one definition to another, while it goes on: ``slots`` are those that are taken, by number;
    ``vacant_since`` is when this node first saw another one free; ``well_since`` is when it first saw a copy here
    healthy, by container id, without a break since.

    ``goes_on`` from the change until the service has been healthy as a whole for a while, which it will have been at
    ``settles_at``; ``unmarked`` says that this node has to note then that the definition is a good one,
    ``unpinned`` that it may not write down the image of a restart. Failures from
    before ``since`` do not count. ``held_since`` is when this node began to hold a slot for an instance, without the
    time for which etcd was away. ``record`` says what became of the last rollout that did not end well.
    """

    slots: Mapping[int, Slot] = field(factory=dict)
    vacant_since: Mapping[int, float] = field(factory=dict)
    well_since: Mapping[str, float] = field(factory=dict)
    goes_on: bool = False
    since: float = 0.0
    settles_at: float | None = None
    unmarked: bool = False
    unpinned: bool = False
    held_since: Mapping[int, float] = field(factory=dict)
    record: StoppedRollout | None = None


@frozen
class Runs:
    """
    The runs of a job: the ``records`` that are remembered, by number, the ``containers`` here that carry out one, and
    the ``wall`` clock, in seconds since the epoch, as far as it is believed; by that, this machine was ``booted``. By
    the monotonic clock, and by number: ``claimed_since`` and ``running_since`` are for runs of this node,
    ``waiting_since`` is for those that wait, with 0 for the job as a whole if its time is to begin anew, ``away_since``
    for runs under way whose node is away, and ``stuck_since`` for those that a person asked for and no node may carry
    out.
    """

    records: Mapping[int, KnownRun] = field(factory=dict)
    containers: tuple[ContainerState, ...] = ()
    wall: float = 0.0
    booted: float = 0.0
    claimed_since: Mapping[int, float] = field(factory=dict)
    running_since: Mapping[int, float] = field(factory=dict)
    waiting_since: Mapping[int, float] = field(factory=dict)
    away_since: Mapping[int, float] = field(factory=dict)
    stuck_since: Mapping[int, float] = field(factory=dict)


@frozen
class Situation:
    """One service, now: nothing of any other, and nothing that changes after it was gathered."""

    here: Here
    name: ServiceName
    wanted: Wanted = Wanted()
    claims: KnownClaims = KnownClaims()
    host: OnHost = OnHost()
    placing: Placing = Placing()
    moving: Moving = Moving()
    fronts: Fronts = Fronts()
    rollout: Rollout = Rollout()
    runs: Runs = Runs()

    @property
    def service(self) -> Service | None:
        """Its definition, if there is one that can be read."""
        return self.wanted.service

    def of(self, instance: InstanceName) -> tuple[ContainerState, ...]:
        """
        Return this node's containers of one instance: running ones first, then the claim's, then the latest start
        first.
        """
        mine = self.host.containers.get(instance.number, ())
        own = self.own(instance)
        named = own.record.container if own is not None else ""
        return tuple(sorted(mine, key=lambda c: (not c.running, c.id != named, -c.started, c.id)))

    def own(self, instance: InstanceName) -> Claim | None:
        """Return this node's claim of an instance, or its succession, or the claim it had before its lease ended."""
        number = instance.number
        for held in (self.claims.owners, self.claims.successors):
            if number in held and held[number].node == self.here.node:
                return held[number]
        return None if number in self.claims.owners else self.claims.lost.get(number)

    def attempts(self, instance: InstanceName, generation: str) -> Attempts:
        """
        Return the failures of one generation of an instance's container: those of another say nothing about this one.
        """
        by_lane = self.host.attempts
        unknown = by_lane.get(Lane("container", instance), NONE)  # counts for each
        return by_lane.get(Lane("container", instance, generation), unknown)
