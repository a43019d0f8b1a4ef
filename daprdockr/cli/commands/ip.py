# -*- test-case-name: tests.unit.cli.test_main -*-
"""``-ip``: the default of ``--host`` for an agent on this host."""

from __future__ import annotations

from daprdockr.arguments.address import default_address
from daprdockr.arguments.parameter import host_addresses
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request


def ip(request: Request, console: Console) -> None:
    """:raises BadInput: HOST_IP is no address."""
    addresses = host_addresses(request.host) if request.host else [default_address()]
    if request.json:
        console.print_json({"Addresses": list(addresses)})
    else:
        console.say(",".join(addresses))


COMMAND = Command(
    name="ip",
    usage=(("-ip", "print what --host of an agent here defaults to"),),
    offline=ip,
    flags=("o",),
    reference=("print the default of ``--host`` for an agent on this machine",),
)
