# -*- test-case-name: tests.unit.cli.commands.test_why -*-
"""Why instances of a service do not run, or not as wanted: instance by instance, and node by node."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from attrs import field, frozen

from daprdockr.model.known.owners import Taken, taken
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.events import Event
from daprdockr.model.stored.history import Revision
from daprdockr.model.stored.rollout import RolloutRecord
from daprdockr.model.wanted.definition import Definition
from daprdockr.picture import advice
from daprdockr.picture.cells import moment
from daprdockr.picture.instances import is_current, stopping, unmet
from daprdockr.picture.runs import ENDED_BADLY, job_row
from daprdockr.picture.table import Row
from daprdockr.planning.attempts import ATTEMPTS_KEPT
from daprdockr.planning.candidates import Bar, Candidate, candidate, mark
from daprdockr.planning.placing.refusing import refusal
from daprdockr.planning.placing.tied import ties
from daprdockr.planning.situation import Wanted

MOST_TAKEN = 3
"""Ports and host names of others that people are shown; ``-o json`` has all."""


@frozen
class Evidence:
    """
    The knowledge of a cluster beside its mirror.

    :ivar events: the latest last.
    :ivar rollout: the rollout of the service, if it did not end well.
    :ivar revision: the present definition as a revision.
    :ivar way_back: whether another definition was healthy once.
    :ivar rechecked: whether its ``Health`` alone was changed since it was healthy last.
    :ivar mute: why nodes can do nothing, by name: etcd refuses their writes, or they doubt it.
    """

    events: Sequence[Event] = ()
    rollout: RolloutRecord | None = None
    revision: Revision | None = None
    way_back: bool = False
    rechecked: bool = False
    mute: Mapping[str, str] = field(default=MappingProxyType({}))


@frozen
class InstanceView:
    """An instance: ``lack`` is what it lacks ("": nothing); ``event`` is the latest that has lines of its container."""

    name: InstanceName
    node: str
    lack: str
    advice: str
    event: Event | None

    def write(self) -> Row:
        lines = None if self.event is None else self.event.write()
        return {
            "Instance": str(self.name),
            "Node": self.node,
            "Lack": self.lack,
            "Advice": self.advice,
            "LastWords": lines,
        }


@frozen
class NodeView:
    """A node: the instances of the service that it ``has``, and the ``reason``, of the kind ``bar``, for no more."""

    node: str
    has: tuple[str, ...]
    bar: str
    reason: str
    advice: str

    def write(self) -> Row:
        return {"Node": self.node, "Has": list(self.has), "Bar": self.bar, "Reason": self.reason, "Advice": self.advice}


@frozen
class Why:
    """The whole answer about one service, or one of its instances."""

    definition: Definition
    looks: Sequence[InstanceView]
    standings: Sequence[NodeView]
    known: Evidence
    paused: str = ""
    replaced: Mapping[str, str] = field(default=MappingProxyType({}))
    """By instance: the node that replaces its container now."""
    job: Row | None = None
    """Of a job: when it is due, and its last run."""
    taken: Sequence[Taken] = ()
    """Its ports and host names that an older service has."""
    missing: str = ""
    """The secrets and files that are not set, while no instance lacks them yet."""

    @property
    def service(self) -> ServiceName:
        return self.definition.name

    @property
    def lacking(self) -> list[InstanceView]:
        return [look for look in self.looks if look.lack]

    @property
    def ended_badly(self) -> bool:
        """Whether the last run of the job did not do what it should."""
        return self.job is not None and self.job["State"] in ENDED_BADLY

    @property
    def advice(self) -> list[str]:
        """Advice to a person, each once; about nodes only where an instance needs one."""
        found = [look.advice for look in self.lacking]
        found += [advice.about_missing(self.definition, self.missing)]
        if self.job is not None and self.ended_badly:
            found += advice.about_job(self.definition, self.job)
        if self.known.rollout is not None:
            found += advice.about_rollout(self.service, self.known.rollout, self.known.way_back)
        found += map(advice.about_taken, self.taken[:MOST_TAKEN])
        if (self.job or any(not look.node for look in self.lacking)) and all(
            standing.bar for standing in self.standings
        ):
            found += [standing.advice for standing in self.standings]
            found += [] if self.standings else ["start an agent, or see whether one is frozen: daprdockrcmd status"]
        found += [f"let its HTTP requests through again: daprdockrcmd resume {self.service}"] if self.paused else []
        return list(dict.fromkeys(filter(None, found)))

    def write(self) -> dict[str, Any]:
        """Return the form for programs."""
        known, record = self.known, self.known.revision
        return {
            "Service": str(self.service),
            "Well": not self.lacking and not self.ended_badly and not self.taken,
            "Job": self.job,
            "Instances": [look.write() for look in self.looks],
            "Nodes": [standing.write() for standing in self.standings],
            "Rollout": None if known.rollout is None else known.rollout.write(),
            "Replaced": dict(self.replaced),
            "Paused": self.paused,
            "Taken": [str(one) for one in self.taken],
            "Revision": None
            if record is None
            else {"Number": record.number, "Time": record.record.time, "By": record.record.by},
            "Advice": self.advice,
        }


def why(cluster: ClusterView, service: ServiceName, known: Evidence, only: int | None = None, *, now: float) -> Why:
    """
    Return the answer about a service that has a definition.

    :param only: the number of the one instance that is meant.
    :param now: wall-clock seconds, after which a job is due next.
    """
    wanted = cluster.services[service]
    numbers = range(1, wanted.definition.instances + 1) if only is None else [only]
    lacking = dict([*unmet(cluster, service), *stopping(cluster, service)])
    tied = ties(wanted.definition, cluster.volumes(service))
    looks = [_look(cluster, InstanceName(service, number), lacking, known, tied) for number in numbers]
    job = job_row(cluster, service, now)
    needed = job is not None or any(look.lack and not look.node for look in looks)
    said = {look.node for look in looks if look.lack}
    standings = [
        _standing(cluster, wanted.definition, node, known, needed, node in said) for node in sorted(cluster.nodes)
    ]
    paused = cluster.pauses.get(service)
    slots = sorted(cluster.slots(service).items())
    replaced = {str(slot.record.instance): slot.record.node for _, slot in slots}
    lost = taken(cluster.services.values()).get(service, ())
    missing = "" if job is not None or any(look.lack for look in looks) else Wanted(wanted).missing
    return Why(wanted.definition, looks, standings, known, str(paused or ""), replaced, job, lost, missing)


def _look(
    cluster: ClusterView,
    name: InstanceName,
    lacking: Mapping[InstanceName, str],
    known: Evidence,
    tied: Mapping[int, str],
) -> InstanceView:
    wanted, claim = cluster.services[name.service], cluster.claims(name.service).get(name.number)
    lack = lacking.get(name, "")
    if claim is None:
        home = tied.get(name.number, "")
        helps = advice.about_volumes(name, home, refusal(cluster, wanted.definition, home)) if home else ""
        return InstanceView(name, "", lack, helps, None)
    state, reason = claim.record.state, claim.record.reason
    current, is_wanted = is_current(wanted, claim), name.number <= wanted.definition.instances
    ways = advice.Ways(known.way_back, known.rollout is not None, known.rechecked)
    helps = advice.about_instance(wanted.definition, state, reason, current, ways) if lack and is_wanted else ""
    last = [event for event in known.events if event.subject == str(name) and event.lines] if lack else []
    return InstanceView(name, claim.node, lack, helps, last[-1] if last else None)


def _standing(
    cluster: ClusterView, definition: Definition, node: str, known: Evidence, needed: bool, said: bool
) -> NodeView:
    """
    :param needed: whether an instance has no node.
    :param said: whether the reason of an instance that fails there is said already.
    """
    claims = cluster.claims(definition.name)
    has = tuple(str(claim.instance) for _, claim in sorted(claims.items()) if claim.node == node)
    if node in known.mute:
        return NodeView(node, has, "mute", known.mute[node], "see daprdockrcmd status: a node can do nothing")
    found = refusal(cluster, definition, node)
    if found is None:
        return NodeView(node, has, "", _would(candidate(cluster, node), definition, needed), "")
    reason = found.text
    if found.bar is Bar.FAILING:
        told = [claim.record.reason for claim in claims.values() if claim.node == node and claim.record.fails]
        reason += _failed(known.events, definition, node, told, said)
    return NodeView(node, has, found.bar.value, reason, advice.about_node(found, definition))


def _would(seen: Candidate | None, definition: Definition, needed: bool) -> str:
    if not needed:
        return "could take one more, but no instance waits for a node"
    pulls = seen is not None and mark(definition.image) not in seen.images
    return "can take one" + (", and has to pull the image first" if pulls else "")


def _failed(events: Iterable[Event], definition: Definition, node: str, told: Iterable[str], said: bool) -> str:
    """Return since when and how a service fails on a node, and until when that counts."""
    subjects = {str(definition.name), definition.image}
    troubles = [event for event in events if event.node == node and event.is_trouble]
    about = [one for one in troubles if one.subject in subjects or one.subject.endswith(f".{definition.name}")]
    since = f" since {moment(about[-1].time)}" if about else ""
    reason = "" if said else next(filter(None, told), about[-1].text if about else "")
    counts = f"ranked last until {ATTEMPTS_KEPT / 60:g} minutes pass without a failure"
    return f"{since}{f' ({reason})' if reason else ''}, {counts}"
