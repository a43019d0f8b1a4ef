"""
Judges a run by its history, and by nothing else.

    for violation in check(history.read(path)):
        print(violation)

It is independent: it imports nothing of what it checks, and works by rules of its own, from the words of the design.

=================  ===================================================================================================
law                says
=================  ===================================================================================================
``claims``         never two holders of an instance at once, in etcd's order: ``laws_claims``
``stops``          no container is stopped, or restarted, without a cause: ``laws_stops``
``partition``      with ``OnPartition: stop`` two copies never run at the same time: ``laws_partition``
``rollouts``       rollouts hold to their slots, take no instance out, and go on: ``laws_slots``, ``laws_rollouts``,
                   ``laws_going_on``
``settled``        after each fault all is well again in time: ``laws_settled``
``agreement``      then ``status``, ``ps``, JSON, metrics and page say what etcd and the Engines have:
                   ``laws_agreement``
``names``          DNS never names a host that has been dead for more than TTL + 2 s: ``laws_names``
``history``        the history is whole, and the checker understands it: here, and where its lines are read
=================  ===================================================================================================

The events of a run are known from three kinds of witnesses. etcd's order is exact, its lines are late; an Engine's
times are exact, but a harmed one is silent or late; and the suite writes down what it does before it does it. Each law
states what it takes for certain. Where the witnesses leave the order of two things open the law assumes the innocent
one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from tests.chaos.evidence import Seen, Setting, Violation, numbered
from tests.chaos.evidence_etcd import Timelines, changes, holes
from tests.chaos.evidence_harms import harms, unknown_harms
from tests.chaos.evidence_runs import runs
from tests.chaos.evidence_wishes import Digests, Wishes
from tests.chaos.history import Line
from tests.chaos.laws_agreement import agreement
from tests.chaos.laws_claims import claims
from tests.chaos.laws_going_on import going_on
from tests.chaos.laws_names import Names
from tests.chaos.laws_partition import partition
from tests.chaos.laws_rollouts import Rollouts
from tests.chaos.laws_settled import settled, witnessed
from tests.chaos.laws_slots import kept_by_the_dead, slots
from tests.chaos.laws_stops import Stops

__all__ = ["Violation", "check"]


def check(lines: Iterable[Line]) -> list[Violation]:
    """All violations, in the order of time. The lines come in the order of the file."""
    seen = numbered(lines)
    try:
        setting = Setting.of(seen)
    except ValueError as error:
        return [Violation(0.0, "history", str(error))]
    return sorted(_violations(seen, setting))


def _violations(seen: Sequence[Seen], setting: Setting) -> Iterator[Violation]:
    done = harms(seen, setting.members)
    away = done.away()
    ordered = changes(seen, away)
    timelines = Timelines.of(ordered)
    lives = runs(seen, done)
    wishes = Wishes(timelines, setting.services, setting.silence)
    yield from unknown_harms(seen)
    yield from witnessed(seen, setting)
    yield from holes(timelines)
    yield from claims(ordered)
    digests = Digests.of(lives, wishes, seen)
    stops = Stops(setting, done, away, timelines, wishes, lives, digests)
    yield from stops()
    yield from partition(lives, wishes)
    yield from slots(ordered, wishes, setting.silence)
    yield from kept_by_the_dead(ordered, done, away, setting)
    yield from going_on(ordered, done, away, setting)
    yield from Rollouts(stops, digests, seen)()
    yield from settled(seen, setting)
    yield from agreement(seen)
    yield from Names(setting, done, away, timelines)(seen)
