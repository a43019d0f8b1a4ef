"""The five signs of the page, and which of them a node, a service, an instance or a certificate gets."""

from __future__ import annotations

import enum

from attrs import frozen

from daprdockr.model.stored.claim import State
from daprdockr.model.stored.run import RunState
from daprdockr.picture.certificates import CertificateVerdict, verdict
from daprdockr.picture.nodes import COLUMNS as NODE_COLUMNS
from daprdockr.picture.nodes import can_start_nothing
from daprdockr.picture.runs import ENDED_BADLY
from daprdockr.picture.table import Row


class Sign(enum.Enum):
    """A sign, which never stands for something by its colour alone. The members are ordered, the worst last."""

    IDLE = "○"
    OK = "✓"
    BUSY = "…"
    WARN = "!"
    BAD = "✕"

    @property
    def kind(self) -> str:
        """Its name in the style sheet."""
        return self.name.lower()

    @property
    def rank(self) -> int:
        return list(Sign).index(self)


@frozen
class Badge:
    """A sign, and the words for it."""

    sign: Sign
    words: str


_STATES = {
    State.STARTING.value: Badge(Sign.BUSY, "starting"),
    State.PULLING.value: Badge(Sign.BUSY, "pulling its image"),
    State.UNHEALTHY.value: Badge(Sign.BAD, "unhealthy"),
    State.BACKING_OFF.value: Badge(Sign.BAD, "backing off"),
    State.WITHDRAWN.value: Badge(Sign.IDLE, "withdrawn"),
    "waiting": Badge(Sign.WARN, "waiting for a node"),
}
_WHY_NOT = dict(NODE_COLUMNS)["REASON"]


def of_gone(is_meant: bool) -> Badge:
    """Return the badge of a node whose lease has ended."""
    return Badge(Sign.IDLE, "left") if is_meant else Badge(Sign.BAD, "lost")


def of_instance(row: Row) -> Badge:
    """Return the badge of a row of the table of instances."""
    if row["State"] == State.PULLING.value and row["Reason"]:
        return Badge(Sign.BAD, "cannot pull its image")
    if row["State"] != State.RUNNING.value:
        return _STATES.get(row["State"], Badge(Sign.BUSY, row["State"]))
    if not row["Healthy"]:
        return Badge(Sign.BUSY, "running, not healthy yet")
    return Badge(Sign.OK, "healthy") if row["Current"] else Badge(Sign.BUSY, "healthy, of an older definition")


def of_node(row: Row) -> Badge:
    """Return the badge of a row of the table of nodes."""
    if row["Doubts"]:
        return Badge(Sign.BAD, "frozen")
    if can_start_nothing(row):
        return Badge(Sign.BAD, "can start nothing")
    if not row["Ready"]:
        return Badge(Sign.BAD, "not ready")
    if row["Draining"] or row["Cordoned"]:
        return Badge(Sign.WARN, "draining" if row["Draining"] else "cordoned")
    if row["Ailing"]:
        return Badge(Sign.WARN, "ready, in trouble")
    return Badge(Sign.WARN, "ready, with limits") if why_not(row) else Badge(Sign.OK, "ready")


def why_not(row: Row) -> str:
    """Return why a node takes nothing, or not everything, and which of its parts are in trouble; "" if none is."""
    return _WHY_NOT(row)


def of_service(row: Row) -> Badge:
    """Return the badge of a row of the table of services."""
    if row["Schedule"] and not row["Taken"]:
        return _of_job(row)
    wanted, healthy = row["Wanted"], row["Healthy"]
    if wanted and not healthy:
        return Badge(Sign.BAD, "down")
    if row["Rollout"] is not None:
        return Badge(Sign.BAD, f"rollout {row['Rollout']['State']}")
    if row["Paused"] is not None:
        return Badge(Sign.WARN, "under maintenance" if row["Paused"]["Mode"] == "maintenance" else "paused")
    if healthy < wanted:
        return Badge(Sign.WARN, f"{wanted - healthy} missing")
    if row["Taken"]:
        return Badge(Sign.WARN, "lacks a port or host name")
    if row["Current"] < wanted:
        return Badge(Sign.BUSY, "rolling out")
    return Badge(Sign.OK, "healthy") if wanted else Badge(Sign.IDLE, "scaled to none")


def _of_job(row: Row) -> Badge:
    if row["LastRun"] in ENDED_BADLY:
        return Badge(Sign.WARN, "last run did not end well")
    waits = row["LastRun"] == RunState.WAITING.value
    return Badge(Sign.BUSY, "run waits") if waits else Badge(Sign.OK, "job")


_CERTIFICATES = {
    CertificateVerdict.NOT_NEEDED: Badge(Sign.IDLE, "not needed"),
    CertificateVerdict.AWAITED: Badge(Sign.BUSY, "none yet"),
    CertificateVerdict.MISSING: Badge(Sign.BAD, "missing"),
    CertificateVerdict.REFUSED: Badge(Sign.BAD, "cannot be had"),
    CertificateVerdict.USELESS: Badge(Sign.BAD, "of no use"),
    CertificateVerdict.ENDED: Badge(Sign.BAD, "has ended"),
    CertificateVerdict.ENDS_SOON: Badge(Sign.WARN, "ends soon"),
    CertificateVerdict.NOT_RENEWED: Badge(Sign.WARN, "not renewed"),
    CertificateVerdict.VALID: Badge(Sign.OK, "valid"),
}


def of_certificate(row: Row) -> Badge:
    """Return the badge of a row of the table of certificates."""
    return _CERTIFICATES[verdict(row)]
