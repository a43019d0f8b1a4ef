# -*- test-case-name: tests.unit.planning.test_etcd_upkeep -*-
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
    ``corrupt`` says that one has the alarm CORRUPT.
    """

    voters: frozenset[int]
    statuses: tuple[MemberStatus, ...]
    full: frozenset[int] = frozenset()
    corrupt: bool = False

    @property
    def revision(self) -> int:
        """The revision that all who answered have reached; 0 if nobody did."""
        return min((one.revision for one in self.statuses), default=0)

    @property
    def largest(self) -> int:
        """The size of the largest database."""
        return max((one.size for one in self.statuses), default=0)
