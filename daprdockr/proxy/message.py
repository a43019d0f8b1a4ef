"""
The messages of the agent to the Lua in nginx: routes as JSON, the whole state or its difference from the last one.

Pure. The other end is ``lua/door/control.lua``, which takes over a message and answers with its version.

Note [Versions]
    Each message makes a version, one more than that of nginx. A difference names the version it begins at, and nginx
    refuses it when it holds another one: another writer came in between, or nginx was restarted. Then the whole state
    is sent. So nginx always holds a state that an agent sent, and never a mixture of two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from json.encoder import encode_basestring_ascii

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.proxy.routes import Route


@frozen
class DoorState:
    """
    The locations of each host name, longest path first, and the endpoints of each service, or of one more port of it,
    as JSON. A route makes its own text once, so that a message costs little, however many routes there are.
    """

    hosts: Mapping[str, str]
    services: Mapping[str, str]


def door_state(routes: Iterable[Route]) -> DoorState:
    """
    Return the state that nginx should serve.

    :raises BadInput: a route holds a value that ``routes.routing`` never returns, or two routes of a service differ.
    """
    hosts: dict[str, list[Route]] = {}
    services: dict[str, str] = {}
    for route in routes:
        service = route.instances
        if services.setdefault(service, route.endpoints) != route.endpoints:
            raise BadInput(f"routes of {service} differ in their instances: give all of them the same")
        hosts.setdefault(route.host_name, []).append(route)
    return DoorState({name: _locations(found) for name, found in hosts.items()}, services)


def whole(state: DoorState, version: int) -> bytes:
    """Return the message that replaces the state of nginx, whatever that is, by ``state``."""
    return _message(f'"version":{version},"whole":true', state.hosts, state.services)


def difference(before: DoorState, after: DoorState, version: int) -> bytes:
    """Return the message that turns ``before``, which nginx holds as the version before ``version``, into ``after``."""
    hosts, services = _changes(before.hosts, after.hosts), _changes(before.services, after.services)
    return _message(f'"version":{version},"from":{version - 1}', hosts, services)


def _locations(routes: list[Route]) -> str:
    if len(routes) == 1:
        return f"[{routes[0].location}]"
    return f"[{','.join([route.location for route in sorted(routes, key=_longest_first)])}]"


def _longest_first(route: Route) -> tuple[int, str]:
    return -len(route.path), route.path


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    gone = dict.fromkeys(before.keys() - after.keys(), "null")
    return gone | {name: text for name, text in after.items() if before.get(name) != text}


def _message(beginning: str, hosts: Mapping[str, str], services: Mapping[str, str]) -> bytes:
    return f'{{{beginning},"hosts":{_object(hosts)},"services":{_object(services)}}}'.encode()


def _object(members: Mapping[str, str]) -> str:
    return f"{{{','.join([f'{encode_basestring_ascii(name)}:{text}' for name, text in members.items()])}}}"
