"""``status``: the services of the cluster, and everything that is not usable."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.local_agent import local_answer
from daprdockr.cli.request import Request
from daprdockr.model.errors import DaprdockrError
from daprdockr.model.names import one_line

if TYPE_CHECKING:
    from daprdockr.model.seams import Store


class Mute(DaprdockrError):
    """Nodes run, and can claim and report nothing."""


class TakenByOthers(DaprdockrError):
    """Services lack ports or host names, because older ones have them."""


def local_status(request: Request, console: Console) -> bool:
    """
    :raises Mute: as ``status``; and etcd is away, so nobody can claim and report anything.
    :raises TakenByOthers: as ``status``.
    """
    found = local_answer(request, console, "status")
    if found is None:
        return False
    document = found["Document"]
    if request.json:
        console.print_json(document)
    else:
        _print(console, document, found["Header"], found["Cells"])
        if found.get("Etcd"):
            console.say(found["Etcd"])
    if document["Refused"] or found["Mute"]:
        raise Mute(document["Refused"] or "; ".join(found["Mute"]))
    if not found["InTouch"]:
        why = found.get("Trouble", "")  # an older agent does not say it
        raise Mute(": ".join(filter(None, (f"node {found['Node']} is out of touch with etcd", why))))
    _check_taken(document["Services"])
    return True


def status(request: Request, store: Store, console: Console) -> None:
    """
    Print the services, the number of nodes, those on which nothing starts, parts of others that are in trouble,
    certificates that end soon, and values that cannot be read.

    :raises Mute: nodes cannot write to etcd, or doubt it. It comes after everything else.
    :raises RolloutStopped: the rollout of the one service that is meant was reverted, or stands still.
    :raises TakenByOthers: a service lacks a port or host name that an older one has.
    :raises NotFound: there is no such service.
    """
    from daprdockr.cli.snapshot import check_exists, check_rollouts, doubts, snapshot_with_rollouts
    from daprdockr.etcd.trying import refused_to_all
    from daprdockr.model.stored.renewal import read_renewals
    from daprdockr.picture.certificates import certificate_table
    from daprdockr.picture.overview import overview

    only = request.service
    cluster, rollouts = snapshot_with_rollouts(request, store)
    if only is not None:
        check_exists(cluster, only)
    refused, stopped = refused_to_all(store, request.keys), rollouts.stopped(cluster)
    doubted = {node: record.reason for node, record in doubts(request, store).items()}
    place = request.keys.renewals
    certificates = certificate_table(cluster, time.time(), read_renewals(store.list(place).entries, place)).rows
    whole = overview(cluster, refused, doubted, stopped, only, certificates=certificates)
    if request.json:
        console.print_json(whole.write())
    else:
        _print(console, whole.write(), whole.services.header, whole.services.cells)
    if refused or whole.mute:
        raise Mute(refused or "; ".join(whole.mute))
    if only is not None and only in stopped:
        check_rollouts({only: stopped[only]}, (lambda line: None) if request.json else console.say)
    _check_taken(whole.services.rows)


def _check_taken(rows: Sequence[Mapping[str, Any]]) -> None:
    """:param rows: of the table of services; those of an older agent do not have what is taken."""
    lost = [f"{row['Service']}: {one}" for row in rows for one in row.get("Taken", ())]
    if lost:
        more = [f"{len(lost) - _MOST_NAMED} more like it"] if len(lost) > _MOST_NAMED else []
        raise TakenByOthers("; ".join([*lost[:_MOST_NAMED], *more]))


_MOST_NAMED = 3
MOST_SHOWN = 100
"""Certificates, and stored values that cannot be read, as far as people are shown them."""


def _print(console: Console, whole: Mapping[str, Any], header: Sequence[str], cells: Sequence[Sequence[str]]) -> None:
    """:param whole: the form for programs; the table of services is beside it."""
    console.say_doubts(whole["Doubts"])
    console.say(f"nodes: {whole['Nodes']}")
    console.print_table(header, cells)
    for node, reason in whole["Dark"].items():
        console.say(f"nothing starts on {node}: {reason}")
    for node, troubles in whole.get("Ailing", {}).items():  # an older agent has none
        for words in troubles.values():
            console.say(f"node {node}: {words}")
    ending = whole.get("Certificates", {}).items()  # an older agent has none
    _say_first(console, "certificates", [f"certificate {name} {phrase}" for name, phrase in ending])
    broken = whole["Broken"]
    _say_first(console, "not usable", [f"not usable: {one_line(one['Key'])}: {one['Reason']}" for one in broken])


def _say_first(console: Console, subject: str, lines: Sequence[str]) -> None:
    """Print the lines as far as people are shown them, and how many more there are."""
    for line in lines[:MOST_SHOWN]:
        console.say(line)
    if len(lines) > MOST_SHOWN:
        console.say(f"{subject}: {len(lines) - MOST_SHOWN} more: see -o json")


COMMAND = Command(
    name="status",
    usage=(("status [SERVICE]", "services: wanted, running and healthy instances"),),
    run=status,
    local=local_status,
    flags=("o",),
    word="[SERVICE]",
    reference=(
        "services: wanted, running, healthy and current instances, and the reason if something is wrong; those that "
        "lack a port or host name, because an older service has it (exit status 1); "
        "certificates that are missing, end within 14 days, have ended, cannot be used, or that ACME does not give or "
        "renew; "
        "stored values that cannot be read; nodes of which nginx, DNS, the relay of ports, the guard or the disk is in "
        "trouble; nodes that cannot write to etcd, or doubt it (exit status 1). Of one "
        "service also the last lines of the instance for which its rollout was stopped (exit status 1). On a host with "
        "an agent it ends with a line about etcd: members that answer, the size of the database and its quota, the "
        "last compaction, and what is wrong",
    ),
)
