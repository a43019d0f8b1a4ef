# -*- test-case-name: tests.unit.wiring.test_composition,tests.functional.test_api_door -*-
"""The HTTP listener of an agent, with what it serves."""

from __future__ import annotations

from functools import partial

from twisted.application.internet import TCPServer
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
from daprdockr.wiring.measuring import Measured
from daprdockr.wiring.paging import paging, put_page
from daprdockr.wiring.showing import documents


def listener(measured: Measured) -> TCPServer | None:
    """Return the HTTP listener; None where that is off."""
    base = measured.base
    if base.settings.api is None:
        return None
    address, port = base.settings.api
    reactor = base.outside.reactor
    site = BoundedSite(served(measured), reactor=reactor)
    return TCPServer(port, site, interface=address, reactor=reactor)


def served(measured: Measured) -> Resource:
    """Return the tree of resources."""
    token = measured.found.around.api_token
    root = GuardedRoot(lambda: None if token is None else token.value)
    root.putChild(b"healthz", Healthz(partial(lines, measured.judged)))
    root.putChild(b"metrics", Metrics(measured))
    tables = Folder()
    for name, make in documents(measured.base, measured.found).items():
        tables.putChild(name.encode(), JsonDocument(make))
    parts = paging(measured)
    tables.putChild(b"events", EventsDocument(parts.recent, parts.measured.base.outside.clocks.wall))
    tables.putChild(b"openapi.json", JsonDocument(description))
    root.putChild(b"api", tables)
    put_page(root, parts)
    return root
