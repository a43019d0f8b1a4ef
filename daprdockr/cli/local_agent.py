"""
Reading from the agent of this machine, which knows the cluster already, instead of from etcd.

It answers on a unix socket that only root, and the agent's user, may open. Where there is none, or it has no answer,
etcd is asked: Note [As etcd would answer] in ``daprdockr.wiring.answering``. This module loads little, because that is
most of the time of a command.
"""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from attrs import evolve

from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.etcd.address import Access

PATIENCE = 2.0
"""Seconds that the agent has for an answer, before etcd is asked."""

MOST = 64 * 1024 * 1024
"""The longest answer."""


def local_answer(request: Request, console: Console, name: str, since: str = "") -> Mapping[str, Any] | None:
    """
    Return the answer of this machine's agent; None: ask etcd. Says whether it is only the last known state.

    :param since: seconds since the epoch, where only what is not older is meant.
    """
    if not request.local or request.access is None:
        return None
    target = _target(request, request.access, name, since)
    try:
        head, _, body = _asked(request.local, target).partition(b"\r\n\r\n")
        found = json.loads(body) if head.split()[1:2] == [b"200"] else None
    except (OSError, ValueError):
        return None
    if not isinstance(found, dict):
        return None
    if not found["InTouch"]:
        console.complain(
            f"etcd is away: this is the last state that the agent of {found['Node']} knows, of revision"
            f" {found['Revision']}"
        )
    return found


def _target(request: Request, access: Access, name: str, since: str) -> str:
    """Return the path and query for a table, with all that makes two answers differ."""
    fields = {
        "prefix": request.keys.prefix,
        "etcd": ",".join(str(endpoint) for endpoint in access.endpoints),
        "service": str(request.service or ""),
        "number": str(request.number),
        "form": "json" if request.json else "table",
        "since": since,
    }
    return f"/tables/{name}?" + "&".join(f"{key}={_quoted(value)}" for key, value in fields.items())


def show_local(request: Request, console: Console, name: str) -> Mapping[str, Any] | None:
    """Print the table of the agent, if there is one; return its answer."""
    found = local_answer(request, console, name)
    if found is not None and request.json:
        console.print_json(found["Rows"])
    elif found is not None:
        console.print_table(found["Header"], found["Cells"])
    return found


def rows_of_agent(request: Request, console: Console, name: str, since: str = "") -> Sequence[Mapping[str, Any]] | None:
    """Return the rows of a table of the agent, in whichever form they are to be printed; None: ask etcd."""
    found = local_answer(evolve(request, json=True), console, name, since)
    return None if found is None else found["Rows"]


def _quoted(text: str) -> str:
    return "".join(f"%{byte:02X}" for byte in text.encode())


def _asked(path: str, target: str) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(PATIENCE)
        connection.connect(path)
        connection.sendall(f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        found = bytearray()
        while data := connection.recv(1 << 18):
            found += data
            if len(found) > MOST:
                raise ValueError("the answer is too long")
        return bytes(found)
