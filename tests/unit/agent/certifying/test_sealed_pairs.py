"""The certificates that etcd has: read, kept sealed, opened, and served without etcd."""

from __future__ import annotations

from pathlib import Path

from twisted.internet.defer import Deferred
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.certifying.sealed_pairs import KeptPairs, SealedPairs, Sources
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.certificate import ACME, CertificatePair, CertificateRecord, certificate_puts
from daprdockr.model.stored.entries import Delete
from daprdockr.proxy.certificates import Certificate
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.certificates import facts_of, seal_pair
from tests.build.pairs import self_signed
from tests.build.values import KEYS
from tests.fakes.run import run_at_once
from tests.fakes.store import MemoryStore

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
NAME = "example.com"
FIRST, SECOND = self_signed((NAME,)), self_signed((NAME,))


class SealedPairsTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.store, self.keys = MemoryStore(), [KEY]
        self.kept = KeptPairs(Path(self.mktemp()))
        self.begin()

    def begin(self, known: bool = True) -> None:
        """An agent that starts, with what the mirror shows or without."""
        self.cluster = Cluster(KEYS)
        if known:
            self.follow()
        sources = Sources(self.store, run_at_once, self.cluster, lambda: self.keys)
        self.pairs = SealedPairs(sources, self.kept, run_at_once)

    def follow(self) -> None:
        self.cluster.replace(self.store.list(KEYS.mirrored))

    def put(self, pair: CertificatePair, stamp: str, key: PrivateKey = KEY) -> None:
        record = CertificateRecord(stamp, key.public.id, facts_of(pair), ACME)
        self.store.commit((), certificate_puts(KEYS, NAME, record, seal_pair(key.public, NAME, record, pair)))
        self.follow()

    def found(self) -> list[Certificate]:
        return self.successResultOf(Deferred.fromCoroutine(self.pairs.certificates()))

    def served(self) -> list[CertificatePair]:
        return [one.pair for one in self.found()]

    def test_read(self) -> None:
        """A pair is read when its stamp is new, and leaves when etcd has it no more."""
        self.assertEqual(self.found(), [])
        self.put(FIRST, "s1")
        (found,) = self.found()
        self.assertEqual((found.name, found.source, found.pair), (NAME, ACME, FIRST))
        self.store.calls.clear()
        self.assertEqual((self.served(), self.store.calls), ([FIRST], []))
        self.put(SECOND, "s2")
        self.assertEqual(self.served(), [SECOND])
        self.store.commit((), (Delete(KEYS.certificate(NAME)), Delete(KEYS.sealed_certificate(NAME))))
        self.follow()
        self.assertEqual((self.found(), self.kept.read()), ([], {}))

    def test_gone(self) -> None:
        """Of a certificate that is gone nothing is kept in memory: its key is opened anew when it is there again."""
        opened: list[int] = []

        def keys() -> list[PrivateKey]:
            opened.append(1)
            return self.keys

        self.pairs = SealedPairs(Sources(self.store, run_at_once, self.cluster, keys), self.kept, run_at_once)
        self.put(FIRST, "s1")
        self.found()
        self.found()
        self.assertEqual(len(opened), 1)
        entries = {key: self.store.get(key) for key in (KEYS.certificate(NAME), KEYS.sealed_certificate(NAME))}
        self.store.commit((), tuple(map(Delete, entries)))
        self.follow()
        self.assertEqual(self.found(), [])
        for key, entry in entries.items():
            assert entry is not None
            self.store.put(key, entry.value)
        self.follow()
        self.assertEqual((self.served(), len(opened)), ([FIRST], 2))

    def test_kept(self) -> None:
        """After a restart the pair is there without etcd, also where nothing else is known; its file has no key."""
        self.put(FIRST, "s1")
        self.found()
        self.assertNotIn(FIRST.key.splitlines()[1], self.kept.path.read_text())
        for known in (True, False):
            self.begin(known)
            self.cluster.history.unbroken = False
            self.store.unavailable = True
            self.assertEqual((self.served(), self.pairs.troubles), ([FIRST], {}))
            self.store.unavailable = False

    def test_source_after_a_restart(self) -> None:
        """Which of several certificates goes first follows from its source as soon as that is known."""
        self.put(FIRST, "s1")
        self.found()
        self.begin(known=False)
        self.cluster.history.unbroken = False
        self.assertEqual(self.served(), [FIRST])
        self.follow()
        self.assertEqual([one.source for one in self.found()], [ACME])

    def test_etcd_away(self) -> None:
        """A new pair that cannot be read now is reported, and the former one counts until it can be."""
        self.put(FIRST, "s1")
        self.found()
        self.put(SECOND, "s2")
        self.store.unavailable = True
        self.assertEqual(self.served(), [FIRST])
        self.assertIn("it cannot be read", self.pairs.troubles[NAME])
        self.store.unavailable = False
        self.assertEqual((self.served(), self.pairs.troubles), ([SECOND], {}))

    def test_many_while_etcd_is_away(self) -> None:
        """An etcd that does not answer is asked once and not for each of many that are new; all are reported."""
        names = [f"{number}.com" for number in range(20)]
        for name in names:
            pair = self_signed((name,))
            record = CertificateRecord("s1", KEY.public.id, facts_of(pair), ACME)
            self.store.commit((), certificate_puts(KEYS, name, record, seal_pair(KEY.public, name, record, pair)))
        self.follow()
        self.store.unavailable = True
        self.store.calls.clear()
        self.assertEqual((self.found(), set(self.pairs.troubles)), ([], set(names)))
        self.assertEqual(len(self.store.calls), 1)
        self.store.unavailable = False
        self.assertEqual((len(self.found()), self.pairs.troubles), (20, {}))

    def test_no_key(self) -> None:
        """Without the key that it is sealed to a pair is reported and not served; with it, it is."""
        self.put(FIRST, "s1", OTHER)
        self.assertEqual(self.found(), [])
        self.assertIn("which this node does not have", self.pairs.troubles[NAME])
        self.keys.append(OTHER)
        self.assertEqual((self.served(), self.pairs.troubles), ([FIRST], {}))

    def test_renewed_without_key(self) -> None:
        """While a new pair cannot be opened here, as after a mistake with the key's file, the former one is served."""
        self.put(FIRST, "s1")
        self.found()
        self.keys.clear()
        self.put(SECOND, "s2")
        for _ in range(2):
            self.assertEqual(self.served(), [FIRST])
            self.assertIn("which this node does not have", self.pairs.troubles[NAME])
        self.keys.append(KEY)
        self.assertEqual((self.served(), self.pairs.troubles), ([SECOND], {}))

    def test_damaged(self) -> None:
        """A sealed value that is damaged or missing is reported; so is one of another certificate."""
        self.put(FIRST, "s1")
        for value in (b"{", None):
            if value is None:
                self.store.commit((), (Delete(KEYS.sealed_certificate(NAME)),))
            else:
                self.store.put(KEYS.sealed_certificate(NAME), value)
            self.assertEqual(self.found(), [])
            self.assertIn(NAME, self.pairs.troubles)

    def test_full_disk(self) -> None:
        """A disk that takes nothing keeps no certificate from being served, and is tried again."""
        self.kept = KeptPairs(Path(self.mktemp()) / "absent" / "x")
        self.begin()
        self.put(FIRST, "s1")
        self.assertEqual(self.served(), [FIRST])
        self.kept.path.parent.mkdir(parents=True)
        self.assertEqual(self.served(), [FIRST])
        self.assertEqual(set(self.kept.read()), {NAME})
