"""
The differences between Knot's answers and ours that have a reason; ``docs/design/dns.rst`` gives it under their titles.

Each is met as narrowly as it can be: by the question, and by what both say to it.
"""

from __future__ import annotations

from collections.abc import Callable

from attrs import evolve, frozen

from tests.build.dns_octets import ANY, SRV
from tests.rig.dns.questions import TRANSFERS, Asked
from tests.rig.dns.town import Town
from tests.rig.dns.view import View

CD = 0x0010
CLASS_ANY = 255
NAMESERVER_SETS = ({"SOA"}, {"NS"})


@frozen
class Explained:
    """A difference: its title, where it is met, and what is left of both answers when it is taken away."""

    title: str
    applies: Callable[[Asked, View, View], bool]
    even: Callable[[View], View]


def explained(town: Town) -> tuple[Explained, ...]:
    """All of them, in the order in which they are tried."""

    def do_not_fit(asked: Asked, ours: View, theirs: View) -> bool:
        """Both have some of the targets' addresses, and neither has all."""
        targets = {record.split()[-1].rstrip(".") for record in ours.answer}
        addresses = {f"{o}. {ttl} IN {kind} {data}" for o, ttl, kind, data in town.records if o in targets}
        lack = all(view.additional < addresses for view in (ours, theirs))
        return not asked.stream and asked.type in (SRV, ANY) and lack

    return (
        Explained("CD", _cd, lambda view: evolve(view, flags=_without(view.flags, "CD"))),
        Explained("Transfers", _transfer, lambda view: evolve(view, rcode="no transfer")),
        Explained("Type 0", _type_zero, _frame),
        Explained("Class ANY", _class_any, _frame),
        Explained(
            "ANY at the apex", _any_at_apex, lambda view: evolve(view, answer=frozenset(), additional=frozenset())
        ),
        Explained("Additional records", do_not_fit, lambda view: evolve(view, additional=frozenset())),
    )


def _cd(asked: Asked, ours: View, theirs: View) -> bool:
    return bool(asked.flags & CD) and ours.has("CD") and not ours.has("AA") and not theirs.has("CD")


def _transfer(asked: Asked, ours: View, theirs: View) -> bool:
    return asked.type in TRANSFERS and ours.rcode == "REFUSED" and theirs.rcode in ("NOTAUTH", "NOTIMP")


def _type_zero(asked: Asked, ours: View, theirs: View) -> bool:
    return asked.type == 0 and theirs.rcode == "NOTIMP" and not ours.answer


def _class_any(asked: Asked, ours: View, theirs: View) -> bool:
    return asked.klass == CLASS_ANY and asked.inside and ours.rcode == "REFUSED" and theirs.has("AA")


def _any_at_apex(asked: Asked, ours: View, theirs: View) -> bool:
    sets = tuple({record.split()[3] for record in view.answer} for view in (ours, theirs))
    return asked.type == ANY and asked.dotted == "container" and sets == NAMESERVER_SETS


def _frame(view: View) -> View:
    """The parts that are left when the two answer different questions: id, question, flags of the query, EDNS."""
    return View("", _without(view.flags, "AA", "TC"), view.question, opt=view.opt)


def _without(flags: str, *gone: str) -> str:
    return " ".join(flag for flag in flags.split() if flag not in gone)
