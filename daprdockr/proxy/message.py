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

from attrs import evolve, field, frozen

from daprdockr.model.errors import BadInput
from daprdockr.proxy.routes import Route

MOST_PAGES = 4 * 1024 * 1024
"""The room for pages in nginx's memory for routes, in bytes: they must not displace any route."""


@frozen
class DoorState:
    """
    The locations of each host name, longest path first, and the endpoints of each service, or of one more port of it,
    as JSON; and the pages of the services under maintenance. A route makes its own text once, so that a message costs
    little, however many routes there are.

    :ivar thumbprint: by which challenges of ACME servers are answered; "": they are not; None, in a difference: as
        before.
    """

    hosts: Mapping[str, str]
    services: Mapping[str, str]
    pages: Mapping[str, str] = field(factory=dict)
    thumbprint: str | None = ""


def door_state(routes: Iterable[Route]) -> DoorState:
    """
    Return the state that nginx should serve.

    :raises BadInput: a route holds a value that ``routes.routing`` never returns, or two routes of a service differ.
    """
    hosts: dict[str, list[Route]] = {}
    services: dict[str, str] = {}
    pages: dict[str, str] = {}
    for route in routes:
        service = route.instances
        if services.setdefault(service, route.endpoints) != route.endpoints:
            raise BadInput(f"routes of {service} differ in their instances: give all of them the same")
        hosts.setdefault(route.host_name, []).append(route)
        if route.is_under_maintenance:
            pages[str(route.service)] = route.page
    return DoorState({name: _locations(found) for name, found in hosts.items()}, services, _bounded(pages))


def whole(state: DoorState, version: int) -> bytes:
    """Return the message that replaces the state of nginx, whatever that is, by ``state``."""
    return _message(f'"version":{version},"whole":true', evolve(state, thumbprint=state.thumbprint or None))


def difference(before: DoorState, after: DoorState, version: int) -> bytes:
    """Return the message that turns ``before``, which nginx holds as the version before ``version``, into ``after``."""
    changes = DoorState(
        _changes(before.hosts, after.hosts),
        _changes(before.services, after.services),
        _changes(before.pages, after.pages),
        after.thumbprint if after.thumbprint != before.thumbprint else None,
    )
    return _message(f'"version":{version},"from":{version - 1}', changes)


def _bounded(pages: dict[str, str]) -> dict[str, str]:
    """Return the pages that there is room for; a service without one has the usual answer."""
    room, kept = MOST_PAGES, {}
    for name in sorted(pages):
        room -= len(pages[name])
        if room >= 0:
            kept[name] = pages[name]
    return kept


def _locations(routes: list[Route]) -> str:
    if len(routes) == 1:
        return f"[{routes[0].location}]"
    return f"[{','.join([route.location for route in sorted(routes, key=_longest_first)])}]"


def _longest_first(route: Route) -> tuple[int, str]:
    return -len(route.path), route.path


def _changes(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, str]:
    gone = dict.fromkeys(before.keys() - after.keys(), "null")
    return gone | {name: text for name, text in after.items() if before.get(name) != text}


def _message(beginning: str, state: DoorState) -> bytes:
    pages = f',"pages":{_object(state.pages)}' if state.pages else ""
    challenge = "" if state.thumbprint is None else f',"thumbprint":{encode_basestring_ascii(state.thumbprint)}'
    found = f'"hosts":{_object(state.hosts)},"services":{_object(state.services)}{pages}{challenge}'
    return f"{{{beginning},{found}}}".encode()


def _object(members: Mapping[str, str]) -> str:
    return f"{{{','.join([f'{encode_basestring_ascii(name)}:{text}' for name, text in members.items()])}}}"
