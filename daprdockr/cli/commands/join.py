"""``join``: this host becomes a part of a cluster."""

from __future__ import annotations

import os
import time
from pathlib import Path

from daprdockr.arguments.address import usual_node
from daprdockr.cli.agent_unit import AgentUnit
from daprdockr.cli.announce import announce
from daprdockr.cli.command import Command
from daprdockr.cli.commands.init import address_of_host
from daprdockr.cli.console import Console
from daprdockr.cli.founding import InCluster, refuse_foreign, refuse_without_etcd
from daprdockr.cli.joining import JoiningHost, ask_to_join
from daprdockr.cli.other_cluster import warn_of_other_cluster
from daprdockr.cli.own_agent import OwnAgent, record_of
from daprdockr.cli.request import Request
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import HostPart
from daprdockr.model.joining import JoinToken

OTHERWISE = ", or join with -client, as a client of the etcd of other hosts"

BEHIND_ROUTER = (
    ". Behind a router that translates addresses, join without HOST_IP and with -client, and write HOST_IP into the"
    " settings of the agent"
)

MOST_READ = 1024
"""The most bytes that are read as a token."""


def join_cluster(host: JoiningHost, agent: OwnAgent, given: str = "") -> None:
    """
    :param given: the token, where the command line has none.
    :raises DaprdockrError: it is not done, and can be run again.
    """
    token = JoinToken.parse(given or agent.request.words[0])
    was_there = host.files.part() is not None
    part = host.join(token)
    with agent.etcd(host.files) as store:
        if was_there and record_of(agent.request, store, part.node) is not None:
            raise InCluster(f"this host is {part.node} of a cluster already: daprdockrcmd nodes shows it")
        agent.unit.start()
        host.say(f"waiting for the agent of {part.node}")
        agent.awaited(store, part.node)
        announce(agent.request, store, "has joined the cluster", part.node)
    host.say(f"{part.node} is in the cluster{_as_what(part)}")


def _as_what(part: HostPart) -> str:
    if not part.is_member:
        return ", as a client of etcd"
    return ": its member of etcd votes when it has caught up, a second or a fourth one when another host has joined"


def join(request: Request, console: Console) -> None:
    from daprdockr.cli.connect import connect

    warn_of_other_cluster(request, console)
    files, given = ClusterFiles(request.state_dir), given_token(request, console)
    node, address = usual_node(request.state_dir), address_of_host(request)
    if files.part() is None:
        if not request.client:
            refuse_without_etcd(request.environment.get("PATH", os.defpath), OTHERWISE)
        refuse_foreign(address, BEHIND_ROUTER)
    host = JoiningHost(files, node, address, ask_to_join, console.say, request.client)
    unit = AgentUnit(request.state_dir, console.say)
    join_cluster(host, OwnAgent(request, unit, connect, time.monotonic, time.sleep), given)


def given_token(request: Request, console: Console) -> str:
    """
    Return the token in a file or on stdin, where the whole line may stand too; "" if the command line has it.

    :raises BadInput: the file cannot be read.
    """
    if request.token_file:
        try:
            with Path(request.token_file).open("rb") as file:
                line = file.readline(MOST_READ)
        except OSError as error:
            raise BadInput(f"-token-file {request.token_file} cannot be read: {error.strerror}") from None
    elif request.words[0] == "-":
        line = console.stdin.readline(MOST_READ)
    else:
        return ""
    return line.decode("ascii", "replace").strip().rpartition(" ")[2] or "-"


def _check(request: Request) -> None:
    if len(request.words) + bool(request.token_file) != 1:
        raise BadInput("join needs one token: copy the line that daprdockrcmd init or invite printed")


COMMAND = Command(
    name="join",
    usage=(("join TOKEN [-client]", "make this host a part of the cluster that the token is from"),),
    offline=join,
    flags=("timeout", "token-file", "client"),
    word="TOKEN",
    check=_check,
    reference=(
        "make this host a part of the cluster whose ``init`` or ``invite`` printed the token (``-``: a line of stdin,"
        " which no list of processes shows; or ``-token-file``): it makes a private key,"
        " receives certificates and the cluster key, starts a member of etcd (up to five hosts have one, and none"
        " with ``-client``), and waits until its agent reports. Run again it goes on where it was interrupted",
    ),
)
