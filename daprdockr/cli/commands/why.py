"""``why``: why a service or an instance does not run as wanted, node by node, and what a person can do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from daprdockr.cli.command import Command
from daprdockr.cli.console import Console
from daprdockr.cli.request import Request
from daprdockr.cli.snapshot import snapshot_with_rollouts
from daprdockr.cli.stored import absent
from daprdockr.cli.wrapped import WIDTH, wrapped
from daprdockr.etcd.trying import refused_to_all
from daprdockr.model.errors import NotFound
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import ServiceName
from daprdockr.model.seams import Store
from daprdockr.model.stored.doubts import DoubtRecord
from daprdockr.model.stored.history import Revisions
from daprdockr.model.stored.revisioned import newest_of
from daprdockr.model.stored.rollout import RolloutRecord
from daprdockr.picture.cells import moment
from daprdockr.picture.doubts import read_doubts
from daprdockr.picture.events import read_events
from daprdockr.picture.rollouts import story
from daprdockr.picture.why import Evidence, InstanceView, NodeView, Why, why

_MOST_NAMED = 3
_MOST_QUOTED = 3
"""Instances of which the last lines are shown; those of the others are in ``-o json``."""


def answer(request: Request, store: Store, console: Console) -> None:
    """
    :raises NotFound: there is no such service or instance.
    """
    service = request.service
    assert service is not None
    cluster, rollouts = snapshot_with_rollouts(request, store)
    if service not in cluster.services:
        _say_without_definition(cluster, service, request, console)
        return
    wanted = cluster.services[service].definition
    if request.number > max([wanted.instances, *cluster.claims(service)]):
        raise NotFound(f"{request.number}.{service} does not exist: {service} wants {wanted.instances} instances")
    known = _known(request, store, cluster, rollouts.stopped(cluster).get(service))
    found = why(cluster, service, known, request.number or None)
    if request.json:
        console.print_json(found.write())
        return
    for line in (*_runs(cluster, service), *_lines(found)):
        console.say(line)


def _runs(cluster: Cluster, service: ServiceName) -> Iterator[str]:
    """Yield how the last run of a job ended, or of the command before a rollout."""
    definition, last = cluster.services[service].definition, newest_of(cluster.runs(service))
    if definition.schedule is not None:
        yield f"{service} is a job, which has runs and no instances: daprdockrcmd job history {service}"
    if last is not None and definition.runs is not None:
        record = last.record
        on = f" on {record.node}" if record.node else ""
        yield from wrapped(
            f"run {last.number} is {record.state.value}{on}{f': {record.reason}' if record.reason else ''}"
        )


def _known(request: Request, store: Store, cluster: Cluster, rollout: RolloutRecord | None) -> Evidence:
    keys, service = request.keys, request.service
    assert service is not None
    entries = store.list((keys.doubts, keys.events, keys.history(service))).entries
    history, wanted = Revisions.read(keys, service, entries), cluster.services[service].definition
    present = (one for one in reversed(history.revisions) if one.record.definition == wanted)
    return Evidence(
        events=read_events(entry for entry in entries if entry.key.startswith(keys.events)),
        rollout=rollout,
        revision=next(present, None),
        way_back=history.newest_good(unlike=wanted) is not None,
        mute=_mute(
            cluster,
            refused_to_all(store, request.keys),
            read_doubts((entry for entry in entries if entry.key.startswith(keys.doubts)), keys.doubts),
        ),
    )


def _say_without_definition(cluster: Cluster, service: ServiceName, request: Request, console: Console) -> None:
    """
    Say why a service without a usable definition does what it does.

    :raises NotFound: there is nothing of it.
    """
    key = request.keys.service(service)
    if cluster.is_held(service):
        text = f"its stored definition is not usable ({cluster.broken[key].reason}), so its containers stay as they are"
        helps = f"store another with -stdin, or go back: daprdockrcmd rollback {service}"
    elif cluster.claims(service):
        text, helps = "it is deleted, and its last instances stop", ""
    else:
        raise absent(service)
    if request.json:
        console.print_json({"Service": str(service), "Well": False, "Reason": text, "Advice": [helps] if helps else []})
        return
    for line in (*wrapped(f"{service}: {text}"), *_advice([helps] if helps else [])):
        console.say(line)


def _mute(cluster: Cluster, refused: str, doubts: Mapping[str, DoubtRecord]) -> dict[str, str]:
    """Return why nodes can claim and report nothing, by name."""
    found = {name: node.record.refused or refused for name, node in cluster.nodes.items()}
    found |= {node: f"frozen, it doubts this etcd: {record.reason}" for node, record in doubts.items()}
    return {node: reason for node, reason in found.items() if reason}


def _lines(found: Why) -> Iterator[str]:
    yield from _head(found)
    groups = _alike(found.lacking)
    for looks, lack in groups:
        yield from wrapped(f"{_named(looks)} {'is' if len(looks) == 1 else 'are'} {lack}")
    for looks, _ in groups[:_MOST_QUOTED]:
        yield from _last_words(looks)
    if found.known.rollout is not None:
        yield from wrapped(str(found.known.rollout))
        yield from story(found.known.rollout)
    yield ""
    yield from _nodes(found.standings)
    yield from _advice(found.advice)


def _head(found: Why) -> Iterator[str]:
    well = len(found.looks) - len(found.lacking)
    if len(found.looks) == 1 and well:
        yield f"{found.looks[0].name} is well on {found.looks[0].node}"
    elif len(found.looks) != 1:
        yield f"{found.service}: {well} of {len(found.looks)} wanted instances are well"
    if found.known.revision is not None:
        record = found.known.revision.record
        when = f", stored {moment(record.time)}" if record.time else ""
        yield from wrapped(f"revision {found.known.revision.number}{when}: {record.by}")
    if found.paused:
        yield f"its HTTP requests do not reach it: {found.paused}"
    for instance, node in found.replaced.items():
        yield f"{instance} is being replaced on {node}"


def _alike(looks: list[InstanceView]) -> list[tuple[list[InstanceView], str]]:
    """Return the instances that lack the same, together."""
    found: dict[str, list[InstanceView]] = {}
    for look in looks:
        found.setdefault(look.lack, []).append(look)
    return [(group, lack) for lack, group in found.items()]


def _named(looks: list[InstanceView]) -> str:
    names = [str(look.name) for look in looks[:_MOST_NAMED]]
    more = len(looks) - len(names)
    if more:
        return f"{', '.join(names)} and {more} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


def _last_words(looks: list[InstanceView]) -> Iterator[str]:
    event = max((look.event for look in looks if look.event is not None), default=None)
    if event is not None:
        yield f"last lines of {event.subject}, on {event.node} at {moment(event.time)}:"
        yield from (f"  {line}" for line in event.lines)


def _nodes(standings: Sequence[NodeView]) -> Iterator[str]:
    if not standings:
        yield "no node has an agent that reports"
        return
    width = max(len("NODE"), *(len(one.node) for one in standings)) + 3
    yield f"{'NODE':<{width}}WHY IT RUNS NO MORE OF IT"
    for one in standings:
        more = f" and {len(one.has) - _MOST_NAMED} more" if len(one.has) > _MOST_NAMED else ""
        has = f"has {', '.join(one.has[:_MOST_NAMED])}{more}; " if one.has else ""
        yield from wrapped(f"{has}{one.reason}", f"{one.node:<{width}}", " " * width)


def _advice(sentences: list[str]) -> Iterator[str]:
    if sentences:
        yield from ("", "What you can do:")
    for sentence in sentences:
        text, colon, command = sentence.partition(": ")
        if not colon or len(sentence) + 2 <= WIDTH:
            yield from wrapped(sentence, "- ", "  ")
        else:
            yield from wrapped(f"{text}:", "- ", "  ")
            yield f"    {command}"


COMMAND = Command(
    name="why",
    usage=(("why INSTANCE|SERVICE", "why it does not run, node by node, and what to do"),),
    run=answer,
    flags=("o",),
    word="INSTANCE|SERVICE",
    reference=(
        "what the instances of the service, or the one, lack: the last error, and the last lines that the container"
        " logged; each node by name with its own reason for taking no more of them; a rollout that was reverted or"
        " stands still; and what a person can do",
    ),
)
