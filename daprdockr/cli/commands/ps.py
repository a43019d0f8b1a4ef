"""``ps``: instances, their nodes and their states."""

from __future__ import annotations

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import check_exists, show, snapshot
from daprdockr.model.seams import Store
from daprdockr.picture.instances import instance_table


def ps(request: Request, store: Store, console: Console) -> None:
    cluster = snapshot(request, store)
    if request.service is not None and not cluster.claims(request.service):
        check_exists(cluster, request.service)
    show(request, console, instance_table(cluster, request.service))


COMMAND = Command(
    name="ps",
    usage=(("ps [SERVICE]", "instances: where they are and how they are"),),
    run=ps,
    flags=("o",),
    word="[SERVICE]",
    reference=("instances: node, state, host ports, start, and the reason if something is wrong",),
)
