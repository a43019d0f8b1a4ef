# -*- test-case-name: tests.unit.cli.commands.test_why -*-
"""The answer to ``why`` as people read it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.history import Revision
from daprdockr.picture.cells import moment
from daprdockr.picture.rollouts import story
from daprdockr.picture.runs import last_run, run_text
from daprdockr.picture.table import Row
from daprdockr.picture.why import MOST_TAKEN, InstanceView, NodeView, Why
from daprdockr.picture.wrapped import WIDTH, wrapped

_MOST_NAMED = 3
_WIDEST = 40
"""The widest column of nodes that leaves room for a reason beside it."""
_MOST_QUOTED = 3
"""Instances of which the last lines are shown; those of the others are in ``-o json``."""


def why_lines(cluster: ClusterView, found: Why) -> Iterator[str]:
    """Yield the lines of an answer about a service of this cluster."""
    yield from _runs(cluster, found.service)
    yield from _lines(found)


def _runs(cluster: ClusterView, service: ServiceName) -> Iterator[str]:
    """Yield how the last run of the command before a rollout ended."""
    definition, last = cluster.services[service].definition, last_run(cluster, service)
    if last is not None and definition.runs is not None and definition.schedule is None:
        record = last.record
        on = f" on {record.node}" if record.node else ""
        yield from wrapped(
            f"{run_text(last.number, record.state.value)}{on}{f': {record.reason}' if record.reason else ''}"
        )


def _job(job: Row) -> Iterator[str]:
    """Yield when a job is due, and how its last run ended."""
    due = f"it is due next at {moment(job['Next'])}" if job["Next"] else "it is not due again"
    yield from wrapped(f"{job['Job']} is a job ({job['Schedule']}): {due}")
    if not job["Run"]:
        yield "it had no run yet"
        return
    on = f" on {job['Node']}" if job["Node"] else ""
    at = f", at {moment(job['Ended'])}" if job["Ended"] else ""
    reason = f": {job['Reason']}" if job["Reason"] else ""
    yield from wrapped(f"{run_text(job['Run'], job['State'])}{on}{at}{reason}")


def _lines(found: Why) -> Iterator[str]:
    if found.job is not None:
        yield from _job(found.job)
    yield from _head(found)
    groups = _alike(found.lacking)
    for looks, lack in groups:
        yield from wrapped(f"{_named(looks)} {'is' if len(looks) == 1 else 'are'} {lack}")
    for looks, _ in groups[:_MOST_QUOTED]:
        yield from _last_words(looks, found.known.revision)
    if found.known.rollout is not None:
        yield from wrapped(str(found.known.rollout))
        yield from story(found.known.rollout)
    yield ""
    yield from _nodes(found.standings, "WHY IT RUNS NO MORE OF IT" if found.job is None else "CAN IT TAKE A RUN")
    yield from advice_lines(found.advice)


def _head(found: Why) -> Iterator[str]:
    well = len(found.looks) - len(found.lacking)
    if len(found.looks) == 1 and well:
        yield f"{found.looks[0].name} is well on {found.looks[0].node}"
    elif len(found.looks) != 1 and found.job is None:
        yield f"{found.service}: {well} of {len(found.looks)} instances are as wanted"
    if found.known.revision is not None:
        record = found.known.revision.record
        when = f", stored {moment(record.time)}" if record.time else ""
        yield from wrapped(f"revision {found.known.revision.number}{when}: {record.by}")
    if found.paused:
        yield f"its HTTP requests do not reach it: {found.paused}"
    if found.missing:
        yield from wrapped(f"no new container of it can be created: {found.missing}")
    for one in found.taken[:MOST_TAKEN]:
        yield from wrapped(f"{one}, which was defined first")
    if len(found.taken) > MOST_TAKEN:
        yield f"{len(found.taken) - MOST_TAKEN} more of its ports and host names belong to others"
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


def _last_words(looks: list[InstanceView], present: Revision | None) -> Iterator[str]:
    event = max((look.event for look in looks if look.event is not None), default=None)
    if event is not None:
        is_older = present is not None and event.time < present.record.time
        before = f", before revision {present.number} was stored" if present is not None and is_older else ""
        yield from wrapped(f"last lines of {event.subject}, on {event.node} at {moment(event.time)}{before}:")
        yield from (f"  {line}" for line in event.lines)


def _nodes(standings: Sequence[NodeView], heading: str) -> Iterator[str]:
    if not standings:
        yield "no node has an agent that reports"
        return
    width = max(len("NODE"), *(len(one.node) for one in standings)) + 3
    if width > _WIDEST:
        yield "NODE"
        yield f"    {heading}"
        for one in standings:
            yield one.node
            yield from wrapped(_standing(one), "    ", "    ")
        return
    yield f"{'NODE':<{width}}{heading}"
    for one in standings:
        yield from wrapped(_standing(one), f"{one.node:<{width}}", " " * width)


def _standing(one: NodeView) -> str:
    more = f" and {len(one.has) - _MOST_NAMED} more" if len(one.has) > _MOST_NAMED else ""
    return f"has {', '.join(one.has[:_MOST_NAMED])}{more}; {one.reason}" if one.has else one.reason


def advice_lines(sentences: list[str]) -> Iterator[str]:
    """Yield what a person can do; nothing without any."""
    if sentences:
        yield from ("", "What you can do:")
    for sentence in sentences:
        text, colon, command = sentence.partition(": ")
        if not colon or len(sentence) + 2 <= WIDTH:
            yield from wrapped(sentence, "- ", "  ")
        else:
            yield from wrapped(f"{text}:", "- ", "  ")
            yield f"    {command}"
