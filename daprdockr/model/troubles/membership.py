# -*- test-case-name: tests.unit.model.test_trouble -*-
"""The troubles of the node's lease, its record under it, and its addresses, as heartbeat and registration find them."""

from __future__ import annotations

from typing import ClassVar

from attrs import frozen

from daprdockr.model.troubles.component import Component, Quoted


@frozen
class NoBeatYet:
    """No beat was answered since the start."""

    component: ClassVar[Component] = Component.LEASE

    def __str__(self) -> str:
        return "etcd has not answered yet"


@frozen
class BeatFailed(Quoted):
    """The last beat failed, and the lease is not certain any more."""

    component: ClassVar[Component] = Component.LEASE


@frozen
class NameHeld:
    """The node's record, at ``key``, stands under another lease."""

    component: ClassVar[Component] = Component.LEASE
    key: str

    def __str__(self) -> str:
        return f"{self.key} is held by another agent of this name, or for some seconds by a former one"


@frozen
class LeaseUnproven:
    """See Note [Two machines, one lease] in ``agent.membership.registration``."""

    component: ClassVar[Component] = Component.LEASE

    def __str__(self) -> str:
        return "another machine held this node's lease and may go on: wait for a beat"


@frozen
class AddressContested(Quoted):
    """Another machine publishes an address of this node, and had it first."""

    component: ClassVar[Component] = Component.ADDRESSES
