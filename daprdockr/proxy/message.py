"""
The messages of the agent to the Lua in nginx: routes as JSON, the whole state or its difference from the last one.

Pure. The other end is ``lua/door/control.lua``, which takes over a message and answers with its version.

Note [Versions]
    Each message makes a version, one more than that of nginx. A difference names the version it begins at, and nginx
    refuses it when it holds another one: another writer came in between, or nginx was restarted. Then the whole state
    is sent. A whole state is refused if nginx holds its version already, or a later one: that message came late, after
    the agent had given up on it. So nginx always holds a state that an agent sent, and never a mixture of two.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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


def changed_state(state: DoorState, before: Sequence[Route], after: Sequence[Route]) -> DoorState:
    """
    Return ``door_state(after)``, from ``state``, that of ``before``, if only routes changed in place: then it costs
    little, however many routes there are. An unchanged route is the same object.

    :raises BadInput: as ``door_state``.
    """
    changes = [(old, new) for old, new in zip(before, after, strict=False) if old is not new]
    if len(before) != len(after) or not all(_is_in_place(old, new) for old, new in changes):
        return door_state(after)
    names, services = {new.host_name for _, new in changes}, {new.instances for _, new in changes}
    part = door_state([one for one in after if one.host_name in names or one.instances in services])
    hosts = {name: part.hosts[name] for name in names}
    return evolve(state, hosts={**state.hosts, **hosts}, services={**state.services, **part.services})


def _is_in_place(old: Route, new: Route) -> bool:
    """Return whether ``new`` leads from the same place to the same service, and neither needs a page."""
    same = (old.host_name, old.path, old.instances) == (new.host_name, new.path, new.instances)
    return same and not old.is_under_maintenance and not new.is_under_maintenance


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
