# -*- test-case-name: tests.unit.wiring.test_showing -*-
"""The documents of the API, from the agent's mirror: the same rows as those of ``status``, ``nodes`` and ``ps``."""

from __future__ import annotations

from collections.abc import Mapping

from daprdockr.api.documents import Make
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.rollout import RolloutRecord
from daprdockr.picture.instances import instance_table
from daprdockr.picture.nodes import node_table
from daprdockr.picture.overview import overview
from daprdockr.picture.services import service_table
from daprdockr.wiring.finding import Found
from daprdockr.wiring.foundation import Foundation


def documents(base: Foundation, found: Found) -> Mapping[str, Make]:
    """Return the functions that make the documents, by name."""
    cluster, mirror, node = base.cluster, found.known.mirror, base.settings.node

    def stopped() -> dict[ServiceName, RolloutRecord]:
        known = ((name, cluster.rollout(name), service) for name, service in cluster.services.items())
        return {name: one.record for name, one, service in known if one and one.record.concerns(service.definition)}

    def doubted() -> dict[str, str]:
        return {node: mirror.doubt.reason} if mirror.doubt is not None else {}

    def status() -> object:
        seen = {"Node": node, "InTouch": mirror.in_touch, "Revision": cluster.revision}
        return {**seen, **overview(cluster, doubted=doubted(), stopped=stopped()).write()}

    return {
        "status": status,
        "nodes": lambda: list(node_table(cluster, doubted=doubted()).rows),
        "services": lambda: list(service_table(cluster, stopped()).rows),
        "instances": lambda: list(instance_table(cluster, None).rows),
    }
