# -*- test-case-name: tests.unit.page.test_render -*-
"""The knowledge of one agent at one time: what the page shows, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence

from attrs import frozen

from daprdockr.picture.overview import Overview
from daprdockr.picture.table import Row
from daprdockr.picture.timeline import Happening


@frozen
class Gone:
    """
    A node whose lease ended at ``time`` (wall-clock seconds), as the agent saw it; ``is_meant`` says that somebody had
    cordoned or drained it.
    """

    name: str
    time: float
    is_meant: bool = False


@frozen
class Seen:
    """
    :ivar node: of the agent that knows it.
    :ivar time: wall-clock seconds.
    :ivar in_touch: whether the agent follows etcd; if not, all is what it knew last.
    :ivar troubles: what is wrong with the agent itself, a line each.
    :ivar gone: the nodes that held a lease lately, and do not any more.
    :ivar happened: the latest first.
    :ivar unread: why the timeline is not of now; "" if it is.
    """

    node: str
    time: float
    in_touch: bool
    troubles: Sequence[str]
    overview: Overview
    nodes: Sequence[Row]
    instances: Sequence[Row]
    certificates: Sequence[Row]
    gone: Sequence[Gone] = ()
    happened: Sequence[Happening] = ()
    unread: str = ""
