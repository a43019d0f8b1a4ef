# -*- test-case-name: tests.unit.planning.placing.test_refusing -*-
"""
Why a node runs no further instance of a service: the checks of placement, node by node, for people.

It makes no judgement of its own. ``unavailable``, ``barred``, ``full`` and ``failing`` are what ``candidates`` and
``placement`` decide by, so a node that is refused here is not ranked there, and the other way round.
"""

from __future__ import annotations

from attrs import evolve

from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName
from daprdockr.model.stored.volume import UNKNOWN
from daprdockr.model.wanted.definition import Definition
from daprdockr.planning.candidates import Bar, Hindrance, candidate, failing, unavailable
from daprdockr.planning.fitting import barred, full
from daprdockr.planning.placing.placement import held_by_node, vacancies
from daprdockr.planning.placing.tied import ties


def refusal(cluster: ClusterView, definition: Definition, node: str) -> Hindrance | None:
    """
    Return why a node would not take one more instance of a service, None if it would.

    ``FAILING`` and ``DARK`` keep it from nothing: such a node is ranked last, and takes what no other can.
    """
    claims = cluster.claims(definition.name)
    held = held_by_node(claims, cluster.successors(definition.name))
    seen = candidate(cluster, node)
    if seen is None:
        return unavailable(cluster, node)
    if found := barred(definition, seen):
        return found
    if found := _tied(cluster, definition, node):
        return found
    if definition.one_per_node and held[node]:
        return Hindrance(Bar.ONE_PER_NODE, f"it has one already: {_one_because(definition)}")
    if found := full(definition, seen):
        return _with_holders(cluster, definition, node, found) if found.bar is Bar.PORT else found
    if seen.dark:
        return Hindrance(Bar.DARK, f"nothing starts there: {cluster.nodes[node].record.trouble}")
    if node in failing(definition.name, claims.values(), [seen]):
        return Hindrance(Bar.FAILING, "it has not come up there")
    return None


def _tied(cluster: ClusterView, definition: Definition, node: str) -> Hindrance | None:
    """Return the refusal where every instance that has no node waits for the data of another one."""
    tied, vacant = (
        ties(definition, cluster.volumes(definition.name)),
        vacancies(definition, cluster.claims(definition.name)),
    )
    away = [number for number in vacant if tied.get(number, node) != node]
    if not vacant or len(away) < len(vacant):
        return None
    names = ", ".join(f"{InstanceName(definition.name, n)} {_place(tied[n])}" for n in away[:_MOST_NAMED])
    more = len(away) - _MOST_NAMED
    return Hindrance(Bar.VOLUME, f"the data is elsewhere: of {names}{f' and {more} more' if more > 0 else ''}")


def _place(node: str) -> str:
    return "on an unknown node" if node == UNKNOWN else f"on {node}"


def _with_holders(cluster: ClusterView, definition: Definition, node: str, found: Hindrance) -> Hindrance:
    """Return the refusal for a host port with the services that have it."""
    ports = {(port.protocol, port.host) for port in definition.container.host_ports}
    taken: dict[str, list[str]] = {}
    for service in sorted(cluster.layout.placed.get(node, ())):
        other = cluster.services.get(service)
        for port in other.definition.container.host_ports if other is not None else ():
            if (port.protocol, port.host) in ports:
                taken.setdefault(f"{port.host}/{port.protocol}", []).append(str(service))
    texts = [f"host port {port} is taken there by {' and '.join(names)}" for port, names in taken.items()]
    return evolve(found, text="; ".join(texts) or found.text)


_MOST_NAMED = 3


def _one_because(definition: Definition) -> str:
    if definition.placement.one_per_node:
        return "OnePerNode allows no second"
    ports = ",".join(f"{port.host}/{port.protocol}" for port in definition.container.host_ports)
    return f"host port {ports} goes to one instance of a node"
