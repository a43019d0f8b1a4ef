"""
A list read page by page, at one revision. Decides how much to request, and does not know how requests are sent.

Note [Pages]
    The size of values is known only when they arrive. So the number of keys in a page follows from the pages before it:
    each page that came quickly doubles the next one, up to ``MOST_KEYS`` and about ``PAGE_BYTES``; one that gRPC
    refuses for its size, or that came slowly, halves it. The pace carries over to the next list, too. A single key
    whose value alone is too large is reported without the value, and does not hold up the others. So is a key whose
    value is longer than any of ours, because a list of such values would fill the memory.

    The timeout of a call applies to one page: over a slow link a long list takes longer, and ends. When a page is late,
    a request with a short answer shows whether etcd is away or the page was too large for the link. In the second case
    the page is requested again, as a smaller one, down to a single key, which gets ``STRETCH`` times as long: otherwise
    a list with a large value in it would never end. Only the first page of many keys is not requested again.
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
"""If a page of fewer bytes came slowly, its size was not the reason."""


@define(eq=False)
class Pace:
    """
    The number of keys for the next page. Threads share it, and at worst request a page of another thread's size.

    :ivar slow: the duration in seconds from which on a page should have been smaller.
    """

    slow: float
    keys: int = FIRST_KEYS

    def came(self, count: int, size: int, seconds: float) -> None:
        """Record that a page of so many keys and bytes arrived."""
        wanted = self.keys
        if seconds < self.slow / 2:
            wanted *= 2
        elif seconds > self.slow and size > FEW_BYTES:
            wanted //= 2
        fitting = PAGE_BYTES * count // max(1, size) if count else wanted
        self.keys = max(1, min(wanted, fitting, MOST_KEYS))

    def was_too_large(self, keys: int) -> None:
        """Record that a page of so many keys was refused for its size."""
        self.keys = max(1, keys // 2)

    def was_late(self) -> None:
        """Record that a page did not arrive in time: it was too large for this link, or etcd is away."""
        self.keys = max(1, self.keys // 4)


@frozen
class Lister:
    """
    :ivar read: sends one ``RangeRequest`` and returns its answer, within so many times its timeout.
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
            for answer, page in self._pages(start, end, revision):
                # All other pages are requested at the revision of the first answer.
                cluster, revision = answer.header.cluster_id, revision or answer.header.revision
                entries += page
        return Listing(cluster, revision, tuple(entries))

    def _pages(self, start: bytes, end: bytes, revision: int) -> Iterator[tuple[Any, list[Entry]]]:
        more = True
        while more:
            answer, page = self._page(RangeRequest(key=start, range_end=end, revision=revision))
            yield answer, page
            more, revision = answer.more, revision or answer.header.revision
            start = answer.kvs[-1].key + b"\0" if answer.kvs else end

    def _page(self, request: Any) -> tuple[Any, list[Entry]]:
        """Return the answer and its entries. See Note [Pages]."""
        stretch = 1.0
        while True:
            request.limit = self.pace.keys
            sent = self.clock()
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
            self.pace.came(len(answer.kvs), answer.ByteSize(), self.clock() - sent)
            return answer, list(map(to_seen, answer.kvs))

    def _without_value(self, request: Any) -> tuple[Any, list[Entry]]:
        request.keys_only = True
        answer = self.read(request, 1.0)
        return answer, list(map(without_value, answer.kvs))

    def _is_there(self, late: Any) -> bool:
        """Return whether etcd answers although a page did not come in time."""
        if late.limit > 1 and not late.revision:
            return False  # no answer was received yet, and to report that at once costs nothing but a retry
        brief = RangeRequest(key=late.key, range_end=late.range_end, revision=late.revision, limit=1, keys_only=True)
        try:
            self.read(brief, 1.0)
        except EtcdUnavailable:
            return False
        return True
