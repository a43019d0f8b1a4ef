# -*- test-case-name: tests.unit.cli.commands.test_pause -*-
"""Events that the command line records: the decisions of operators, beside what the agents report."""

from __future__ import annotations

import os
import time

from daprdockr.cli.request import Request
from daprdockr.model.errors import EtcdError
from daprdockr.model.seams import Store
from daprdockr.model.stored.events import Event

LIFE = 3600
"""Seconds after which such an event is gone, as those of the agents."""


def announce(request: Request, store: Store, text: str) -> None:
    """
    Record an event about the service of the request. That etcd does not take it is no failure, because the thing itself
    was done.
    """
    now, host = time.time(), os.uname().nodename
    event = Event(time=now, node=host, subject=str(request.service), text=text)
    try:
        store.put(request.keys.event(host, int(now * 1_000_000)), event.encode(), store.grant(LIFE).id)
    except EtcdError:
        return
