# -*- test-case-name: tests.unit.planning.test_etcd_upkeep,tests.unit.picture.test_etcd_room -*-
"""The databases of etcd's members at one moment, as values."""

from __future__ import annotations

from attrs import frozen


@frozen
class MemberStatus:
    """
    One member by its number: the one that it thinks leads (0: none), the revision that it has reached, and the size of
    its database with the part of it that is used, in bytes.
    """

    member: int
    leader: int
    revision: int
    size: int
    used: int


@frozen
class EtcdLook:
    """
    ``voters`` are the members that vote, ``statuses`` those of them that answered; ``full`` have the alarm NOSPACE, and
    ``corrupt`` says that one has the alarm CORRUPT. ``quota`` is the most bytes that a database may have, and
    ``compacted`` the revision up to which history was forgotten, of one member (0: it did not say).
    """

    voters: frozenset[int]
    statuses: tuple[MemberStatus, ...]
    full: frozenset[int] = frozenset()
    corrupt: bool = False
    quota: int = 0
    compacted: int = 0

    @property
    def revision(self) -> int:
        """The revision that all who answered have reached; 0 if nobody did."""
        return min((one.revision for one in self.statuses), default=0)

    @property
    def newest(self) -> int:
        """The revision that one of those who answered has reached; 0 if nobody did."""
        return max((one.revision for one in self.statuses), default=0)

    @property
    def largest(self) -> int:
        """The size of the largest database."""
        return max((one.size for one in self.statuses), default=0)


NEARLY_FULL = 0.8
"""The share of its quota at which a database needs a person, or soon will."""


@frozen
class KnownRoom:
    """
    The members as an agent has seen them, and when in wall-clock seconds; ``compacted_at`` is when it saw a compaction
    last (0: none since it runs).
    """

    look: EtcdLook
    time: float
    compacted_at: float = 0.0

    @property
    def share(self) -> float:
        """The share of its quota that the largest database has; 0: the quota is not known."""
        return self.look.largest / self.look.quota if self.look.quota else 0.0

    @property
    def troubles(self) -> tuple[str, ...]:
        """The troubles that need a person, a line each, the worst first."""
        look = self.look
        silent = len(look.voters) - len(look.statuses)
        found = {
            "its members disagree (alarm CORRUPT): replace the one that differs": look.corrupt,
            "its database is full, and it takes no writes (alarm NOSPACE): the agents' logs say what they do": bool(
                look.full
            ),
            f"its database has {self.share:.0%} of its quota: compact and defragment it, or raise"
            " --quota-backend-bytes": not look.full and self.share >= NEARLY_FULL,
            f"{silent} of its members {'does not answer: start it' if silent == 1 else 'do not answer: start them'}": (
                silent > 0
            ),
        }
        return tuple(line for line, is_so in found.items() if is_so)
