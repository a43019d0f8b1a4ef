"""Store and follower when there is much below the prefix, or a long way to it: real etcd."""

from __future__ import annotations

import json
import subprocess
from typing import Any

from daprdockr.etcd.address import Access
from daprdockr.etcd.channel import MAX_MESSAGE
from daprdockr.etcd.conversions import OMITTED
from daprdockr.etcd.follow import Follower
from daprdockr.etcd.store import EtcdStore
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.names import ServiceName
from daprdockr.model.stored.entries import Listing, Prefixes, Put
from daprdockr.model.stored.keys import Keys
from daprdockr.wiring.real import CALL_TIMEOUT
from tests.fakes.listener import MemoryListener
from tests.rig.agent_process import LIMIT, PROGRAMS
from tests.rig.distant import Distant
from tests.rig.etcd_case import FaultCase
from tests.rig.etcd_members import EtcdMembers

KEYS = Keys("/p")
MEGABYTE = b"x" * 1_000_000


def definition(number: int, size: int = 0) -> Put:
    """The definition of a service, of so many bytes at least."""
    name = ServiceName(group="many", service=f"s{number}")
    text = '{"Name": "%s", "Group": "many", "Container": {"Image": "web:1", "Env": ["A=%s"]}}'
    return Put(KEYS.service(name), (text % (name.service, "x" * size)).encode())


class CountingStore(EtcdStore):
    """Counts the lists."""

    lists = 0

    def list(self, prefixes: Prefixes, revision: int = 0) -> Listing:
        self.lists += 1
        return super().list(prefixes, revision)


class SizeCase(FaultCase):
    """One member of the test's own."""

    def follow_ours(self, store: EtcdStore) -> tuple[MemoryListener, Listing]:
        """Follow what an agent follows; the first list."""
        listener = MemoryListener()
        follower = Follower(store=store, prefixes=KEYS.mirrored, listener=listener)
        follower.start()
        self.addCleanup(follower.stop)
        listing: Any = listener.next()
        self.assertIsInstance(listing, Listing, listing)
        return listener, listing

    def command(self, urls: str, *words: str) -> str:
        """The output of ``daprdockrcmd``."""
        command = [str(PROGRAMS / "daprdockrcmd"), *words, "-etcd", urls, "-prefix", KEYS.prefix]
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def many(self, members: EtcdMembers, count: int) -> None:
        store = self.connect(members.access)
        for first in range(0, count, 100):
            store.commit([], [definition(number) for number in range(first, first + 100)])


class SizeTests(SizeCase):
    """Much, and large."""

    def test_large(self) -> None:
        """
        With more than 100 MB below the prefix a follower starts and goes on, and ``daprdockrcmd`` answers; keys that
        no agent reads are not fetched, and a mirror holds no value that is too long to be read.
        """
        members = self.start(1)
        writer = self.connect(members.access)
        for number in range(50):
            writer.put(f"{KEYS.root}novelty/{number}", MEGABYTE)
            writer.put(f"{KEYS.events}a/{number}", MEGABYTE)
            writer.put(f"{KEYS.services}many/broken{number}", MEGABYTE)
            operation = definition(number, 240_000)
            writer.put(operation.key, operation.value)
        listener, listing = self.follow_ours(self.connect(members.access, CALL_TIMEOUT))
        self.assertEqual(len(listing.entries), 100)
        self.assertEqual([entry.omitted for entry in listing.entries].count(OMITTED), 50)
        self.assertLess(sum(len(entry.value) for entry in listing.entries), 13_000_000)
        cluster = Cluster(KEYS)
        cluster.replace(listing)
        self.assertEqual((len(cluster.services), len(cluster.broken)), (50, 50))
        self.assertLess(sum(len(entry.value) for entry in cluster.entries), 13_000_000)
        self.assertEqual(len(json.loads(self.command(members.urls, "status", "-o", "json"))["Services"]), 50)
        self.assertEqual(self.command(members.urls, "events", "-o", "json").strip(), "[]")
        writer.put(f"{KEYS.root}novelty/1", MEGABYTE)
        writer.put(definition(1).key, definition(1).value)
        self.assertEqual(self.until_told(listener, definition(1).key), [])

    def test_catching_up(self) -> None:
        """A watch with more changes at once than one message may carry delivers them, in order and whole."""
        members = self.start(1)
        store = self.connect(members.access, CALL_TIMEOUT)
        first = store.put(f"{KEYS.services}a/0", b"")
        for number in range(1, 41):
            store.put(f"{KEYS.services}a/{number}", MEGABYTE)
            store.commit([], [Put(f"{KEYS.services}b/{number}", b""), Put(f"{KEYS.root}nodes/{number}", b"")])
        watch, told = store.watch(KEYS.mirrored, first), [0]
        self.addCleanup(watch.close)
        for batch in watch:
            revisions = [change.mod_revision for change in batch.changes]
            self.assertLess(told[-1], min(revisions, default=first))
            told += revisions
            if batch.revision == first + 80:
                break
        self.assertEqual(told[1:], sorted([*range(first, first + 81), *range(first + 2, first + 82, 2)]))

    def test_beyond_all(self) -> None:
        """
        A value that no message can carry is named and stops nobody: not those who list, and not those who watch, who
        list once each time it is written.
        """
        members = self.start(1, flags=(f"--max-request-bytes={4 * MAX_MESSAGE}",))
        store = CountingStore(members.access, CALL_TIMEOUT)
        self.addCleanup(store.close)
        writer = self.connect(members.access, 30.0)
        small, large = definition(1), f"{KEYS.services}many/large"
        writer.put(small.key, small.value)
        writer.put(large, b"x" * (MAX_MESSAGE + 1))
        listener, listing = self.follow_ours(store)
        self.assertEqual([entry.key for entry in listing.entries], [large, small.key])
        self.assertEqual([entry.omitted for entry in listing.entries], [OMITTED, ""])
        writer.put(large, b"y" * (MAX_MESSAGE + 1))
        writer.put(definition(2).key, definition(2).value)
        self.until_told(listener, definition(2).key)
        writer.put(definition(3).key, definition(3).value)
        self.assertEqual(self.until_told(listener, definition(3).key), [])
        self.assertEqual(store.lists, 2)


class DistanceTests(SizeCase):
    """A long way."""

    def test_long_list(self) -> None:
        """Over 120 ms there and back a follower gets a list of 10,000 keys, and what changes; so does a command."""
        members = self.start(1)
        self.many(members, 10_000)
        way = Distant(members.ports[0], 0.06)
        self.addCleanup(way.close)
        url = f"http://127.0.0.1:{way.port}"
        store = self.connect(Access.parse(url), CALL_TIMEOUT)
        listener, listing = self.follow_ours(store)
        self.assertEqual(len(listing.entries), 10_000)
        store.put(definition(1).key, b"")
        self.assertEqual(self.until_told(listener, definition(1).key), [])
        self.assertEqual(len(json.loads(self.command(url, "status", "-o", "json"))["Services"]), 9_999)
