# -*- test-case-name: tests.unit.cli.commands.test_init -*-
"""``invite``: the line by which other hosts join the cluster of this one."""

from __future__ import annotations

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.invitation import invite
from daprdockr.cli.own_agent import record_of
from daprdockr.cli.request import Request
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput, NotFound
from daprdockr.model.seams import Store


def print_invitation(request: Request, store: Store, console: Console) -> None:
    """:raises BadInput, NotFound: this host cannot admit others."""
    part = ClusterFiles(request.state_dir).part()
    if part is None or not part.is_member:
        raise BadInput("this host has no member of etcd: run this on one that has, daprdockrcmd nodes lists them")
    record = record_of(request, store, part.node)
    if record is None:
        raise NotFound(f"the agent of {part.node} does not report: start it first")
    console.say(invite(request, store, part.node, record))


COMMAND = Command(
    name="invite",
    usage=(("invite", "print the line by which other hosts join the cluster of this one"),),
    run=print_invitation,
    reference=(
        "print the line by which other hosts join the cluster; it works for an hour, on a host with a member of etcd",
    ),
)
