"""
The messages of the agent to the Lua in nginx: routes as JSON, the whole state or its difference from the last one.

Pure. The other end is ``lua/door/control.lua``, which takes over a message and answers with its version.

Note [Versions]
    Each message makes a version, one more than that of nginx. A difference names the version it begins at, and nginx
    refuses it when it holds another one: another writer came in between, or nginx was restarted. Then the whole state
    is sent. So nginx always holds a state that an agent sent, and never a mixture of two.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.proxy.routes import Route


@frozen
class DoorState:
    """
    The locations of each host name, longest path first, and the endpoints of each service, or of one more port of it:
    address (IPv6 in brackets), port, whether it is on this node, and the name of the instance.
    """

    hosts: Mapping[str, tuple[Mapping[str, object], ...]]
    services: Mapping[str, tuple[tuple[str, int, bool, str], ...]]


def door_state(routes: Iterable[Route]) -> DoorState:
    """
    Return the state that nginx should serve.

    :raises BadInput: a route holds a value that ``routes.routing`` never returns, or two routes of a service differ.
    """
    hosts: dict[str, list[Mapping[str, object]]] = {}
    services: dict[str, tuple[tuple[str, int, bool, str], ...]] = {}
    for route in routes:
        service = route.instances
        if services.setdefault(service, route.endpoints) != route.endpoints:
            raise BadInput(f"routes of {service} differ in their instances: give all of them the same")
        hosts.setdefault(route.host_name, []).append(route.location)
    return DoorState({name: _longest_first(found) for name, found in hosts.items()}, services)


def whole(state: DoorState, version: int) -> bytes:
    """Return the message that replaces the state of nginx, whatever that is, by ``state``."""
    return _encode({"version": version, "whole": True, "hosts": state.hosts, "services": state.services})


def difference(before: DoorState, after: DoorState, version: int) -> bytes:
    """Return the message that turns ``before``, which nginx holds as the version before ``version``, into ``after``."""
    return _encode(
        {
            "version": version,
            "from": version - 1,
            "hosts": _changes(before.hosts, after.hosts),
            "services": _changes(before.services, after.services),
        }
    )


def _longest_first(locations: list[Mapping[str, object]]) -> tuple[Mapping[str, object], ...]:
    return tuple(sorted(locations, key=_by_path) if len(locations) > 1 else locations)


def _by_path(location: Mapping[str, object]) -> tuple[int, str]:
    path = str(location["path"])
    return -len(path), path


def _changes(before: Mapping[str, object], after: Mapping[str, object]) -> dict[str, object]:
    gone: dict[str, object] = dict.fromkeys(before.keys() - after.keys())
    return gone | {name: value for name, value in after.items() if before.get(name) != value}


def _encode(message: Mapping[str, object]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()
