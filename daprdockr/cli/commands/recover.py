"""``recover``: etcd goes on with the member of this host alone, when the others are lost for good."""

from __future__ import annotations

import time
from contextlib import closing
from functools import partial

from daprdockr.cli.agent_unit import AgentUnit
from daprdockr.cli.command import Command
from daprdockr.cli.confirmed import confirm
from daprdockr.cli.console import Console
from daprdockr.cli.own_agent import OwnAgent
from daprdockr.cli.recovering import OwnKnowledge, Recovery
from daprdockr.cli.request import Request
from daprdockr.etcd.address import Access
from daprdockr.etcd.answering import CONNECT_TIMEOUT, listens
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.etcd.etcd_members import EtcdMembers
from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import HostPart, client_url
from daprdockr.process.ending import end_recorded

GRACE = 10.0
"""Seconds that etcd has to end by itself."""


def own_access(files: ClusterFiles, part: HostPart) -> Access:
    """Return the way to the member of this host alone."""
    return Access.parse(client_url(part.address), ca=files.authority, cert=files.agent_certificate, key=files.host_key)


def own_knowledge(access: Access) -> OwnKnowledge:
    """:raises EtcdError: it does not answer."""
    with closing(EtcdMembers(access, CONNECT_TIMEOUT)) as members:
        return OwnKnowledge(members.list(), members.revision())


def recover_cluster(recovery: Recovery, agent: OwnAgent, access: Access, console: Console) -> None:
    """:raises DaprdockrError: it is not done, and can be run again."""
    recovery.explain()
    confirm(agent.request, console, "Type yes to go on: ", "add -yes to go on with this host alone")
    with closing(agent.connect(access)) as store:
        recovery.carry_out(agent, store)


def recover(request: Request, console: Console) -> None:
    from daprdockr.cli.connect import connect

    files = ClusterFiles(request.state_dir)
    part = files.part()
    if part is None or not part.is_member:
        raise BadInput("this host has no member of etcd: run this on a host that has one")
    access = own_access(files, part)
    recovery = Recovery(
        files=files,
        part=part,
        ask=partial(own_knowledge, access),
        listens=listens,
        end=partial(end_recorded, files.etcd_process, GRACE),
        say=console.say,
    )
    unit = AgentUnit(request.state_dir, console.say)
    recover_cluster(recovery, OwnAgent(request, unit, connect, time.monotonic, time.sleep), access, console)


COMMAND = Command(
    name="recover",
    usage=(("recover", "two of three members of etcd lost for good: go on with that of this host alone"),),
    offline=recover,
    flags=("yes", "timeout"),
    reference=(
        "for the day when so many members of etcd are lost for good that the others have no quorum: etcd goes on with"
        " the member of this host alone. Prints which members are given up and from which revision it goes on, and"
        " asks; without a terminal it needs ``-yes``. Refused while another member answers, and where the data of its"
        " own are gone. No container is stopped. New hosts join afterwards",
    ),
)
