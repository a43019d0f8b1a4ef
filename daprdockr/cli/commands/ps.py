"""``ps``: instances, their nodes and their states."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.local_agent import show_local
from daprdockr.cli.request import Request

if TYPE_CHECKING:
    from daprdockr.model.seams import Store


def local_ps(request: Request, console: Console) -> bool:
    return show_local(request, console, "ps") is not None


def ps(request: Request, store: Store, console: Console) -> None:
    from daprdockr.cli.snapshot import check_exists, show, snapshot
    from daprdockr.picture.instances import instance_table

    cluster = snapshot(request, store)
    if request.service is not None and not cluster.claims(request.service):
        check_exists(cluster, request.service)
    show(request, console, instance_table(cluster, request.service))


COMMAND = Command(
    name="ps",
    usage=(("ps [SERVICE]", "instances: where they are and how they are"),),
    run=ps,
    local=local_ps,
    flags=("o",),
    word="[SERVICE]",
    reference=("instances: node, state, host ports, start, and the reason if something is wrong",),
)
