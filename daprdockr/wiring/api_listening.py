# -*- test-case-name: tests.unit.wiring.test_api_listening,tests.functional.test_api_door -*-
"""The HTTP listener of an agent, with what it serves."""

from __future__ import annotations

from functools import partial

from twisted.application.internet import TCPServer
from twisted.internet.error import CannotListenError
from twisted.web.resource import Resource

from daprdockr.agent.reporting.conditions import lines
from daprdockr.api.admission import GuardedRoot
from daprdockr.api.bounded_site import BoundedSite
from daprdockr.api.documents import JsonDocument
from daprdockr.api.events import EventsDocument
from daprdockr.api.folder import Folder
from daprdockr.api.healthz import Healthz
from daprdockr.api.metrics import Metrics
from daprdockr.api.openapi import description
from daprdockr.model.errors import BadInput
from daprdockr.wiring.measuring import measured
from daprdockr.wiring.paging import paging, put_page
from daprdockr.wiring.parts import Parts
from daprdockr.wiring.showing import documents


class ApiListener(TCPServer):
    """:raises BadInput: at the start, if the address of ``--api`` cannot be bound."""

    def privilegedStartService(self) -> None:
        try:
            super().privilegedStartService()
        except CannotListenError as error:
            raise BadInput(
                f"--api {error.interface}:{error.port} cannot be listened at ({error.socketError}): free it or name"
                " another"
            ) from error


def api_listener(parts: Parts) -> TCPServer | None:
    """Return the HTTP listener; None where that is off."""
    base = parts.base
    if base.settings.api is None:
        return None
    address, port = base.settings.api
    reactor = base.outside.reactor
    site = BoundedSite(served(parts), reactor=reactor)
    return ApiListener(port, site, interface=address, reactor=reactor)


def served(parts: Parts) -> Resource:
    """Return the tree of resources."""
    token = parts.found.around.api_token
    root = GuardedRoot(lambda: None if token is None else token.value)
    root.putChild(b"healthz", Healthz(partial(lines, parts.judged)))
    root.putChild(b"metrics", Metrics(partial(measured, parts)))
    tables = Folder()
    for name, make in documents(parts.base, parts.found).items():
        tables.putChild(name.encode(), JsonDocument(make))
    page = paging(parts)
    tables.putChild(b"events", EventsDocument(page.recent, parts.base.outside.clocks.wall))
    tables.putChild(b"openapi.json", JsonDocument(description))
    root.putChild(b"api", tables)
    put_page(root, page)
    return root
