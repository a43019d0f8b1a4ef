"""The cluster at a glance: one line, five figures, and what needs a person."""

from __future__ import annotations

from collections.abc import Iterator

from attrs import frozen

from daprdockr.model.stored.rollout import RolloutState
from daprdockr.page.seen import Seen
from daprdockr.page.signs import Badge, Sign, of_certificate, of_gone, of_node, of_service, why_not
from daprdockr.page.views import days, lease_ended, service_href
from daprdockr.picture.etcd_room import room_line
from daprdockr.picture.table import Row

MOST_WORRIES = 12
"""Worries that are written out; the others are counted."""


@frozen
class Worry:
    """Something that needs a person: about what, what is wrong, and where there is more."""

    sign: Sign
    about: str
    text: str
    href: str


@frozen
class Figure:
    """A number of the glance, with what it counts."""

    name: str
    sign: Sign
    value: str
    unit: str


@frozen
class Glance:
    """The top of the page; ``unsaid`` is how many worries are not written out, and ``etcd`` a line about its room."""

    headline: Badge
    figures: tuple[Figure, ...]
    worries: tuple[Worry, ...]
    unsaid: int
    etcd: str = ""


def glance(seen: Seen) -> Glance:
    """Return the top of the page. The worst comes first."""
    found = sorted(_worries(seen), key=lambda worry: -worry.sign.rank)
    if found:
        words = f"{len(found)} things need attention" if len(found) > 1 else "One thing needs attention"
        headline = Badge(found[0].sign, words)
    else:
        headline = Badge(Sign.OK, "All is well")
    kept = tuple(found[:MOST_WORRIES])
    room = seen.overview.etcd
    etcd = room_line(room) if room is not None else ""
    return Glance(headline, tuple(_figures(seen)), kept, len(found) - len(kept), etcd)


def _worries(seen: Seen) -> Iterator[Worry]:
    if not seen.in_touch:
        text = "this agent does not follow etcd now: what you see is the last state that it knew"
        yield Worry(Sign.BAD, f"node {seen.node}", text, "")
    yield from (Worry(Sign.BAD, f"node {seen.node}", text, "") for text in seen.troubles)
    if seen.overview.etcd is not None:
        yield from (Worry(Sign.WARN, "etcd", text, "") for text in seen.overview.etcd.troubles)
    yield from _about_nodes(seen)
    for row in seen.overview.services.rows:
        badge = of_service(row)
        if badge.sign.rank >= Sign.WARN.rank:
            yield Worry(badge.sign, row["Service"], _because(badge, row["Reason"]), service_href(row["Service"]))
    for row in seen.overview.broken:
        yield Worry(Sign.WARN, row["Key"], f"cannot be read: {row['Reason']}", "")
    for row in seen.certificates:
        badge = of_certificate(row)
        if badge.sign.rank >= Sign.WARN.rank:
            text = _because(badge, row["LastError"])
            yield Worry(badge.sign, f"certificate {row['Name']}", text, "#certificates")


def _about_nodes(seen: Seen) -> Iterator[Worry]:
    for known in seen.nodes:
        row = {**known, "Ailing": {}} if known["Node"] == seen.node else known  # this agent's are said at once
        badge = of_node(row)
        if badge.sign.rank >= Sign.WARN.rank and not row["Doubts"]:  # of this agent, among its troubles
            yield Worry(badge.sign, f"node {row['Node']}", why_not(row) or badge.words, f"#node-{row['Node']}")
    for one in seen.gone:
        if not one.is_meant:
            badge = of_gone(one.is_meant)
            yield Worry(badge.sign, f"node {one.name}", f"{badge.words}: {lease_ended(one)}", f"#node-{one.name}")


def _because(badge: Badge, reason: str) -> str:
    """Return what is wrong, with the reason, which may say the same."""
    return reason if reason.startswith(badge.words) else f"{badge.words}: {reason}" if reason else badge.words


def _figures(seen: Seen) -> Iterator[Figure]:
    rows = seen.overview.services.rows
    ready = sum(of_node(row).sign is not Sign.BAD for row in seen.nodes)
    lost = sum(not one.is_meant for one in seen.gone)
    yield _share("Nodes", ready, len(seen.nodes) + lost, "ready")
    well = sum(of_service(row).sign.rank < Sign.WARN.rank for row in rows)
    yield _share("Services", well, len(rows), "well")
    yield _share("Instances", sum(row["Healthy"] for row in rows), sum(row["Wanted"] for row in rows), "healthy")
    rolling = sum(_is_under_way(row) for row in rows)
    stopped = sum(row["Rollout"] is not None for row in rows)
    sign = Sign.BAD if stopped else Sign.BUSY if rolling else Sign.OK
    yield Figure("Rollouts", sign, str(rolling), f"under way{f', {stopped} stopped' if stopped else ''}")
    yield _certificates(seen)


def _is_under_way(row: Row) -> bool:
    """Return whether containers of a service are replaced: also those of a rollout that is reverted."""
    stays = row["Rollout"] is not None and row["Rollout"]["State"] != RolloutState.REVERTED.value
    return bool(row["Current"] < row["Running"]) and not stays


def _share(name: str, some: int, of: int, word: str) -> Figure:
    sign = Sign.IDLE if not of else Sign.OK if some >= of else Sign.WARN if some else Sign.BAD
    return Figure(name, sign, str(some), f"of {of} {word}")


def _certificates(seen: Seen) -> Figure:
    rows = [row for row in seen.certificates if row["Needed"]]
    if not rows:
        return Figure("Certificates", Sign.IDLE, "0", "valid")
    worst = max((of_certificate(row).sign for row in rows), key=lambda sign: sign.rank)
    left = [row["DaysLeft"] for row in rows if row["DaysLeft"] is not None]
    valid = [number for number in left if number >= 0]
    if not left or len(valid) < len(left):
        return Figure("Certificates", worst, str(len(valid)), f"of {len(rows)} valid")
    value, _, unit = days(min(left)).partition(" ")
    return Figure("Certificates", worst, value, f"{unit} until one of {len(left)} ends")
