"""
A list that is asked for page by page, at one revision. Knows how much to ask for, and not how it is sent.

Note [Pages]
    How large values are shows only when they arrive. So a page has so many keys as took few bytes and little time
    before: each page that came quickly doubles the next one, up to ``MOST_KEYS`` and about ``PAGE_BYTES``; one that
    gRPC refuses for its size, or that came slowly, halves it. What holds one list up teaches the next one, too. A
    single key whose value alone is too large is told without it; it does not stand in the way of the others. So is one
    whose value is longer than anything of ours, lest a list of such values fill the memory.

    The time limit of a call is one page's: over a slow link a long list takes longer, and ends. When a page is late, a
    question with a short answer shows whether etcd is away or the page was too large for the link. In that case it is
    asked for again, as a smaller one, down to a single key, which gets ``STRETCH`` times as long: else a list with
    something large in it would begin anew for ever. Only the first page of many keys is not asked for again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from attrs import define, field, frozen

from daprdockr.etcd.conversions import prefix_range, to_seen, without_value
from daprdockr.etcd.stubs import RangeRequest
from daprdockr.model.errors import EtcdTooLarge, EtcdUnavailable
from daprdockr.model.stored.entries import Entry, Listing, Prefixes

FIRST_KEYS = 128
MOST_KEYS = 1024
PAGE_BYTES = 1024 * 1024
STRETCH = 4.0
FEW_BYTES = 64 * 1024
"""A page of fewer bytes that came slowly was not slow because of its size."""


@define(eq=False)
class Pace:
    """
    How many keys the next page is to have. Shared by threads, who at worst ask for a page of another one's size.

    :ivar slow: seconds of a page that should have been smaller.
    """

    slow: float
    keys: int = FIRST_KEYS

    def came(self, count: int, size: int, seconds: float) -> None:
        """A page of so many keys and bytes arrived."""
        wanted = self.keys
        if seconds < self.slow / 2:
            wanted *= 2
        elif seconds > self.slow and size > FEW_BYTES:
            wanted //= 2
        fitting = PAGE_BYTES * count // max(1, size) if count else wanted
        self.keys = max(1, min(wanted, fitting, MOST_KEYS))

    def was_too_large(self, keys: int) -> None:
        """A page of so many keys was refused for its size."""
        self.keys = max(1, keys // 2)

    def was_late(self) -> None:
        """A page did not arrive within its time: it was too large for this link, or etcd is away."""
        self.keys = max(1, self.keys // 4)


@frozen
class Lister:
    """
    :ivar read: sends one ``RangeRequest`` and returns its answer, within so many times its time limit.
    :ivar clock: monotonic seconds.
    """

    read: Callable[[Any, float], Any]
    clock: Callable[[], float]
    pace: Pace = field()

    def all_of(self, prefixes: Prefixes, revision: int = 0) -> Listing:
        """
        :param revision: 0: the present one.
        :raises EtcdError: as ``read`` does; EtcdHistoryLost if the revision was compacted away meanwhile.
        """
        entries: list[Entry] = []
        cluster = 0
        for start, end in map(prefix_range, (prefixes,) if isinstance(prefixes, str) else prefixes):
            for answer, found in self._pages(start, end, revision):
                # The first answer's revision is the one that all others are asked for.
                cluster, revision = answer.header.cluster_id, revision or answer.header.revision
                entries += found
        return Listing(cluster, revision, tuple(entries))

    def _pages(self, start: bytes, end: bytes, revision: int) -> Iterator[tuple[Any, list[Entry]]]:
        more = True
        while more:
            answer, found = self._page(RangeRequest(key=start, range_end=end, revision=revision))
            yield answer, found
            more, revision = answer.more, revision or answer.header.revision
            start = answer.kvs[-1].key + b"\0" if answer.kvs else end

    def _page(self, request: Any) -> tuple[Any, list[Entry]]:
        """The answer, and the entries in it. See Note [Pages]."""
        stretch = 1.0
        while True:
            request.limit = self.pace.keys
            asked = self.clock()
            try:
                answer = self.read(request, stretch)
            except EtcdTooLarge:
                if request.limit == 1:
                    return self._without_value(request)
                self.pace.was_too_large(request.limit)
                continue
            except EtcdUnavailable as error:
                self.pace.was_late()
                if stretch > 1 or not error.sent or not self._is_there(request):
                    raise
                stretch = STRETCH if request.limit == 1 else 1.0
                continue
            self.pace.came(len(answer.kvs), answer.ByteSize(), self.clock() - asked)
            return answer, list(map(to_seen, answer.kvs))

    def _without_value(self, request: Any) -> tuple[Any, list[Entry]]:
        request.keys_only = True
        answer = self.read(request, 1.0)
        return answer, list(map(without_value, answer.kvs))

    def _is_there(self, late: Any) -> bool:
        """Whether etcd answers although a page did not come in time."""
        if late.limit > 1 and not late.revision:
            return False  # nobody answered yet, and to say so at once costs nothing but another try
        brief = RangeRequest(key=late.key, range_end=late.range_end, revision=late.revision, limit=1, keys_only=True)
        try:
            self.read(brief, 1.0)
        except EtcdUnavailable:
            return False
        return True
