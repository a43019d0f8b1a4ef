# -*- test-case-name: tests.unit.planning.test_plan -*-
"""What the planner is told: one service as this node sees it, and this node itself. Values only."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from attrs import Factory, field, frozen

from daprdockr.model.host import ContainerState, Image
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.revisioned import Claim, Service
from daprdockr.planning.attempts import NONE, Attempts
from daprdockr.planning.candidates import Candidate


@frozen
class Here:
    """
    This node. ``lease`` is the one it holds for certain (0: none); ``in_touch`` says that the mirror follows etcd
    and nothing is in doubt; ``cluster`` and ``revision`` say which etcd, how far; ``cordoned`` that it takes no more
    instances; ``allow`` are the privileges that definitions may use here (None: all).
    """

    node: str
    addresses: tuple[str, ...] = ()
    lease: int = 0
    in_touch: bool = False
    cluster: int = 0
    revision: int = 0
    labels: Mapping[str, str] = field(factory=dict)
    cordoned: bool = False
    allow: frozenset[str] | None = None

    @property
    def may_claim(self) -> bool:
        return self.in_touch and self.lease != 0


@frozen
class Situation:
    """
    One service, now. ``held`` says that its definition exists but cannot be read. ``claims`` and ``containers`` (this
    node's) go by instance number. ``lacking`` says what its containers run without; ``networks`` are the names and ids
    of those that this node has. ``verdicts`` are the outcomes of health checks by container id, ``unreached`` the
    complaints of those that nginx cannot reach; ``offered`` are the candidates as free instances see them: Note [A
    wave] in ``planning.placing.wave``; ``free_since`` is when this node first saw an instance without a claim, in
    seconds of the monotonic clock; ``lost`` are claims that were this node's and are nobody's now. ``successors`` are
    those who take instances over from their owners; ``leaving`` are our instances that should get one, and from when
    on; ``surplus_since`` is when our copy of an instance was first seen to have a healthy owner elsewhere. ``stopping``
    are containers that are being stopped, though they may still run; ``unanswered`` are instances about which a write
    of ours is under way, or its answer was lost, so that we may own them without knowing it. Until ``adopt_until``
    nothing is claimed but what runs here.
    """

    here: Here
    name: ServiceName
    service: Service | None = None
    held: bool = False
    claims: Mapping[int, Claim] = field(factory=dict)
    containers: Mapping[int, tuple[ContainerState, ...]] = field(factory=dict)
    images: Mapping[str, Image] = field(factory=dict)
    pulls: Mapping[str, Attempts] = field(factory=dict)
    attempts: Mapping[InstanceName, Attempts] = field(factory=dict)
    lacking: str = ""
    networks: Collection[str] = frozenset()
    verdicts: Mapping[str, bool] = field(factory=dict)
    unreached: Mapping[str, str] = field(factory=dict)
    candidates: tuple[Candidate, ...] = ()
    offered: tuple[Candidate, ...] = field(default=Factory(lambda self: self.candidates, takes_self=True))
    free_since: Mapping[int, float] = field(factory=dict)
    lost: Mapping[int, Claim] = field(factory=dict)
    successors: Mapping[int, Claim] = field(factory=dict)
    leaving: Mapping[int, float] = field(factory=dict)
    surplus_since: Mapping[int, float] = field(factory=dict)
    stopping: Collection[str] = frozenset()
    unanswered: Collection[int] = frozenset()
    adopt_until: float = 0.0

    def of(self, instance: InstanceName) -> tuple[ContainerState, ...]:
        """This node's containers of one instance: running ones first, then the claim's, then the latest start first."""
        mine = self.containers.get(instance.number, ())
        own = self.own(instance)
        named = own.record.container if own is not None else ""
        return tuple(sorted(mine, key=lambda c: (not c.running, c.id != named, -c.started, c.id)))

    def own(self, instance: InstanceName) -> Claim | None:
        """This node's claim of an instance, or its succession, or the claim it had before its lease ended."""
        number = instance.number
        for held in (self.claims, self.successors):
            if number in held and held[number].node == self.here.node:
                return held[number]
        return None if number in self.claims else self.lost.get(number)

    def tries(self, instance: InstanceName) -> Attempts:
        """What failed of the present definition: that a former one did says nothing about this one."""
        found = self.attempts.get(instance, NONE)
        former = self.service is not None and found.of not in ("", self.service.definition.digest)
        return NONE if former else found

    @property
    def image(self) -> Image | None:
        """What this host has under the definition's image, as far as known."""
        return self.images.get(self.service.definition.container.image) if self.service else None
