"""``init``: the first host of a new cluster."""

from __future__ import annotations

import datetime
import socket
import time
from collections.abc import Callable

from attrs import frozen

from daprdockr.arguments.address import default_address, short_host_name
from daprdockr.cli.agent_unit import AgentUnit
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.founding import FirstHost
from daprdockr.cli.invitation import await_agent, invite
from daprdockr.cli.request import Request
from daprdockr.etcd.address import Access
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.errors import BadInput
from daprdockr.model.etcd_member import check_address
from daprdockr.model.seams import Store


@frozen
class Initializing:
    """
    :ivar unit: has the agent run.
    :ivar connect: opens the connection to etcd.
    :ivar clock: monotonic seconds, and ``pause`` blocks for so many.
    """

    request: Request
    host: FirstHost
    unit: AgentUnit
    connect: Callable[[Access], Store]
    clock: Callable[[], float]
    pause: Callable[[float], None]

    def run(self) -> None:
        """:raises DaprdockrError: it is not done, and can be run again."""
        say = self.host.say
        self.host.found()
        self.unit.start()
        access = self.host.files.access()
        if access is None:
            raise BadInput(f"{self.host.files.directory} cannot be read: run this as root")
        store = self.connect(access)
        try:
            say(f"waiting for the agent of {self.host.node}")
            record = await_agent(self.request, store, self.host.node, self.clock, self.pause)
            line = invite(self.request, store, self.host.node, record)
        finally:
            store.close()
        say("the cluster has its first host. On each further host, within an hour:")
        say(line)


def address_of_host(request: Request) -> str:
    """Return the address by which others reach this host. :raises BadInput: HOST_IP names none."""
    return check_address(request.host.partition(",")[0] if request.host else default_address(), "HOST_IP")


def init(request: Request, console: Console) -> None:
    from daprdockr.cli.connect import connect

    host = FirstHost(
        files=ClusterFiles(request.state_dir),
        node=short_host_name(socket.gethostname()),
        address=address_of_host(request),
        now=lambda: datetime.datetime.now(datetime.UTC),
        say=console.say,
    )
    unit = AgentUnit(request.state_dir, console.say)
    Initializing(request, host, unit, connect, time.monotonic, time.sleep).run()


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
