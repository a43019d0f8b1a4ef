"""
The upkeep of etcd: which history to forget, and which member to have write its database anew. Decisions, from what the
members say; times are monotonic seconds, and handed in.

Note [What is left to etcd]
    Every etcd that ``init`` or ``--embedded-etcd`` makes compacts by itself, by its flags, and so should any other one.
    A compaction here at a revision that etcd has forgotten is a no-op, so it makes up only for an etcd without such a
    flag: it keeps a day, which no usual setting does. etcd has no such flag for defragmentation, which gives room back
    to the disk.

Note [One member at a time]
    A member answers nothing while it writes its database anew, for about a second per 100 MB. So it is one member at a
    time, the leader last, none while any other one is away or behind, and only if more than half of its database, and
    more than ``LEAST_WASTE``, is unused. A database of which more than ``MOST_COPIED`` is used is left to a person.

Note [Full]
    A database that is as large as its quota takes no writes, so that the cluster stands still; only deletions, leases
    and reads go on. Then all is compacted but the last seconds (who missed more lists again), and each member
    is defragmented, whatever it says of the part it uses: etcd counts that anew only with its next write. The alarm is
    ended when every database is at least a fifth smaller than it was: it would otherwise come back at once. If not,
    the keys themselves take the room, and the log says so. When somebody has deleted some, all is done again.

Note [Another history]
    An etcd that was restored from a backup begins again at a smaller revision. By the revisions of the former history
    its future would be compacted, which etcd refuses, and all that it holds would count as compacted already. So they
    are forgotten as soon as no member is as far as all were before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from attrs import evolve, field, frozen

from daprdockr.model.etcd_look import EtcdLook, MemberStatus

KEPT = 24 * 3600.0
"""Seconds of history that are kept while the database has room."""

KEPT_FULL = 4.0
"""The same when it is full."""

BETWEEN = 3600.0
"""Seconds between two notes of the revision, and so between two compactions."""

LEAST_WASTE, MOST_COPIED = 64 * 2**20, 512 * 2**20
"""See Note [One member at a time]; bytes."""

REST, REST_FULL = 6 * 3600.0, 30.0
"""Seconds in which a member is defragmented at most once: usually, and while etcd is full."""

PAUSE = 600.0
"""Seconds between two defragmentations of whatever members, usually."""

BEHIND = 1000
"""So many revisions behind another one a member is not well."""

SMALL = 0.8
"""See Note [Full]."""


@frozen
class Compact:
    revision: int

    def __str__(self) -> str:
        return f"compact etcd's history up to revision {self.revision}"


@frozen
class Defragment:
    member: int

    def __str__(self) -> str:
        return f"defragment the member {self.member:x} of etcd"


@frozen
class Disarm:
    members: frozenset[int]

    def __str__(self) -> str:
        return "end the alarm of etcd, whose databases have room again"


UpkeepStep = Compact | Defragment | Disarm


@frozen
class Past:
    """
    The past, as seen and done: revisions with their times, oldest first; the last compaction; when each member was last
    defragmented, and after which compaction; the size of the largest database since etcd is full, 0 if it is not.
    """

    seen: tuple[tuple[float, int], ...] = ()
    compacted: int = 0
    defragmented: Mapping[int, tuple[float, int]] = field(factory=dict)
    peak: int = 0

    def with_look(self, look: EtcdLook, now: float) -> Past:
        """Return the past after this answer of the members."""
        if look.statuses and look.newest < self.latest:  # Note [Another history]
            return self._without_revisions().with_look(look, now)
        seen = () if look.full and not self.peak else self.seen
        if not seen or now - seen[-1][0] >= (KEPT_FULL if look.full else BETWEEN):
            seen = (*seen, (now, look.revision))[-2 - int(KEPT / BETWEEN) :]
        return evolve(self, seen=seen, peak=max(self.peak, look.largest) if look.full else 0)

    @property
    def latest(self) -> int:
        """The largest revision that is noted."""
        return max((self.compacted, *(revision for _, revision in self.seen)))

    def _without_revisions(self) -> Past:
        return Past(defragmented={member: (at, -1) for member, (at, _) in self.defragmented.items()}, peak=self.peak)

    def with_done(self, step: UpkeepStep, now: float) -> Past:
        """Return the past after this step."""
        match step:
            case Compact(revision):
                return evolve(self, compacted=revision)
            case Defragment(member):
                return evolve(self, defragmented={**self.defragmented, member: (now, self.compacted)})
        return self

    def before(self, time: float) -> int:
        """Return the youngest revision that had been seen by then, or 0."""
        return max((revision for at, revision in self.seen if at <= time), default=0)


def next_step(look: EtcdLook, past: Past, now: float) -> UpkeepStep | None:
    """Return what to do next; None: nothing for now."""
    if look.corrupt or not look.statuses:
        return None
    oldest = past.before(now - (KEPT_FULL if look.full else KEPT))
    if oldest > past.compacted:
        return Compact(oldest)
    if not look.full:
        return next(_wasteful(look, past, now), None)
    if past.compacted and is_well(look):
        if look.largest <= SMALL * past.peak:
            return Disarm(look.full)
        return next(_unwritten(look, past, now), None)
    return None


def obstacle(look: EtcdLook, past: Past) -> str:
    """Return why a full etcd is left as it is, and what to do; "" if it is not full, or not yet known to stay so."""
    if not look.full:
        return ""
    if look.corrupt:
        return "etcd's database is full, and its members disagree: replace the one that differs first"
    if not is_well(look):
        return "etcd's database is full, and not all of its members are well: start those that are away"
    if past.compacted and all(one.member in past.defragmented for one in look.statuses):
        return (
            "etcd's database is full of keys that are in use: delete some, or raise --quota-backend-bytes of all"
            " members and then run etcdctl alarm disarm"
        )
    return ""


def is_well(look: EtcdLook) -> bool:
    """Return whether all members answered, follow one leader, and have the same revision, more or less."""
    revisions = [one.revision for one in look.statuses]
    leaders = {one.leader for one in look.statuses}
    answered = {one.member for one in look.statuses}
    led = len(leaders) == 1 and 0 not in leaders
    return answered >= look.voters and led and max(revisions) - min(revisions) <= BEHIND


def _wasteful(look: EtcdLook, past: Past, now: float) -> Iterator[Defragment]:
    """See Note [One member at a time]."""
    if not is_well(look) or any(now - at < PAUSE for at, _ in past.defragmented.values()):
        return
    for one in _leader_last(look):
        waste = one.size - one.used
        at, _ = past.defragmented.get(one.member, (now - REST, 0))
        if waste > max(LEAST_WASTE, one.size / 2) and one.used <= MOST_COPIED and now - at >= REST:
            yield Defragment(one.member)


def _unwritten(look: EtcdLook, past: Past, now: float) -> Iterator[Defragment]:
    """Yield the members that were not defragmented since the last compaction. See Note [Full]."""
    for one in _leader_last(look):
        at, after = past.defragmented.get(one.member, (now - REST_FULL, -1))
        if after < past.compacted and now - at >= REST_FULL:
            yield Defragment(one.member)


def _leader_last(look: EtcdLook) -> list[MemberStatus]:
    return sorted(look.statuses, key=lambda one: (one.member == one.leader, one.member))
