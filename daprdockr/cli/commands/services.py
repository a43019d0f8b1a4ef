# -*- test-case-name: tests.unit.cli.commands.test_services -*-
"""``services``: the table of services alone, which fails for no trouble of the cluster."""

from __future__ import annotations

from typing import TYPE_CHECKING

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.local_agent import show_local
from daprdockr.cli.request import Request

if TYPE_CHECKING:
    from daprdockr.model.seams import Store


def local_services(request: Request, console: Console) -> bool:
    return show_local(request, console, "services") is not None


def services(request: Request, store: Store, console: Console) -> None:
    """
    :raises NotFound: there is no such service. :raises BadInput: its definition cannot be read.
    """
    from daprdockr.cli.snapshot import check_exists, show, snapshot_with_rollouts
    from daprdockr.picture.services import service_table

    cluster, rollouts = snapshot_with_rollouts(request, store)
    if request.service is not None:
        check_exists(cluster, request.service)
    show(request, console, service_table(cluster, rollouts.stopped(cluster), request.service))


COMMAND = Command(
    name="services",
    usage=(("services [SERVICE]", "services: wanted and running instances, as a table alone"),),
    run=services,
    local=local_services,
    flags=("o",),
    word="[SERVICE]",
    reference=(
        "services: the rows of ``status``, without what is said of the cluster, and without its exit status: for"
        " programs",
    ),
)
