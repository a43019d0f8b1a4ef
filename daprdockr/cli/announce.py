# -*- test-case-name: tests.unit.cli.commands.test_pause -*-
"""Events that the command line records: the decisions of operators, beside what the agents report."""

from __future__ import annotations

import os
import time

from daprdockr.cli.definitions import author
from daprdockr.cli.request import Request
from daprdockr.model.errors import EtcdError
from daprdockr.model.seams import Store
from daprdockr.model.stored.events import LIFE, Event


def announce(request: Request, store: Store, text: str, subject: str = "") -> None:
    """
    Record an event about ``subject``, or about the service of the request. That etcd does not take it is no failure,
    because the thing itself was done.
    """
    node, about, by = os.uname().nodename, subject or str(request.service), author(request)
    event = Event(time=time.time(), node=node, subject=about, text=text, by=by)
    try:
        store.put(request.keys.event(event.node, event.number), event.encode(), store.grant(LIFE).id)
    except EtcdError:
        return
