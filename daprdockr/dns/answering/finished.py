"""
Finished replies: whole messages by the octets of the query they answer, both without the id.

A reply depends only on the octets of its query, the client's kind and the knowledge about the name. So it is stored
under the first two, and discarded with the third: each reply has an *owner*, and when something about the owner changes
all its replies go. A repeated query is answered by one look-up in a dictionary; all others are no business of this
module. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from daprdockr.dns.message.query import Query
from daprdockr.dns.message.wire import HEADER_SIZE
from daprdockr.dns.zone.zone import Zone

MAX_OCTETS = 32 * 2**20
"""The most octets of all replies together; beyond that all are discarded, and those that are requested come back."""
MAX_EACH = 16384
"""The most octets of all rotations of one reply; those of a larger one are made each time."""
MAX_ABSENT = 8192
"""The most replies to names that do not exist; anybody can invent more, so further ones are not kept."""
OVERHEAD = 250
"""Octets of the objects around one reply, in addition to ``_PER_MESSAGE`` for each of its rotations."""
_PER_MESSAGE = 41
_OPT_SIZE = 11
"""Octets of an OPT record without options."""


Owner = tuple[bytes, ...] | str
"""A service by its labels, the deepest first, or a group by its one label, or one of the following."""
THE_ZONE = "the zone, whose serial number is in all negative answers"
ABSENT = "names that do not exist"
FORWARDED = "replies of upstreams, whose TTLs run down"


class Finished:
    """The replies to clients of one kind; ``replies`` may be read, and remains the same dictionary."""

    def __init__(self, max_octets: int = MAX_OCTETS) -> None:
        self._max_octets = max_octets
        self._queries: dict[Owner, list[bytes]] = {}
        self._octets: dict[Owner, int] = {}
        self.replies: dict[bytes, Sequence[bytes]] = {}
        self.octets = 0

    def put(self, query: bytes, replies: Sequence[bytes], owner: Owner) -> None:
        """
        Store the replies to a query, unless there are too many for names that do not exist.

        :param query: the octets of the query after its id.
        :param replies: each of them answers the query, without the id; together no more than ``MAX_EACH``.
        """
        if query in self.replies or (owner is ABSENT and len(self._queries.get(owner, ())) >= MAX_ABSENT):
            return
        size = len(query) + OVERHEAD + sum(map(len, replies)) + _PER_MESSAGE * len(replies)
        if self.octets + size > self._max_octets:
            self.forget(list(self._queries))
        self.replies[query] = replies
        self._queries.setdefault(owner, []).append(query)
        self._octets[owner] = self._octets.get(owner, 0) + size
        self.octets += size

    def forget(self, owners: Iterable[Owner]) -> None:
        """Discard all replies of these owners."""
        for owner in owners:
            for query in self._queries.pop(owner, ()):
                del self.replies[query]
            self.octets -= self._octets.pop(owner, 0)


def may_be_kept(packet: bytes, query: Query) -> bool:
    """
    Return whether a query may come again: in lower case, and without options of EDNS.

    The others are practically random: a case that was mixed against forgers, or the cookie of a client.
    """
    wire = query.question.wire
    length = HEADER_SIZE + len(wire) + (_OPT_SIZE if query.edns else 0)
    return len(packet) == length and wire[:-4].islower()


def changed(old: Zone, new: Zone) -> list[Owner]:
    """
    Return the owners that changed from one zone to another that was made of it.

    The two zones share everything that did not change, so it is enough to compare identities.
    """
    owners: list[Owner] = [THE_ZONE, ABSENT]
    for label in old.groups.keys() | new.groups.keys():
        before, after = old.groups.get(label), new.groups.get(label)
        if before is after:
            continue
        owners.append((label,))
        services = before.services if before else {}
        others = after.services if after else {}
        names = services.keys() | others.keys()
        owners += [(name, label) for name in names if services.get(name) is not others.get(name)]
    return owners
