"""``init``: the first host of a new cluster."""

from __future__ import annotations

import datetime
import os
import time

from daprdockr.arguments.address import usual_address, usual_node
from daprdockr.cli.agent_unit import AgentUnit
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.founding import FirstHost, refuse_foreign, refuse_without_etcd
from daprdockr.cli.invitation import invite
from daprdockr.cli.other_cluster import warn_of_other_cluster
from daprdockr.cli.own_agent import OwnAgent
from daprdockr.cli.request import Request
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.etcd_member import check_address


def found_cluster(host: FirstHost, agent: OwnAgent) -> None:
    """:raises DaprdockrError: it is not done, and can be run again."""
    host.found()
    agent.unit.start()
    with agent.etcd(host.files) as store:
        host.say(f"waiting for the agent of {host.node}")
        record = agent.awaited(store, host.node)
        line = invite(agent.request, store, host.node, record)
    host.say("the cluster has its first host. On each further host, within an hour:")
    host.say(line)


def address_of_host(request: Request) -> str:
    """
    Return the address by which others reach this host: where it has a part in a cluster already, the one in that.

    :raises BadInput: HOST_IP names none.
    """
    given = request.host.partition(",")[0] if request.host else usual_address(request.state_dir)
    return check_address(given, "HOST_IP")


def init(request: Request, console: Console) -> None:
    from daprdockr.cli.connect import connect

    warn_of_other_cluster(request, console)
    files, address = ClusterFiles(request.state_dir), address_of_host(request)
    if files.part() is None:
        refuse_without_etcd(request.environment.get("PATH", os.defpath))
        refuse_foreign(address)
    host = FirstHost(
        files=files,
        node=usual_node(request.state_dir),
        address=address,
        now=lambda: datetime.datetime.now(datetime.UTC),
        say=console.say,
    )
    unit = AgentUnit(request.state_dir, console.say)
    found_cluster(host, OwnAgent(request, unit, connect, time.monotonic, time.sleep))


COMMAND = Command(
    name="init",
    usage=(("init", "make this host the first of a new cluster, and print the line for the others"),),
    offline=init,
    flags=("timeout",),
    reference=(
        "make this host the first of a cluster: state directory, authority and certificates, cluster key, a member of"
        " etcd, and the unit of systemd (without systemd it prints the command to run). Waits until the agent reports,"
        " and prints the line for other hosts, which works for an hour. Run again it goes on where it was interrupted,"
        " and prints a new line. The address is that of the default route's interface, or HOST_IP",
    ),
)
