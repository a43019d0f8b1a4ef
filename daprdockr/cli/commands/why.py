"""``why``: why a service or an instance does not run as wanted, node by node, and what a person can do."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.local_agent import local_answer
from daprdockr.cli.request import Request

if TYPE_CHECKING:
    from daprdockr.model.known.view import ClusterView
    from daprdockr.model.seams import Store
    from daprdockr.model.wanted.definition import Definition


def local_why(request: Request, console: Console) -> bool:
    found = local_answer(request, console, "why")
    if found is not None and request.json:
        console.print_json(found["Document"])
    elif found is not None:
        for line in found["Lines"]:
            console.say(line)
    return found is not None


def answer(request: Request, store: Store, console: Console) -> None:
    """
    :raises NotFound: there is no such service or instance.
    """
    from daprdockr.cli.snapshot import snapshot_with_rollouts
    from daprdockr.etcd.trying import refused_to_all
    from daprdockr.model.errors import NotFound
    from daprdockr.picture.evidence import evidence_keys, read_evidence
    from daprdockr.picture.why import why
    from daprdockr.picture.why_text import why_lines

    service = request.service
    assert service is not None
    cluster, rollouts = snapshot_with_rollouts(request, store)
    if service not in cluster.services:
        _say_without_definition(cluster, request, console)
        return
    wanted = cluster.services[service].definition
    if request.number > max([wanted.instances, *cluster.claims(service)]):
        raise NotFound(f"{request.number}.{service} does not exist: {service} {_has(wanted)}")
    entries, rollout = store.list(evidence_keys(request.keys, service)).entries, rollouts.stopped(cluster).get(service)
    known = read_evidence(cluster, service, entries, rollout, refused_to_all(store, request.keys))
    found = why(cluster, service, known, request.number or None, now=time.time())
    if request.json:
        console.print_json(found.write())
        return
    for line in why_lines(cluster, found):
        console.say(line)


def _has(wanted: Definition) -> str:
    """Return what a service has, as a phrase that continues its name."""
    from daprdockr.picture.extent import number_of_instances

    if wanted.schedule is not None:
        return "is a job, which has runs and no instances"
    return f"wants {number_of_instances(wanted.instances)}"


def _say_without_definition(cluster: ClusterView, request: Request, console: Console) -> None:
    """
    Say why a service without a usable definition does what it does.

    :raises NotFound: there is nothing of it.
    """
    from daprdockr.cli.absent import NoSuchService
    from daprdockr.picture.why_text import advice_lines
    from daprdockr.picture.wrapped import wrapped

    service = request.service
    assert service is not None
    key = request.keys.service(service)
    if cluster.is_held(service):
        text = f"its stored definition is not usable ({cluster.broken[key].reason}), so its containers stay as they are"
        helps = f"store another with -stdin, or go back: daprdockrcmd rollback {service}"
    elif cluster.claims(service):
        text, helps = "it is deleted, and its last instances stop", ""
    else:
        raise NoSuchService(service)
    if request.json:
        console.print_json({"Service": str(service), "Well": False, "Reason": text, "Advice": [helps] if helps else []})
        return
    for line in (*wrapped(f"{service}: {text}"), *advice_lines([helps] if helps else [])):
        console.say(line)


COMMAND = Command(
    name="why",
    usage=(("why INSTANCE|SERVICE", "why it does not run, node by node, and what to do"),),
    run=answer,
    local=local_why,
    flags=("o",),
    word="INSTANCE|SERVICE",
    reference=(
        "what the instances of the service, or the one, lack: the last error, and the last lines that the container"
        " logged; the ports and host names that another service has; each node by name with its own reason for taking"
        " no more of them; a rollout that was reverted or stands still; and what a person can do",
    ),
)
