"""
The wishes of people, by the keys in etcd: the definitions of services, and the cordons of nodes.

Note [Which definition a digest is of]
    Containers carry a digest whose making is not ours to know. But a container is made of the definition that stands,
    so each first start of a container with a digest says which definitions it may be of, and all of them together say
    which it is; and what is known to be the definition of one digest is not that of another. A change that leaves what
    a container is made of leaves the digest.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from attrs import frozen

from tests.chaos.evidence import SPREAD, Place, Seen
from tests.chaos.evidence_etcd import Timelines
from tests.chaos.evidence_runs import Run

DELETED: Mapping[str, Any] = {}

Definition = Mapping[str, Any]


@frozen
class Wishes:
    """
    :param given: the definitions the run began with, for those that etcd was never seen to hold.
    :param stale: seconds by which an agent may know a wish later than etcd.
    """

    timelines: Timelines
    given: Mapping[str, Definition]
    stale: float

    def definitions(self, place: Place, since: float, until: float) -> list[Definition]:
        """All that may have stood between the two moments; ``DELETED`` among them if that may have been the case."""
        if not self.timelines[place.definition]:
            return [self.given[place.service]] if place.service in self.given else []
        found = self.timelines.possible(place.definition, since, until)
        return [change.value if isinstance(change.value, Mapping) else DELETED for change in found]

    def must_stop(self, place: Place, at: float) -> bool:
        """Whether a container that was started then certainly must not run beside another."""
        standing = [each for each in self.definitions(place, at - SPREAD, at) if each is not DELETED]
        return bool(standing) and all(each.get("OnPartition") == "stop" for each in standing)

    def is_draining(self, node: str, since: float, until: float) -> bool:
        """Whether a person may have wanted it between the two moments."""
        found = self.timelines.possible(f"cordons/{node}", since, until)
        return any(change.tells("Drain") is True for change in found)


@frozen
class Digests:
    """
    Which definitions a container may have been made of. Note [Which definition a digest is of].

    ``_bad`` are the services and essences of those of which nothing works.
    """

    _essences: Mapping[tuple[str, str], frozenset[str]]
    _bad: frozenset[tuple[str, str]] = frozenset()

    @classmethod
    def of(cls, runs: Iterable[Run], wishes: Wishes, seen: Iterable[Seen] = ()) -> Digests:
        found: dict[tuple[str, str], list[frozenset[str]]] = defaultdict(list)
        known = set()
        for run in runs:
            if run.id not in known and run.opening.data["action"] == "start":
                known.add(run.id)
                standing = wishes.definitions(run.place, run.start - wishes.stale, run.start)
                essences = frozenset(essence(each) for each in standing if each is not DELETED)
                found[run.place.service, run.definition].append(essences)
        essences_of = {key: _agreed(sets) for key, sets in found.items()}
        while (narrower := _told_apart(essences_of)) != essences_of:
            essences_of = narrower
        stored = (one.data for one in seen if one.what == "wish" and one.data.get("bad"))
        return cls(essences_of, frozenset((str(told["service"]), essence(told["definition"])) for told in stored))

    def may_differ(self, run: Run, definition: Definition) -> bool:
        """Whether the container may be made of something else than this definition wants."""
        return self._essences.get((run.place.service, run.definition)) != frozenset((essence(definition),))

    def cannot_work(self, run: Run) -> bool:
        """Whether the container certainly is made of a definition of which nothing works."""
        essences = self._essences.get((run.place.service, run.definition), frozenset())
        return bool(essences) and all((run.place.service, made) in self._bad for made in essences)

    def may_be(self, service: str, digest: str, definition: Definition) -> bool:
        """Whether a container with this digest may be made of what this definition wants."""
        essences = self._essences.get((service, digest))
        return essences is None or essence(definition) in essences


def _agreed(sets: list[frozenset[str]]) -> frozenset[str]:
    common = frozenset.intersection(*sets)
    return common or frozenset.union(*sets)


def _told_apart(essences_of: Mapping[tuple[str, str], frozenset[str]]) -> dict[tuple[str, str], frozenset[str]]:
    """Without what is known to be another digest's of the same service."""
    known = {key: essences for key, essences in essences_of.items() if len(essences) == 1}
    narrower = {}
    for key, essences in essences_of.items():
        others = frozenset().union(*(taken for other, taken in known.items() if other[0] == key[0] and other != key))
        narrower[key] = essences - others or essences
    return narrower


def essence(definition: Definition) -> str:
    """The parts of a definition that a container is made of."""
    http, health = definition.get("Http") or {}, definition.get("Health") or {}
    ports = {str(http.get("ContainerPort") or 0)}
    if health.get("Type") in ("http", "tcp"):
        ports.add(str(health.get("Port") or http.get("ContainerPort") or 0))
    made = [definition.get("Container"), sorted(ports - {"0"}), definition.get("OnPartition", "keep")]
    return json.dumps(made, sort_keys=True)
