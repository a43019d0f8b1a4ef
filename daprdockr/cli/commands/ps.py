"""``ps``: instances, where they are and how they are."""

from __future__ import annotations

from daprdockr.cli import views
from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.picture import check_exists, picture, show
from daprdockr.cli.request import Request
from daprdockr.model.seams import Store


def ps(request: Request, store: Store, console: Console) -> None:
    cluster = picture(request, store)
    if request.service is not None and not cluster.claims(request.service):
        check_exists(cluster, request.service)
    show(request, console, views.instances(cluster, request.service))


COMMAND = Command(
    name="ps",
    usage=(("ps [SERVICE]", "instances: where they are and how they are"),),
    run=ps,
    flags=("o",),
    word="SERVICE",
)
