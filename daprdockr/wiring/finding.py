# -*- test-case-name: tests.unit.wiring.test_composition -*-
"""
The loops that observe: etcd, this host, and this node's standing in the cluster.

They are made in an order in which each finds those it depends on. ``subscriptions`` says which signals wake which
loops.
"""

from __future__ import annotations

from attrs import frozen

from daprdockr.wiring.edges import Edges
from daprdockr.wiring.foundation import Foundation, Surroundings
from daprdockr.wiring.knowledge import Knowledge, knowledge
from daprdockr.wiring.membership import Membership, membership
from daprdockr.wiring.this_host import OnThisHost, on_this_host


@frozen
class Found:
    """The observing loops: of the surroundings, of etcd, of this host, and of this node's standing."""

    around: Surroundings
    known: Knowledge
    local: OnThisHost
    member: Membership


def finding(base: Foundation, around: Surroundings, outward: Edges) -> Found:
    known = knowledge(base)
    local = on_this_host(base, known)
    return Found(around, known, local, membership(base, around, known, local, outward))
