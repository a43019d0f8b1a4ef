# -*- test-case-name: tests.unit.cli.test_main -*-
"""``-ip``: the default of ``--host`` for an agent on this host."""

from __future__ import annotations

from pathlib import Path

from daprdockr.arguments.address import default_address, usual_address
from daprdockr.arguments.parameter import host_addresses
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.model.errors import BadInput


def ip(request: Request, console: Console) -> None:
    """:raises BadInput: HOST_IP is no address."""
    addresses = _given(request.host) if request.host else (_usual(request.state_dir),)
    if request.json:
        console.print_json({"Addresses": list(addresses)})
    else:
        console.say(",".join(addresses))


def _given(text: str) -> tuple[str, ...]:
    try:
        return host_addresses(text)
    except BadInput as error:
        raise BadInput(f"HOST_IP: {error}") from None


def _usual(state: Path) -> str:
    try:
        return usual_address(state)
    except BadInput:
        return default_address()  # the files of a cluster are root's, and somebody else asks


COMMAND = Command(
    name="ip",
    usage=(("-ip", "print what --host of an agent here defaults to"),),
    offline=ip,
    flags=("o",),
    reference=("print the default of ``--host`` for an agent on this machine",),
)
