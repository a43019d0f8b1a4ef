# -*- test-case-name: tests.unit.cli.commands.test_apply -*-
"""The changes that storing definitions would make: service by service, and instance by instance."""

from __future__ import annotations

import enum
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from attrs import frozen

from daprdockr.model.known.owners import Taken, taken
from daprdockr.model.known.view import ClusterView
from daprdockr.model.names import InstanceName, ServiceName
from daprdockr.model.stored.revisioned import Claim, Service
from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.one_copy import stops_first
from daprdockr.picture.extent import extent, number_of_instances
from daprdockr.picture.history import changes
from daprdockr.planning.candidates import candidates
from daprdockr.planning.fitting import why_nowhere
from daprdockr.planning.keeping.preceding import text_of_runs


class ChangeKind(enum.Enum):
    """The kind of a change."""

    CREATE = "create"
    ROLL = "roll"
    SCALE = "scale"
    CHANGE = "change"
    DELETE = "delete"
    NOTHING = "nothing"


@frozen
class Intent:
    """
    The change of one service. ``before`` is what is stored (None: nothing that can be read), at the mod ``revision`` of
    its key (0: nothing at all); ``wanted`` is to be stored instead (None: to be deleted), and stands in ``place``. Both
    have the stamps of the secrets and files that they use, so that their digests are those in the claims.
    ``fresh``: no container of it was made yet, so none has to be replaced.
    """

    name: ServiceName
    before: Definition | None
    wanted: Definition | None
    revision: int
    place: str = ""
    fresh: bool = False

    @property
    def action(self) -> ChangeKind:
        before, wanted = self.before, self.wanted
        if wanted is None:
            return ChangeKind.DELETE
        if not self.revision:
            return ChangeKind.CREATE
        if self.renews:
            return ChangeKind.CHANGE if self.fresh or wanted.schedule is not None else ChangeKind.ROLL
        if before is not None and before.instances != wanted.instances:
            return ChangeKind.SCALE
        return ChangeKind.NOTHING if before == wanted else ChangeKind.CHANGE

    @property
    def stops_first(self) -> str:
        """Why each old container stops before the new one starts; "" if it does not, or no container is replaced."""
        return stops_first(self.wanted) if self.wanted is not None and self.action is ChangeKind.ROLL else ""

    @property
    def renews(self) -> bool:
        """Whether containers of the stored definition cannot serve the wanted one."""
        before, wanted = self.before, self.wanted
        return bool(self.revision and wanted and (before is None or before.digest != wanted.digest))

    @property
    def changed(self) -> list[str]:
        """The differences by name."""
        if self.before is None or self.wanted is None:
            return []
        return list(changes(self.before, self.wanted))

    def __str__(self) -> str:
        """Return how it is done, behind the word for the action."""
        before, wanted = self.before, self.wanted
        if wanted is None:
            return "all its instances stop" if before is None or before.schedule is None else "its runs stop"
        match self.action:
            case ChangeKind.CREATE:
                return extent(wanted)
            case ChangeKind.SCALE:
                others = [one for one in self.changed if not one.startswith("Instances ")]
                former = 0 if before is None else before.instances
                scaled = "; ".join([f"from {former} to {number_of_instances(wanted.instances)}", *others])
                return f"{scaled}{self._risk(wanted)}"
            case ChangeKind.ROLL:
                order = f"stop-first, because {self.stops_first}" if self.stops_first else "start-first"
                return f"{order}: {self._differences}"
            case ChangeKind.CHANGE:
                return f"{self._effect(wanted)}: {self._differences}{self._risk(wanted)}"
        return ""

    @property
    def _differences(self) -> str:
        return "the stored definition cannot be read" if self.before is None else "; ".join(self.changed)

    def _risk(self, wanted: Definition) -> str:
        """Return what a changed check may do to the containers that run, behind the differences."""
        before = self.before
        if before is None or self.renews or before.check == wanted.check:
            return ""
        if wanted.check.type == "none" or not wanted.instances:
            return ""
        return "; all instances are judged by the changed check at once, and get no requests where it fails"

    def _effect(self, wanted: Definition) -> str:
        """Return when a change counts that replaces no container."""
        before = self.before
        if wanted.schedule is None:
            return "before its first container" if self.renews else "without a restart"
        if before is None or before.schedule is None:
            return f"it becomes {extent(wanted)}"
        again = wanted.schedule.once and text_of_runs(before) != text_of_runs(wanted)
        return "it runs once more" if again else "from its next run on"


def steps(intent: Intent, cluster: ClusterView) -> Iterator[tuple[InstanceName, str]]:
    """Yield the fate of each instance that does not stay as it is."""
    claims = cluster.claims(intent.name)
    wanted = 0 if intent.wanted is None else intent.wanted.instances
    waits = _waits(intent, cluster)
    for number in sorted({*claims, *range(1, wanted + 1)}):
        claim = claims.get(number)
        if step := _step(intent, number, claim, number <= wanted):
            yield InstanceName(intent.name, number), f"{step}{waits if claim is None else ''}"


def _waits(intent: Intent, cluster: ClusterView) -> str:
    """Return why an instance that has no node gets none, behind the word for its step; "" if it gets one."""
    reason = "" if intent.wanted is None else why_nowhere(intent.wanted, candidates(cluster))
    return f" as soon as a node may run it: {reason}" if reason else ""


def _step(intent: Intent, number: int, claim: Claim | None, wanted: bool) -> str:
    if not wanted:
        return f"stops on {claim.node}" if claim is not None else ""
    if claim is None:
        before = intent.before.instances if intent.before is not None else 0
        return "is created" if number > before or intent.renews else ""
    if not intent.renews or intent.wanted is None or claim.record.definition == intent.wanted.digest:
        return ""
    return f"is replaced on {claim.node}" if claim.record.container else f"is created on {claim.node}"


def taken_after(intents: Sequence[Intent], cluster: ClusterView) -> Mapping[ServiceName, Sequence[Taken]]:
    """
    Return what services will lack because an older one has it: those of the intents, and others that do not lack it
    now.
    """
    services = dict(cluster.services)
    for number, intent in enumerate(intents, 1):
        stored = services.pop(intent.name, None)
        if intent.wanted is not None:
            # one that cannot be read was created at its mod revision or before; a new one is younger than all there are
            created = stored.created if stored else intent.revision or cluster.revision + number
            services[intent.name] = Service(intent.wanted, created, intent.revision)
    before, intended = taken(cluster.services.values()), {one.name for one in intents}
    after = {
        name: [one for one in lost if name in intended or one not in before.get(name, ())]
        for name, lost in taken(services.values()).items()
    }
    return {name: lost for name, lost in sorted(after.items()) if lost}


def taken_lines(intents: Sequence[Intent], cluster: ClusterView) -> Iterator[str]:
    """Yield a line for each thing that a service will lack, with what helps."""
    for name, lost in taken_after(intents, cluster).items():
        yield from (f"{name}: {one}: {one.remedy}" for one in lost[:_MOST_TAKEN])
        if len(lost) > _MOST_TAKEN:
            yield f"{name}: {len(lost) - _MOST_TAKEN} more of its ports and host names belong to others"


_MOST_TAKEN = 10


def check_revision(intents: Iterable[Intent]) -> str:
    """Return 12 hex digits that change with what is stored of these services, and with what is wanted of them."""
    facts = [[str(one.name), one.revision, one.wanted.write() if one.wanted else None] for one in intents]
    essence = json.dumps(sorted(facts, key=lambda fact: str(fact[0])), sort_keys=True)
    return hashlib.sha256(essence.encode()).hexdigest()[:12]


def written(intents: Sequence[Intent], cluster: ClusterView) -> dict[str, Any]:
    """Return the form for programs."""
    lost = {str(name): [str(one) for one in of_one] for name, of_one in taken_after(intents, cluster).items()}
    return {"Check": check_revision(intents), "Services": [_row(one, cluster) for one in intents], "Taken": lost}


def _row(intent: Intent, cluster: ClusterView) -> dict[str, Any]:
    return {
        "Service": str(intent.name),
        "Action": intent.action.value,
        "Place": intent.place,
        "StopsFirst": intent.stops_first,
        "Changed": intent.changed,
        "Instances": [{"Instance": str(name), "Step": step} for name, step in steps(intent, cluster)],
    }
