# -*- test-case-name: tests.unit.cli.commands.test_init,tests.unit.cli.commands.test_invite -*-
"""
The line that admits other hosts: a token, whose digest stands in etcd under a lease of an hour, or until it is taken
back. ``docs/design/joining.rst`` has the way.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence

from daprdockr.cli.definitions import author
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput, NotFound
from daprdockr.model.joining import TOKEN_LIFE, TOKEN_MARK, JoinToken
from daprdockr.model.names import shorten
from daprdockr.model.seams import Store
from daprdockr.model.session import token_digest
from daprdockr.model.stored.entries import Delete
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.token import TokenRecord


def invite(request: Request, store: Store, node: str, record: NodeRecord) -> str:
    """Return the line to type on another host. :raises BadInput: this node takes no sessions."""
    if not record.peer:
        raise BadInput(f"node {node} cannot admit others: its agent has --peer off")
    token = JoinToken(record.peer, record.fingerprint, secrets.token_hex(32))
    invitation = TokenRecord(node, author(request), time.time())
    store.put(request.keys.invitation(token_digest(token.secret)), invitation.encode(), store.grant(TOKEN_LIFE).id)
    return f"daprdockrcmd join {token}"


ALL = "all"
"""In place of an id."""

_FEWEST = 4
"""The fewest digits of an id that a person may give."""


def invitations(request: Request, store: Store) -> dict[str, TokenRecord]:
    """Return the invitations by digest, as far as they can be read."""
    place, found = request.keys.invitation(""), dict[str, TokenRecord]()
    for entry in store.list(place).entries:
        try:
            found[entry.key.removeprefix(place)] = TokenRecord.decode(entry.value)
        except BadInput:
            continue  # no version of ours wrote it, and it admits nobody
    return found


def take_back(request: Request, store: Store, meant: str) -> Sequence[str]:
    """
    Let no host join any more by an invitation; return the digests. Hosts that have joined by it stay.

    :param meant: the first digits of its digest, the token, or ``ALL``.
    :raises BadInput: it can be none of these.
    :raises NotFound: there is no such invitation.
    """
    start = _start(meant)
    found = [digest for digest in invitations(request, store) if digest.startswith(start)]
    if meant != ALL and not found:
        raise NotFound(
            f"there is no invitation {shorten(meant)}: its hour is over, or daprdockrcmd invite ls shows another"
        )
    if meant != ALL and len(found) > 1:
        raise BadInput(f"{shorten(meant)} begins {len(found)} invitations: give more digits")
    for digest in found:
        store.commit([], [Delete(request.keys.invitation(digest))])
    return found


def _start(meant: str) -> str:
    """Return what the digest begins with. :raises BadInput: ``meant`` names none."""
    if meant == ALL:
        return ""
    if meant.startswith(TOKEN_MARK):
        return token_digest(JoinToken.parse(meant).secret)
    if len(meant) < _FEWEST or not set(meant) <= set("0123456789abcdef"):
        raise BadInput(f"{shorten(meant)} is no invitation: give an id that invite ls shows, the token, or {ALL}")
    return meant
