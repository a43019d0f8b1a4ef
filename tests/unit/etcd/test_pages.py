"""Tests for daprdockr.etcd.pages, with an etcd in memory whose answers have a size and take time."""

from __future__ import annotations

from typing import Any

from attrs import define, field
from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.conversions import OMITTED
from daprdockr.etcd.pages import FIRST_KEYS, MOST_KEYS, Lister, Pace
from daprdockr.etcd.stubs import RangeResponse, ResponseHeader, kv
from daprdockr.model.errors import EtcdTooLarge, EtcdUnavailable

LIMIT = 1_000_000
"""Bytes of an answer that is not refused."""

PATIENCE = 2.0
"""Seconds after which a call is over."""


@define
class Ranges:
    """Answers ``RangeRequest`` from ``values``; a page takes ``latency``, and more for what it carries."""

    values: dict[bytes, bytes]
    clock: Clock
    latency: float = 0.0
    bytes_a_second: float = 1e9
    stalls: frozenset[int] = frozenset()
    """The numbers of requests that are not answered in time."""
    asked: list[tuple[int, int]] = field(factory=list)
    """The limit and the revision of each request."""

    def __call__(self, request: Any, stretch: float) -> Any:
        self.asked.append((request.limit, request.revision))
        keys = [key for key in sorted(self.values) if request.key <= key < request.range_end]
        shown = keys[: request.limit]
        found = [
            kv.KeyValue(key=key, value=b"" if request.keys_only else self.values[key], mod_revision=7) for key in shown
        ]
        answer = RangeResponse(
            header=ResponseHeader(cluster_id=3, revision=9), kvs=found, more=len(keys) > len(shown), count=len(keys)
        )
        if answer.ByteSize() > LIMIT:
            raise EtcdTooLarge("too large")
        seconds = self.latency + answer.ByteSize() / self.bytes_a_second
        patience = PATIENCE * stretch
        self.clock.advance(min(seconds, patience))
        if seconds > patience or len(self.asked) in self.stalls:
            raise EtcdUnavailable("too late")
        return answer


class ListerTests(SynchronousTestCase):
    """``Lister``."""

    def setUp(self) -> None:
        self.clock = Clock()
        self.ranges = Ranges({}, self.clock)
        self.pace = Pace(slow=PATIENCE / 4)
        self.lister = Lister(self.ranges, self.clock.seconds, self.pace)

    def hold(self, count: int, size: int) -> None:
        self.ranges.values = {b"/a/%05d" % number: b"x" * size for number in range(count)}

    def found(self) -> list[bytes]:
        """The keys of a list, whose values are unchanged unless they are left out."""
        listing = self.lister.all_of(("/a/", "/b/"))
        self.assertEqual((listing.cluster_id, listing.revision), (3, 9))
        for entry in listing.entries:
            self.assertTrue(entry.omitted or entry.value == self.ranges.values[entry.key.encode()])
        return [entry.key.encode() for entry in listing.entries]

    def assert_complete(self) -> None:
        self.assertEqual(self.found(), sorted(self.ranges.values))

    def test_one_revision(self) -> None:
        """The first page says at which revision all others are asked for, of further prefixes too."""
        self.hold(FIRST_KEYS + 1, 10)
        self.assert_complete()
        self.assertEqual([revision for _, revision in self.ranges.asked], [0, 9, 9])

    def test_nothing(self) -> None:
        """A list of nothing is empty, and has a revision."""
        self.assertEqual(self.found(), [])

    def test_quick(self) -> None:
        """Quick small pages grow to the most that one may have; a long list takes few of them."""
        self.hold(10_000, 10)
        self.assert_complete()
        self.assertEqual(max(limit for limit, _ in self.ranges.asked), MOST_KEYS)
        self.assertLess(len(self.ranges.asked), 16)

    def test_distant(self) -> None:
        """Over a round trip of 120 ms a list of 10,000 keys takes longer than one call may, and is complete."""
        self.ranges.latency = 0.12
        self.hold(10_000, 200)
        self.assert_complete()
        self.assertGreater(self.clock.seconds(), PATIENCE / 2)

    def test_very_distant(self) -> None:
        """A link on which every page is slow does not make them ever smaller."""
        self.ranges.latency = PATIENCE / 2
        self.hold(1_000, 10)
        self.assert_complete()
        self.assertEqual({limit for limit, _ in self.ranges.asked}, {FIRST_KEYS})

    def test_narrow(self) -> None:
        """Over a slow link pages become as small as arrives in time."""
        self.ranges.bytes_a_second = 1_000_000
        self.hold(2_000, 4_000)
        self.assert_complete()
        self.assertLess(self.ranges.asked[-1][0] * 4_000, PATIENCE * 1_000_000)

    def test_large(self) -> None:
        """Pages that are refused for their size are halved until they are taken, and stay small."""
        self.hold(100, 40_000)
        self.assert_complete()
        limits = [limit for limit, _ in self.ranges.asked]
        self.assertEqual(limits[:4], [128, 64, 32, 16])
        self.assertEqual(max(limits[4:]), 26)

    def test_suddenly_large(self) -> None:
        """Small values before the large ones do not matter, nor do small ones after them."""
        self.hold(3_000, 10)
        self.ranges.values |= {b"/a/01500-%d" % number: b"x" * 400_000 for number in range(20)}
        self.assert_complete()

    def test_one_too_large(self) -> None:
        """A key whose value no answer can carry is named without it, and the others are complete."""
        self.hold(50, 10)
        self.ranges.values[b"/a/00025"] = b"x" * LIMIT
        listing = self.lister.all_of("/a/")
        self.assertEqual([entry.key.encode() for entry in listing.entries], sorted(self.ranges.values))
        (omitted,) = (entry for entry in listing.entries if entry.omitted)
        self.assertEqual((omitted.key, omitted.value, omitted.mod_revision), ("/a/00025", b"", 7))
        self.assertEqual(omitted.omitted, OMITTED)

    def test_too_late(self) -> None:
        """A page that did not come in time ends the list, and the next list asks for less until it comes."""
        self.ranges.bytes_a_second = 100_000
        self.hold(300, 3_000)
        self.assertRaises(EtcdUnavailable, self.lister.all_of, "/a/")
        self.assert_complete()

    def test_late_once(self) -> None:
        """After others came a page that is late once is asked for again, and no other is."""
        self.hold(10_000, 10)
        self.ranges.stalls = frozenset(range(5, 1000, 5))
        self.assert_complete()
        self.assertEqual({revision for _, revision in self.ranges.asked[1:]}, {9})

    def test_late_twice(self) -> None:
        """When a page is late, and not even a short answer comes, the list ends."""
        self.hold(3_000, 10)
        self.ranges.stalls = frozenset((2, 3))
        self.assertRaises(EtcdUnavailable, self.lister.all_of, "/a/")
        self.assertEqual(len(self.ranges.asked), 3)

    def test_large_behind_small(self) -> None:
        """A list ends whose pages grew while values were small, so that the first of large ones is far too large."""
        self.ranges.bytes_a_second = 100_000
        self.hold(5_000, 10)
        self.ranges.values |= {b"/a/1-%02d" % number: b"x" * 20_000 for number in range(40)}
        self.lister.pace.keys = 1
        self.assert_complete()

    def test_one_slow(self) -> None:
        """A single value that takes longer than a page may is waited for, wherever it stands; others are not."""
        self.ranges.bytes_a_second = 40_000
        for key in (b"/a/00000", b"/a/00025", b"/a/00049"):
            self.hold(50, 10)
            self.ranges.values[key] = b"x" * 200_000
            self.pace.keys = 1
            self.assert_complete()
        self.ranges.values[key] = b"x" * 500_000
        self.assertRaises(EtcdUnavailable, self.lister.all_of, "/a/")

    def test_away(self) -> None:
        """However often etcd did not answer, a page has a key at least, and pages grow again."""
        self.ranges.latency = PATIENCE * 2
        for _ in range(9):
            self.assertRaises(EtcdUnavailable, self.lister.all_of, "/a/")
        self.assertEqual(self.pace.keys, 1)
        self.ranges.latency = 0.0
        self.hold(3_000, 10)
        self.assert_complete()
        self.assertEqual(self.pace.keys, MOST_KEYS)
