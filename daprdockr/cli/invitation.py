# -*- test-case-name: tests.unit.cli.commands.test_init -*-
"""
The line that admits other hosts: a token, whose digest stands in etcd under a lease of an hour.
``docs/design/joining.rst`` has the way.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable

from daprdockr.cli.definitions import author
from daprdockr.cli.outcome import TimedOut
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput, EtcdUnavailable
from daprdockr.model.joining import TOKEN_LIFE, JoinToken
from daprdockr.model.seams import Store
from daprdockr.model.session import token_digest
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.token import TokenRecord

PAUSE = 0.5
"""Seconds between two questions whether the agent runs."""


def invite(request: Request, store: Store, node: str, record: NodeRecord) -> str:
    """Return the line to type on another host. :raises BadInput: this node takes no sessions."""
    if not record.peer:
        raise BadInput(f"node {node} cannot admit others: its agent has --peer off")
    token = JoinToken(record.peer, record.fingerprint, secrets.token_hex(32))
    invitation = TokenRecord(node, author(request))
    store.put(request.keys.invitation(token_digest(token.secret)), invitation.encode(), store.grant(TOKEN_LIFE).id)
    return f"daprdockrcmd join {token}"


def record_of(request: Request, store: Store, node: str) -> NodeRecord | None:
    """Return the record of a node; None where its agent does not report."""
    entry = store.get(request.keys.node(node))
    return None if entry is None else NodeRecord.decode(entry.value)


def await_agent(
    request: Request, store: Store, node: str, clock: Callable[[], float], pause: Callable[[float], None]
) -> NodeRecord:
    """Return the record of a node as soon as its agent reports. :raises TimedOut: it does not within the timeout."""
    end = clock() + request.timeout
    while True:
        try:
            record = record_of(request, store, node)
        except EtcdUnavailable:
            record = None
        if record is not None:
            return record
        if clock() >= end:
            raise TimedOut(
                f"the agent of {node} does not report after {request.timeout:g} s: start it, and run the same again"
            )
        pause(PAUSE)
