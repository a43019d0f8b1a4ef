"""``trust-etcd``: the operator's word that the agents may believe the history that etcd has now."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.picture import doubts, picture
from daprdockr.cli.request import Request
from daprdockr.model.errors import DaprdockrError
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import InstanceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.doubts import DoubtRecord, encode_trust


class NotConfirmed(DaprdockrError):
    """Nobody said that this is meant."""


@frozen
class Outcome:
    """What becomes of the instances that run on one node that doubts; ``removed`` and ``replaced`` say why."""

    removed: Mapping[str, str] = field(factory=dict)
    replaced: Mapping[str, str] = field(factory=dict)
    kept: tuple[str, ...] = ()
    left_alone: tuple[str, ...] = ()
    """Of another etcd: they run on, unclaimed, until their services are defined here."""


def trust_etcd(request: Request, store: Store, console: Console) -> None:
    """:raises NotConfirmed: nothing was changed."""
    found = doubts(request, store)
    cluster = picture(request, store)
    outcomes = {node: outcome(cluster, node, record) for node, record in found.items()}
    if request.json:
        console.print_json([_row(node, found[node], outcomes[node]) for node in sorted(found)])
    else:
        _show(found, outcomes, console)
    if not found:
        return
    if not request.yes:
        _confirm(request, console)
    store.put(request.keys.trust, encode_trust(record.number for record in found.values()))
    if not request.json:
        console.say(f"{', '.join(sorted(found))}: they go on with this etcd within a minute")


def outcome(cluster: Cluster, node: str, record: DoubtRecord) -> Outcome:
    """What becomes of a node's instances when it believes ``cluster``."""
    if record.identity != cluster.identity:
        return Outcome(left_alone=tuple(sorted(record.instances)))
    removed, replaced, kept = {}, {}, []
    for name, digest in sorted(record.instances.items()):
        instance = InstanceName.parse(name)
        if reason := _why_removed(cluster, node, instance):
            removed[name] = reason
        elif _is_changed(cluster, instance, digest):
            replaced[name] = f"{instance.service} is defined otherwise"
        else:
            kept.append(name)
    return Outcome(removed, replaced, tuple(kept))


def _why_removed(cluster: Cluster, node: str, instance: InstanceName) -> str:
    service = cluster.services.get(instance.service)
    if service is None:
        return "" if cluster.is_held(instance.service) else f"{instance.service} is not defined"
    if instance.number > service.definition.instances:
        return f"{instance.service} has {service.definition.instances} instances"
    claim = cluster.claims(instance.service).get(instance.number)
    other = claim is not None and claim.node != node and claim.record.healthy
    return f"it runs on {claim.node}" if claim is not None and other else ""


def _is_changed(cluster: Cluster, instance: InstanceName, digest: str) -> bool:
    service = cluster.services.get(instance.service)
    return service is not None and service.definition.digest != digest


def _row(node: str, record: DoubtRecord, found: Outcome) -> Mapping[str, object]:
    return {
        "Node": node,
        "Reason": record.reason,
        "Removed": dict(found.removed),
        "Replaced": dict(found.replaced),
        "Kept": list(found.kept),
        "LeftAlone": list(found.left_alone),
        "Untold": record.untold,
    }


def _show(found: Mapping[str, DoubtRecord], outcomes: Mapping[str, Outcome], console: Console) -> None:
    if not found:
        console.say("no agent that runs doubts this etcd")
        return
    for node, record in sorted(found.items()):
        told = outcomes[node]
        console.say(f"{node} doubts this etcd: {record.reason}")
        for name, reason in told.removed.items():
            console.say(f"{node} would remove {name}: {reason}")
        for name, reason in told.replaced.items():
            console.say(f"{node} would replace {name}: {reason}")
        if told.kept:
            console.say(f"{node} would keep {len(told.kept)} others as they are")
        if told.left_alone:
            console.say(f"{node} would leave {len(told.left_alone)} alone, which are of another etcd")
        if record.untold:
            console.say(f"{node} runs {record.untold} more, of which this does not tell")


def _confirm(request: Request, console: Console) -> None:
    if request.json or not console.stdin.isatty():
        raise NotConfirmed("nothing was changed: set what is missing again, or add -yes to go on without it")
    console.stdout.write("Set what is missing again first, or type yes to go on without it: ")
    console.stdout.flush()
    if console.stdin.readline(64).strip() != b"yes":
        raise NotConfirmed("nothing was changed")


COMMAND = Command(
    name="trust-etcd",
    usage=(("trust-etcd", "show what agents that do not believe etcd would stop, and let them go on with it"),),
    run=trust_etcd,
    flags=("yes", "o"),
)
