"""
The law ``settled``: after each fault all is well again within the stated time; and the history is that of a whole run.

Each fault that begins is followed by ``settled``, within ``settle_within`` seconds after its heal, and never by
``unsettled``. The run comes to its end, and is settled then. The law ``history`` is about the history itself: a checker
that was shown nothing finds nothing, so there are claims, and containers that start, as soon as there is any service.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from tests.chaos.evidence import Seen, Setting, Violation


def settled(seen: Sequence[Seen], setting: Setting) -> Iterator[Violation]:
    begun: dict[int, Seen] = {}
    for one in seen:
        if one.what == "fault":
            number, phase = int(one.data["number"]), one.data["phase"]
            if phase == "begin":
                begun[number] = one
            elif phase in ("settled", "unsettled"):
                yield from _end(one, begun.pop(number, None), setting)
    for one in begun.values():
        yield _violation(one, "was never told to be over")
    ends = [one for one in seen if one.what == "end"]
    last = seen[-1]
    if not ends:
        yield Violation(last.at, "settled", "the run broke off: it has no end", (last.number,))
    for one in ends:
        if one.data["settled"] is not True:
            yield Violation(one.at, "settled", "the run ended while not all was well", (one.number,))


def _end(one: Seen, begin: Seen | None, setting: Setting) -> Iterator[Violation]:
    seconds = float(one.data.get("seconds", 0.0))
    if one.data["phase"] == "unsettled":
        lacking = one.data.get("lacking", "")
        yield _violation(one, f"was not over {seconds:.1f} s after its heal{': ' * bool(lacking)}{lacking}", begin)
    elif seconds > setting.settle_within:
        yield _violation(one, f"was over only {seconds:.1f} s after its heal, not {setting.settle_within:.0f}", begin)


def _violation(one: Seen, text: str, begin: Seen | None = None) -> Violation:
    numbers = (one.number, *([begin.number] if begin else []))
    return Violation(one.at, "settled", f"fault {one.data['number']} ({one.data['kind']}) {text}", numbers)


def witnessed(seen: Sequence[Seen], setting: Setting) -> Iterator[Violation]:
    """Whether anything was seen that the laws are about."""
    claims = any(one.what == "etcd" and str(one.data["key"]).startswith("instances/") for one in seen)
    starts = any(one.what == "container" and one.data["action"] == "start" for one in seen)
    for found, what in ((claims, "claim in etcd"), (starts, "start of a container")):
        if setting.services and not found:
            yield Violation(seen[-1].at, "history", f"no {what} was seen in the whole run", (seen[-1].number,))
