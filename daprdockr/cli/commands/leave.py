"""``leave``: this host leaves its cluster in good order."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import closing
from functools import partial

from daprdockr.arguments.local_reads import CONTAINERS
from daprdockr.cli.agent_unit import AgentUnit
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.leaving import Leaving, clear, for_node
from daprdockr.cli.local_agent import local_answer
from daprdockr.cli.request import Request
from daprdockr.etcd.answering import is_up
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.etcd.etcd_members import EtcdMembers
from daprdockr.etcd.member_change import MemberChanges
from daprdockr.model.errors import BadInput
from daprdockr.process.ending import end_recorded

GRACE = 10.0
"""Seconds that each process has to end by itself."""


def containers(request: Request, console: Console) -> Sequence[str] | None:
    """Return the instances whose containers run on this host; None: its agent does not know, or does not answer."""
    found = local_answer(request, console, CONTAINERS)
    return None if found is None else found["Containers"]


def leave(request: Request, console: Console) -> None:
    from daprdockr.cli.connect import connect

    files = ClusterFiles(request.state_dir)
    part = files.part()
    if part is None:
        console.say("this host is in no cluster of init or join")
        return
    clear_host = partial(clear, files, part, partial(end_recorded, grace=GRACE), console.say)
    unit = AgentUnit(request.state_dir, console.say)
    if files.has_left and not unit.runs:  # else it may have got instances since, as after any other step
        clear_host()
        return
    for step in (Leaving.make_ready, Leaving.go):  # each by the members that the one before it left to ask
        asked = for_node(request, part, files)
        if asked.access is None:
            raise BadInput(f"{files.directory} has no endpoints.json that this user can read: run this as root")
        with closing(connect(asked.access)) as store, closing(EtcdMembers(asked.access)) as members:
            leaving = Leaving(
                request=asked,
                console=console,
                part=part,
                unit=unit,
                changes=MemberChanges(members, partial(is_up, asked.access), time.monotonic, time.sleep),
                containers=partial(containers, asked, console),
                clear=clear_host,
            )
            step(leaving, store)


COMMAND = Command(
    name="leave",
    usage=(("leave", "take this host out of its cluster in good order"),),
    offline=leave,
    flags=("timeout",),
    reference=(
        "take this host out of its cluster: its instances move to others as by ``drain -wait``, the agent ends, its"
        " member of etcd is taken out, nginx, relay, guard and etcd end, and the state directory is emptied, keys and"
        " certificates too. Refused, with nothing changed, where an instance cannot leave, or the members of etcd that"
        " stay would have no quorum. Run again it goes on where it was interrupted",
    ),
)
