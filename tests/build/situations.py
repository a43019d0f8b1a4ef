"""Short words for the situations that tests of the planner begin with: one service, seen by node ``a`` at time 100."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from attrs import evolve
from attrs import fields as fields_of

from daprdockr.model.host import ContainerState, Image, Port, Status
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import ClaimRecord, State
from daprdockr.model.stored.revisioned import Claim, Service, Slot
from daprdockr.model.stored.slot import SlotRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.health import Health
from daprdockr.planning.attempts import NONE, Attempts
from daprdockr.planning.candidates import Candidate
from daprdockr.planning.diagnosis import Diagnosis
from daprdockr.planning.lanes import Lane
from daprdockr.planning.placing.placement import Ranking
from daprdockr.planning.situation import Fronts, Here, KnownClaims, Moving, OnHost, Placing, Rollout, Situation, Wanted
from tests.build.values import WEB, definition, instance

NOW = 100.0
ADDRESSES = ("10.0.0.1",)
PORT = Port(8080, "tcp", 20000)
IMAGES = {"web:1": Image("sha256:1"), "web:2": Image("sha256:2")}
CLUSTER, LEASE, FENCE, DEFINED = 7, 77, 40, 30
HERE = Here(node="a", addresses=ADDRESSES, lease=LEASE, in_touch=True, cluster=CLUSTER, revision=50)
OUT_OF_TOUCH = Here(node="a", addresses=ADDRESSES, lease=LEASE, in_touch=False, cluster=CLUSTER, revision=50)


WEB_1, WEB_2 = definition("web:1"), definition("web:2")


def container(
    name: str = "c1", number: int = 1, of: Definition = WEB_1, status: Status = Status.RUNNING, **fields: Any
) -> ContainerState:
    label = json.dumps(of.check.write())
    given: dict[str, Any] = {"cluster": CLUSTER, "revision": FENCE, "started": 10.0, "stop_timeout": 3, "check": label}
    given |= fields
    return ContainerState(name, f"{number}.web.myapp-{of.digest}", instance(number), of.digest, status, **given)


def running_record(of: ContainerState, **fields: Any) -> ClaimRecord:
    """The record of a running container that is well."""
    given: dict[str, Any] = {
        "state": State.RUNNING,
        "healthy": True,
        "ports": of.ports,
        "container": of.id,
        "definition": of.definition,
        "started": of.started,
        "judged": Health.read(json.loads(of.check), "Health").digest,
    }
    return ClaimRecord(node="a", addresses=ADDRESSES, **{**given, **fields})


def starting_record(node: str = "a", **fields: Any) -> ClaimRecord:
    return ClaimRecord(node=node, addresses=ADDRESSES, **fields)


def claim(record: ClaimRecord, number: int = 1, lease: int = LEASE, fence: int = FENCE) -> Claim:
    return Claim(instance(number), record, fence, fence, lease)


def slot(of: Definition, number: int = 1, node: str = "a", lease: int = LEASE, fence: int = FENCE) -> Slot:
    """Slot 1, held for an instance."""
    return Slot(1, SlotRecord(node, instance(number), of.digest), fence, fence, lease)


def order(ranking: Ranking, number: int) -> tuple[str, ...]:
    """The nodes that may take an instance, the one that should first."""
    first = ranking.first.get(number)
    return () if first is None else (first, *(node for node in ranking.takers if node != first))


def candidates(*names: str, **loads: int) -> tuple[Candidate, ...]:
    return tuple(Candidate(name, {}, loads.get(name, 0)) for name in names)


def situation(
    service: Definition | None = WEB_1,
    claims: tuple[Claim, ...] = (),
    containers: tuple[ContainerState, ...] = (),
    here: Here = HERE,
    **fields: Any,
) -> Situation:
    by_number: dict[int, tuple[ContainerState, ...]] = {}
    for one in containers:
        by_number[one.instance.number] = (*by_number.get(one.instance.number, ()), one)
    given: dict[str, Any] = {"images": IMAGES, "candidates": candidates("a"), **fields}
    return grouped(
        here,
        WEB,
        service=Service(service, DEFINED, DEFINED) if service else None,
        claims={one.instance.number: one for one in claims},
        containers=by_number,
        **given,
    )


def grouped(here: Here, name: ServiceName, **fields: Any) -> Situation:
    """
    A situation from what is known, each by its own word; ``claims`` are those of the owners, and of ``images`` and
    ``pulls``, both by reference, what belongs to the definition counts. ``verdicts``, ``failed``, ``unreached``,
    ``complaints`` and ``judging``, by container id, are what is known of the health of each.
    """
    service = fields.get("service")
    image = service.definition.container.image if service else ""
    fields["image"] = fields.pop("images", {}).get(image)
    fields["pull"] = fields.pop("pulls", {}).get(image, NONE)
    fields |= {"health": _diagnoses(fields)} if fields.keys() & _OF_HEALTH.keys() else {}
    fields = {word: value for word, value in fields.items() if word not in _OF_HEALTH}
    groups = {group: made(**ones) for group, (made, ones) in _by_group(fields).items()}
    return Situation(here, name, **groups)


def changed(seen: Situation, **fields: Any) -> Situation:
    """
    The same situation, but for what is given, each by its own word as in ``grouped``, or ``here`` and ``name``.
    """
    top = {word: fields.pop(word) for word in ("here", "name") if word in fields}
    groups = {group: evolve(getattr(seen, group), **ones) for group, (_, ones) in _by_group(fields).items()}
    return evolve(seen, **top, **groups)


_GROUPS: dict[str, Any] = {
    "wanted": Wanted,
    "claims": KnownClaims,
    "host": OnHost,
    "placing": Placing,
    "moving": Moving,
    "fronts": Fronts,
    "rollout": Rollout,
}
_HOMES = {field.name: group for group, made in _GROUPS.items() for field in fields_of(made)}


_OF_HEALTH = {
    "verdicts": "verdict",
    "failed": "failed",
    "unreached": "unreached",
    "complaints": "complaint",
    "judging": "check",
}
"""Each part of the diagnoses of containers, by the word for what tests state of it by container id."""


def _diagnoses(fields: Mapping[str, Any]) -> dict[str, Diagnosis]:
    found: dict[str, dict[str, Any]] = {}
    for word in fields.keys() & _OF_HEALTH.keys():
        for container, value in fields[word].items():
            found.setdefault(container, {})[_OF_HEALTH[word]] = value
    return {container: Diagnosis(**known) for container, known in found.items()}


def _by_group(fields: Mapping[str, Any]) -> dict[str, tuple[Any, dict[str, Any]]]:
    found: dict[str, tuple[Any, dict[str, Any]]] = {}
    for word, value in fields.items():
        name = "owners" if word == "claims" else word
        if word == "attempts":
            value = {_lane(key, attempts): attempts for key, attempts in value.items()}
        group = _HOMES[name]
        found.setdefault(group, (_GROUPS[group], {}))[1][name] = value
    return found


def _lane(of: InstanceName | Lane, attempts: Attempts) -> Lane:
    """``attempts`` may go by instance: of the generation that they are of."""
    return Lane("container", of, attempts.of) if isinstance(of, InstanceName) else of
