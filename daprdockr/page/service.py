"""The page of one service: its instances, why they are not as wanted, what a person can do, and what happened to it."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from daprdockr.page import views
from daprdockr.page.render import written_page
from daprdockr.page.signs import Badge, Sign
from daprdockr.picture.cells import moment
from daprdockr.picture.table import Row
from daprdockr.picture.timeline import Happening
from daprdockr.picture.why import NodeView, Why


@frozen
class ServiceSeen:
    """
    The knowledge of an agent about one service.

    :ivar row: of the table of services.
    :ivar instances: its rows of the table of instances.
    :ivar unread: why what happened is not of now; "" if it is.
    """

    node: str
    time: float
    in_touch: bool
    row: Row
    instances: Sequence[Row]
    why: Why
    happened: Sequence[Happening]
    unread: str


@frozen
class StandingShown:
    """A node, what it has of the service, and why it takes no more."""

    node: str
    badge: Badge
    has: tuple[str, ...]


def service_page(seen: ServiceSeen) -> str:
    """Return the page."""
    return written_page(
        "service.html.j2",
        seen=seen,
        time=moment(seen.time),
        service=views.service(seen.row),
        instances=views.instances(seen.instances),
        standings=[_standing(one) for one in seen.why.standings],
        happened=views.happened(seen.happened, [seen.row]),
    )


def _standing(one: NodeView) -> StandingShown:
    return StandingShown(one.node, Badge(Sign.WARN if one.bar else Sign.OK, one.reason), one.has)
