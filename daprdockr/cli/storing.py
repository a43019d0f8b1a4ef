# -*- test-case-name: tests.unit.cli.test_storing -*-
"""Storing definitions, with a line for each port and host name that a service then lacks."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from daprdockr.cli.console import Console
from daprdockr.cli.definitions import Definitions
from daprdockr.cli.request import Request
from daprdockr.model.errors import EtcdError
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.seams import Store
from daprdockr.model.wanted.definition import Definition
from daprdockr.picture.intent import Intent, taken_lines


@contextmanager
def storing(request: Request, store: Store, console: Console) -> Iterator[Definitions]:
    """Yield what stores definitions; at the end complain of what services lack by then, as ``apply`` does."""
    before = Cluster(request.keys)
    with suppress(EtcdError):  # a user of etcd may have no more than one service
        before.replace(store.list(request.keys.services))
    definitions = Definitions(request, store, time.time)
    try:
        yield definitions
    finally:
        for line in taken_lines([_intent(before, one) for one in definitions.stored], before):
            console.complain(line)


def _intent(before: Cluster, stored: Definition) -> Intent:
    broken = before.broken.get(before.keys.service(stored.name))
    return Intent(stored.name, None, stored, 0 if broken is None else broken.revision)
