# -*- test-case-name: tests.unit.cli.commands.test_why -*-
"""Reads from the keys that no agent mirrors the evidence about one service."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.doubts import DoubtRecord
from daprdockr.model.stored.entries import Entry
from daprdockr.model.stored.history import Revisions
from daprdockr.model.stored.keys import Keys
from daprdockr.model.stored.rollout import RolloutRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.picture.doubts import read_doubts
from daprdockr.picture.events import read_events
from daprdockr.picture.why import Evidence


def evidence_keys(keys: Keys, service: ServiceName) -> tuple[str, ...]:
    """Return the prefixes of the keys that ``read_evidence`` reads."""
    return (keys.doubts, keys.events, keys.history(service))


def read_evidence(
    cluster: ClusterView, service: ServiceName, entries: Sequence[Entry], rollout: RolloutRecord | None, refused: str
) -> Evidence:
    """
    Return the evidence about a service that has a definition.

    :param entries: those below ``evidence_keys``.
    :param rollout: the rollout of the service, if it did not end well.
    :param refused: why etcd refuses the writes of all nodes; "": it does not.
    """
    keys, wanted = cluster.keys, cluster.services[service].definition
    history = Revisions.read(keys, service, entries)
    doubted = read_doubts((entry for entry in entries if entry.key.startswith(keys.doubts)), keys.doubts)
    return Evidence(
        events=read_events(entry for entry in entries if entry.key.startswith(keys.events)),
        rollout=rollout,
        revision=history.newest_of(wanted),
        way_back=history.newest_good(unlike=wanted) is not None,
        rechecked=rechecked(history, wanted),
        mute=_mute(cluster, refused, doubted),
    )


def rechecked(history: Revisions, wanted: Definition) -> bool:
    """
    Return whether ``Health`` is another one than when the service was healthy last, and its containers are not: then
    that change is to blame.
    """
    good, present = history.newest_good(unlike=wanted), history.newest_of(wanted)
    if good is None or (present is not None and present.record.good):
        return False
    before = good.record.definition
    return before.health != wanted.health and before.digest == wanted.stated.digest


def _mute(cluster: ClusterView, refused: str, doubts: Mapping[str, DoubtRecord]) -> dict[str, str]:
    """Return why nodes can claim and report nothing, by name."""
    found = {name: node.record.refused or refused for name, node in cluster.nodes.items()}
    found |= {node: f"frozen, it doubts this etcd: {record.reason}" for node, record in doubts.items()}
    return {node: reason for node, reason in found.items() if reason}
