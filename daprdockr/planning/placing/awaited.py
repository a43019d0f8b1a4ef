# -*- test-case-name: tests.unit.planning.placing.test_awaited -*-
"""
The services that another one waits for before its first start, ``After`` of a definition.

Note [The first start]
    A service with ``After`` waits until all instances that are wanted of each service named there are healthy, but only
    where it starts from nothing: an instance waits as long as no claim of its service names a container, and its node
    has none of it. Each claim names the container that its owner started last, so a service of which one instance was
    started under its present claims is never kept back again, whatever becomes of the others, and one that ran here
    before is started again at once. Only the creation of a container waits: instances are claimed and images pulled
    meanwhile. A service with all its nodes gone begins anew, and so waits once more.
"""

from __future__ import annotations

from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.claim import State
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.situation import Situation


def lacking(definition: Definition, cluster: ClusterView) -> tuple[str, ...]:
    """Return the services to wait for that are not healthy as a whole, each with what is wrong if it does not exist."""
    found = ((name, _lack(name, cluster)) for name in definition.after)
    return tuple(f"{name}{lack}" for name, lack in found if lack is not None)


def _lack(name: ServiceName, cluster: ClusterView) -> str | None:
    service = cluster.services.get(name)
    if service is None:
        return "" if cluster.is_held(name) else ", which does not exist"
    claims = cluster.claims(name)
    numbers = range(1, service.definition.instances + 1)
    records = [claims[number].record for number in numbers if number in claims]
    well = [record for record in records if record.state is State.RUNNING and record.healthy]
    return None if len(well) == len(numbers) else ""


def waits_for(situation: Situation, instance: InstanceName) -> str:
    """Return why a container of the instance may not be created yet, or "": Note [The first start]."""
    if situation.of(instance) or not is_kept_back(situation):
        return ""
    return f"waits for {', '.join(situation.wanted.awaited)}"


def is_kept_back(situation: Situation) -> bool:
    """Return whether the service waits for others, as no claim of it names a container: Note [The first start]."""
    claims = situation.claims
    known = (*claims.owners.values(), *claims.successors.values(), *claims.lost.values())
    return bool(situation.wanted.awaited) and not any(claim.record.container for claim in known)
