# -*- test-case-name: tests.unit.wiring.test_showing -*-
"""The documents of the API, from the agent's mirror: the same rows as those of ``status``, ``nodes`` and ``ps``."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from daprdockr.api.documents import Make
from daprdockr.model.etcd_look import KnownRoom
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.rollout import RolloutRecord
from daprdockr.picture.certificates import certificate_table
from daprdockr.picture.instances import instance_table
from daprdockr.picture.nodes import node_table
from daprdockr.picture.overview import overview
from daprdockr.picture.services import service_table
from daprdockr.wiring.finding import Found
from daprdockr.wiring.foundation import Foundation


def stopped_rollouts(cluster: ClusterView) -> dict[ServiceName, RolloutRecord]:
    """
    Return the rollouts that did not end well, of the services whose definition is still the one concerned, and of which
    no person has taken note.
    """
    known = ((name, cluster.rollout(name), service) for name, service in cluster.services.items())
    return {name: one.record for name, one, service in known if one and one.record.wants_attention(service.definition)}


def known_doubts(base: Foundation, found: Found) -> dict[str, str]:
    """Return why nodes are frozen, as far as this agent knows: itself."""
    doubt = found.known.mirror.doubt
    return {base.settings.node: doubt.reason} if doubt is not None else {}


def known_room(found: Found) -> KnownRoom | None:
    """
    Return the room in etcd, as this agent has seen it last; None: it has not, or leaves that to others, or is out of
    touch, and would say that members answer which do not.
    """
    room = found.member.room
    return room.known if room is not None and found.known.mirror.in_touch else None


def documents(base: Foundation, found: Found) -> Mapping[str, Make]:
    """Return the functions that make the documents, by name."""
    cluster, mirror, node = base.cluster, found.known.mirror, base.settings.node
    stopped, doubted = partial(stopped_rollouts, cluster), partial(known_doubts, base, found)

    def status() -> object:
        seen = {"Node": node, "InTouch": mirror.in_touch, "Revision": cluster.revision}
        ends = certificate_table(cluster, base.outside.clocks.wall()).rows
        whole = overview(cluster, doubted=doubted(), stopped=stopped(), etcd=known_room(found), certificates=ends)
        return {**seen, **whole.write()}

    return {
        "status": status,
        "nodes": lambda: list(node_table(cluster, doubted=doubted()).rows),
        "services": lambda: list(service_table(cluster, stopped()).rows),
        "instances": lambda: list(instance_table(cluster, None).rows),
    }
