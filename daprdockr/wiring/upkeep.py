# -*- test-case-name: tests.unit.wiring.test_upkeep -*-
"""The part that keeps etcd in order, unless the settings leave that to others."""

from __future__ import annotations

from daprdockr.agent.membership.upkeep import EtcdKeeping
from daprdockr.agent.office import Office
from daprdockr.wiring.finding import Found
from daprdockr.wiring.foundation import Foundation


def upkeep(base: Foundation, found: Found) -> EtcdKeeping | None:
    """Return it; None where it is left to others."""
    settings, outside, member = base.settings, base.outside, found.member
    etcd = outside.etcd.administration.upkeep
    if settings.no_etcd_upkeep or etcd is None:
        return None

    def lease() -> int:
        return member.heartbeat.lease if found.known.mirror.in_touch else 0

    def is_full() -> bool:
        refused = member.write_check.condition
        return refused is not None and not refused.keys

    def is_first() -> bool:
        return bool(lease()) and settings.node == min(base.cluster.nodes, default="")

    return EtcdKeeping(
        reactor=outside.reactor,
        run=outside.pools.etcd.upkeep,
        etcd=etcd,
        office=Office(
            outside.etcd.store, outside.pools.etcd.calls, key=base.cluster.keys.upkeep, node=settings.node, lease=lease
        ),
        is_full=is_full,
        is_first=is_first,
    )
