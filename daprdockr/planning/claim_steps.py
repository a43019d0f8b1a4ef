# -*- test-case-name: tests.unit.planning.test_plan,tests.unit.planning.test_succession -*-
"""The steps about the claims and successions of instances, as ``steps`` has the others."""

from __future__ import annotations

from attrs import frozen

from daprdockr.model.names import InstanceName
from daprdockr.model.stored.claim import ClaimRecord
from daprdockr.planning.lanes import InLane, Lane


@frozen
class OnClaim(InLane):
    """A step about the claim of an instance."""

    instance: InstanceName

    @property
    def lane(self) -> Lane:
        return Lane("claim", self.instance)


@frozen
class TakeClaim(OnClaim):
    """
    Become the owner of a free instance: create its key under this node's lease. ``volumes`` is the revision of the
    record of its volumes by which that was decided, 0 for none (None: it keeps no data, so it is not compared).
    """

    record: ClaimRecord
    volumes: int | None = None

    def __str__(self) -> str:
        return f"claim {self.instance}"


@frozen
class WriteClaim(OnClaim):
    """
    Report the state of an instance this node owns; compared with ``fence``, the claim's create revision, and with
    ``revision``, that of the last write of it, so that a write which arrives late does not undo a later one.
    """

    record: ClaimRecord
    fence: int
    revision: int

    def __str__(self) -> str:
        because = f" ({self.record.reason})" if self.record.reason else ""
        return f"report that {self.instance} is {self.record.state.value}{because}"


@frozen
class ReleaseClaim(OnClaim):
    """Give up an instance that is not wanted any more; compared with ``fence``."""

    fence: int

    def __str__(self) -> str:
        return f"release {self.instance}"


@frozen
class ReadClaim(OnClaim):
    """Find out whether a write about this instance whose answer was lost has happened."""

    def __str__(self) -> str:
        return f"read the claim of {self.instance}"


@frozen
class TakeSuccession(OnClaim):
    """Become the successor of an instance's owner: create the successor's key under this node's lease."""

    record: ClaimRecord

    def __str__(self) -> str:
        return f"prepare to take over {self.instance}"


@frozen
class Succeed(OnClaim):
    """
    Take the owner's place: one transaction compares both create revisions, the owner's (``owner``, with its
    ``owner_lease``) and ours (``fence``), puts our record and lease into the claim, and deletes the successor's key.
    """

    record: ClaimRecord
    owner: int
    owner_lease: int
    fence: int

    def __str__(self) -> str:
        return f"take over {self.instance}"


@frozen
class DropSuccession(OnClaim):
    """Give up a succession that has become pointless; compared with ``fence``."""

    fence: int

    def __str__(self) -> str:
        return f"no longer take over {self.instance}"


@frozen
class GiveUpSuccession(OnClaim):
    """
    The same, because our copy, of the definition with the digest ``generation``, did not come up in time: it counts as
    a lasting fault of that copy.
    """

    fence: int
    generation: str
    reason: str

    def __str__(self) -> str:
        return f"take over {self.instance}"


ClaimStep = (
    TakeClaim | ReadClaim | WriteClaim | ReleaseClaim | TakeSuccession | Succeed | DropSuccession | GiveUpSuccession
)
