"""The schedule that a seed gives, and the limits that hold for each seed."""

from __future__ import annotations

from twisted.trial.unittest import SynchronousTestCase

from tests.chaos.faults import Fault, Scope
from tests.chaos.kinds import KINDS
from tests.chaos.schedule import PAIRS, schedule
from tests.chaos.services import SERVICES
from tests.rig.cluster.cluster import MEMBERS

HOSTS = 5
SEEDS = 1000
SAY_SO = {"etcd killed", "power cut of all"}
"""Kinds after which no majority of etcd's members is left."""

ONE_OF_THEM = {"etcd leader frozen", "etcd leader frozen in a rollout", "slot's holder cut off"}
"""Kinds that take one member, or none, and find out which when they begin."""


def away(fault: Fault) -> list[str]:
    """Which members of etcd a fault takes, as far as that is known before it begins."""
    taking = [part for part in fault.parts if part.kind.takes_member]
    return [part.kind.name if part.kind.scope is Scope.ALL else f"host{part.host}" for part in taking if _hits(part)]


def _hits(fault: Fault) -> bool:
    return fault.kind.scope is Scope.ALL or fault.host <= MEMBERS


class ScheduleTests(SynchronousTestCase):
    """Everything is drawn before anything starts."""

    def test_same_seed(self) -> None:
        """The same seed has the same faults, and a longer run begins with those of a shorter one."""
        self.assertEqual(schedule(7, 50, HOSTS), schedule(7, 50, HOSTS))
        self.assertEqual(schedule(7, 10, HOSTS), schedule(7, 50, HOSTS)[:10])

    def test_other_seed(self) -> None:
        """Another seed has others."""
        self.assertNotEqual(schedule(7, 10, HOSTS), schedule(8, 10, HOSTS))

    def test_known_seed(self) -> None:
        """A seed gives the same schedule as before, on any machine."""
        self.assertEqual(
            [
                "guard killed on host1, for 1.1 TTL",
                "drain on host1, for 2.9 TTL",
                "bad image, for 2.4 TTL",
                "slot's holder cut off, for 2.5 TTL",
            ],
            [str(fault) for fault in schedule(1, 4, HOSTS)],
        )

    def test_each_kind(self) -> None:
        """A run that is long enough has each kind once, and pairs."""
        faults = schedule(3, len(KINDS) + PAIRS, HOSTS)
        self.assertEqual(
            sorted(kind.name for kind in KINDS), sorted(fault.kind.name for fault in faults if fault.beside is None)
        )
        self.assertEqual(PAIRS, sum(fault.beside is not None for fault in faults))

    def test_named_kinds(self) -> None:
        """If kinds are named only these come, each as often, one at a time."""
        names = ["drain", "slot's holder killed"]
        found = sorted(fault.name for fault in schedule(3, 10, HOSTS, names))
        self.assertEqual([name for name in names for _ in range(5)], found)

    def test_number_of_kinds(self) -> None:
        """There are at least fourteen kinds, of different names."""
        self.assertGreaterEqual(len({kind.name for kind in KINDS}), 14)
        self.assertEqual(len(KINDS), len({kind.name for kind in KINDS}))


class LimitTests(SynchronousTestCase):
    """The limits that hold for any seed."""

    def every_fault(self) -> list[Fault]:
        return [fault for seed in range(SEEDS) for fault in schedule(seed, len(KINDS) + PAIRS, HOSTS)]

    def test_members_left(self) -> None:
        """Never more than one member of etcd is away, but for the kinds that say so."""
        taken = [fault.name for fault in self.every_fault() if len(away(fault)) > 1]
        self.assertEqual([], taken)
        unbound = {kind.name for kind in KINDS if kind.takes_member and kind.scope is Scope.ALL}
        self.assertEqual(SAY_SO | ONE_OF_THEM, unbound)

    def test_hosts(self) -> None:
        """A fault is done to a host that there is, and a member's to one that has it; two are done to two."""
        for fault in self.every_fault():
            for part in fault.parts:
                most = {Scope.HOST: HOSTS, Scope.MEMBER: MEMBERS}.get(part.kind.scope, 0)
                self.assertTrue(min(1, most) <= part.host <= most, str(fault))
            self.assertEqual(len(set(fault.hosts)), len(fault.hosts), str(fault))

    def test_pairs(self) -> None:
        """Of two at once none is done to all hosts."""
        pairs = [fault for fault in self.every_fault() if fault.beside is not None]
        self.assertNotIn(Scope.ALL, {part.kind.scope for fault in pairs for part in fault.parts})

    def test_hold(self) -> None:
        """A fault lasts one to three TTLs; an agent that is frozen sleeps for more than three."""
        for fault in self.every_fault():
            least = max(part.kind.hold[0] for part in fault.parts)
            most = max(part.kind.hold[1] for part in fault.parts)
            self.assertTrue(least <= fault.hold <= most, str(fault))


class ServiceTests(SynchronousTestCase):
    """The services leave room for what faults do to them."""

    def test_one_per_node(self) -> None:
        """A service that runs once on each node has nodes to move to when one is away."""
        for definition in SERVICES.values():
            if definition.get("Placement"):
                self.assertLess(definition["Instances"], HOSTS)
