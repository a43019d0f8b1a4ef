# -*- test-case-name: tests.unit.cli.commands.test_init -*-
"""
The line that admits other hosts: a token, whose digest stands in etcd under a lease of an hour.
``docs/design/joining.rst`` has the way.
"""

from __future__ import annotations

import secrets

from daprdockr.cli.definitions import author
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput
from daprdockr.model.joining import TOKEN_LIFE, JoinToken
from daprdockr.model.seams import Store
from daprdockr.model.session import token_digest
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.token import TokenRecord


def invite(request: Request, store: Store, node: str, record: NodeRecord) -> str:
    """Return the line to type on another host. :raises BadInput: this node takes no sessions."""
    if not record.peer:
        raise BadInput(f"node {node} cannot admit others: its agent has --peer off")
    token = JoinToken(record.peer, record.fingerprint, secrets.token_hex(32))
    invitation = TokenRecord(node, author(request))
    store.put(request.keys.invitation(token_digest(token.secret)), invitation.encode(), store.grant(TOKEN_LIFE).id)
    return f"daprdockrcmd join {token}"
