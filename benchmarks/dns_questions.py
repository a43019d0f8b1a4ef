"""
The questions of ``benchmarks.dns``, and the right answer to each. Pure: chance comes in as a ``Random``.

The right answer is looked up among the records that went into everybody's zone file, so no server, ours included, is
the judge of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count
from random import Random

from attrs import field, frozen

from benchmarks.dns_zone import INSTANCES_OF_SERVICE, PORT, TYPES, Owned
from daprdockr.dns.message.records import SRV, A
from daprdockr.dns.zone.zone import ZONE, Running

SHARES = {"instance": 60, "srv": 25, "service": 10, "absent": 5}
"""Of a hundred questions of the mix. One half of ``srv`` asks for the port of an instance, the other of a service."""

ABSENT = range(INSTANCES_OF_SERVICE + 1, INSTANCES_OF_SERVICE + 5)
"""Numbers that a service does not have now: its instances of yesterday."""

_KINDS = tuple(SHARES)
_WEIGHTS = tuple(SHARES.values())


@frozen
class Question:
    """``name`` is dotted, without its last dot; ``kind`` is A or SRV."""

    name: str
    kind: int = A

    @property
    def line(self) -> str:
        """As dnsperf reads it."""
        return f"{self.name} {TYPES[self.kind]}\n"


@frozen
class Expected:
    """The right answer: NXDOMAIN if it is ``absent``, else NOERROR with these records in any order."""

    absent: bool
    texts: frozenset[str] = frozenset()


@frozen
class Known:
    """The right answers, for one zone."""

    _sets: Mapping[tuple[str, int], frozenset[str]]
    _owners: frozenset[str] = field(repr=False)

    @classmethod
    def of(cls, sets: Iterable[Owned]) -> Known:
        found = {(owned.owner, owned.rrset.type): frozenset(owned.texts) for owned in sets}
        return cls(found, frozenset(owner for owner, _ in found))

    def expected(self, question: Question) -> Expected:
        """:raises ValueError: for a name without such records, which the questions of a benchmark never ask for."""
        if question.name not in self._owners:
            return Expected(absent=True)
        if (question.name, question.kind) not in self._sets:
            raise ValueError(f"{question.name} exists without {TYPES[question.kind]}")
        return Expected(False, self._sets[question.name, question.kind])


def mix(runnings: Sequence[Running], random: Random) -> Iterator[Question]:
    """Questions without end, with the shares of ``SHARES`` and in no order."""
    while True:
        (kind,) = random.choices(_KINDS, _WEIGHTS)
        yield _one(kind, random.choice(runnings), random)


def _one(kind: str, running: Running, random: Random) -> Question:
    instance, service = f"{running.instance}.{ZONE}", f"{running.instance.service}.{ZONE}"
    match kind:
        case "instance":
            return Question(instance)
        case "srv":
            return Question(f"_{PORT}._tcp.{random.choice((instance, service))}", SRV)
        case "service":
            return Question(service)
        case _:
            return Question(f"{random.choice(ABSENT)}.{service}")


def absent(runnings: Sequence[Running]) -> Iterator[Question]:
    """Names without end that nobody has, each once."""
    services = list(dict.fromkeys(running.instance.service for running in runnings))
    for number in count():
        yield Question(f"x{number}.{services[number % len(services)]}.{ZONE}")


def each(sets: Iterable[Owned]) -> Iterator[Question]:
    """A question for each set of addresses or ports that there is."""
    return (Question(owned.owner, owned.rrset.type) for owned in sets if owned.rrset.type in (A, SRV))


def forwarded(sets: Iterable[Owned], random: Random) -> Iterator[Question]:
    """Questions without end for the addresses of the upstream's zone, in no order."""
    names = [owned.owner for owned in sets if owned.rrset.type == A]
    while True:
        yield Question(random.choice(names))
