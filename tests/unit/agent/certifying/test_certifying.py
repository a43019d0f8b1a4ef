"""The loop that hands certificates to nginx, and reports those that cannot be used."""

from __future__ import annotations

import json
from pathlib import Path

from twisted.internet.task import Clock
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.certifying.certifying import DAY, INTERVAL, MOST_COVERED, Certifying
from daprdockr.agent.certifying.given_pairs import GivenPairs
from daprdockr.agent.certifying.sealed_pairs import KeptPairs, SealedPairs, Sources
from daprdockr.model.known.changes import Changes
from daprdockr.model.known.cluster import Cluster
from daprdockr.model.stored.certificate import ACME, FILE, STORED, CertificatePair, CertificateRecord, certificate_puts
from daprdockr.proxy import certificates
from daprdockr.proxy.certificates import UNKNOWN, Certificate, CertificateState
from daprdockr.sealing.boxes import PrivateKey
from daprdockr.sealing.certificates import facts_of, seal_pair
from tests.build.pairs import self_signed
from tests.build.values import KEYS
from tests.fakes.run import run_at_once
from tests.fakes.store import MemoryStore

KEY = PrivateKey.generate()
NOW = 1000 * DAY
NAME, OTHER = "example.com", "example.org"
DEFAULT = self_signed(("default.test",))


class CertifyingTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.reactor, self.store = Clock(), MemoryStore()
        self.kept = KeptPairs(Path(self.mktemp()))
        self.given = GivenPairs()
        self.keys: tuple[PrivateKey, ...] = (KEY,)
        self.served: list[CertificateState] = []
        self.events: list[tuple[str, str]] = []
        self.own: list[bool] = []
        self.begin()

    def begin(self) -> None:
        """An agent that is to be started, and that knows nothing but what is kept."""
        self.cluster = Cluster(KEYS)
        sources = Sources(self.store, run_at_once, self.cluster, lambda: self.keys)
        self.certifying = Certifying(
            reactor=self.reactor,
            sealed=SealedPairs(sources, self.kept, run_at_once),
            given=lambda: self.given,
            unknown=DEFAULT,
            ticket=lambda day: b"%d" % day,
            serve=self.served.append,
            wall=lambda: NOW + self.reactor.seconds(),
        )
        self.certifying.unusable.subscribe(self.take)
        self.addCleanup(self.certifying.stopService)

    def take(self, subject: str, text: str, is_own: bool) -> None:
        self.events.append((subject, text))
        self.own.append(is_own)

    def file(self, name: str, begin: float = NOW - DAY, days: float = 2) -> Certificate:
        pair = self_signed((name,), begin=begin, days=days)
        return Certificate(name, FILE, pair, facts_of(pair))

    def put(self, pair: CertificatePair, source: str = STORED) -> None:
        record = CertificateRecord("s1", KEY.public.id, facts_of(pair), source)
        self.store.commit((), certificate_puts(KEYS, NAME, record, seal_pair(KEY.public, NAME, record, pair)))
        self.certifying.on_changes(self.cluster.replace(self.store.list(KEYS.mirrored)))

    def names(self) -> set[str]:
        return set(self.served[-1].names)

    def test_served(self) -> None:
        """Those of files and of etcd are served, as soon as one changes; other changes concern nobody here."""
        self.certifying.startService()
        self.assertEqual(self.names(), {UNKNOWN})
        self.given = GivenPairs((self.file(OTHER),))
        self.certifying.wake()
        self.assertEqual(self.names(), {UNKNOWN, OTHER})
        self.put(self_signed((NAME,)))
        self.assertEqual(self.names(), {UNKNOWN, NAME, OTHER})
        times = len(self.served)
        self.certifying.on_changes(Changes(nodes=True))
        self.assertEqual(len(self.served), times)

    def test_files_at_once(self) -> None:
        """The files are reported before the start already, so that no record of the node is without them."""
        self.given = GivenPairs((self.file(OTHER),))
        self.begin()
        self.assertEqual(dict(self.certifying.files), {OTHER: NOW + DAY})

    def test_not_before_the_start(self) -> None:
        """A change before the start is taken up at the start."""
        self.put(self_signed((NAME,)))
        self.assertEqual(self.served, [])
        self.certifying.startService()
        self.assertEqual(self.names(), {UNKNOWN, NAME})

    def test_ten_minutes_without_etcd(self) -> None:
        """A certificate by ACME is served while etcd is away, and from the state directory after a reboot."""
        pair = self_signed((NAME,), begin=NOW - DAY, days=2)
        self.certifying.startService()
        self.put(pair, ACME)
        self.store.unavailable = True
        self.served.clear()
        self.reactor.pump([INTERVAL] * 20)
        self.certifying.stopService()
        self.begin()
        self.cluster.history.unbroken = False
        self.certifying.startService()
        self.reactor.pump([INTERVAL] * 20)
        self.assertGreaterEqual(len(self.served), 40)
        for state in self.served:
            shown = json.loads(state.pairs[state.names[NAME]])
            self.assertEqual((set(state.names), shown["chain"]), ({UNKNOWN, NAME}, pair.chain))
        self.assertEqual(self.events, [])

    def test_tickets(self) -> None:
        """The key of tickets is another one each day."""
        self.certifying.startService()
        self.assertEqual(self.served[-1].ticket, b"1000".hex())
        self.reactor.advance(DAY)
        self.assertEqual(self.served[-1].ticket, b"1001".hex())

    def test_all_names_of_files(self) -> None:
        """A file is reported by each name that it is for, with the latest end: no certificate is ordered for these."""
        short, long = (self_signed((NAME, "www." + NAME), begin=NOW - DAY, days=days) for days in (2, 5))
        pairs = Certificate(NAME, FILE, short, facts_of(short)), Certificate("www." + NAME, FILE, long, facts_of(long))
        self.given = GivenPairs(pairs[:1])
        self.begin()
        self.assertEqual(dict(self.certifying.files), dict.fromkeys((NAME, "www." + NAME), NOW + DAY))
        self.given = GivenPairs(pairs)
        self.certifying.startService()
        self.assertEqual(dict(self.certifying.files), dict.fromkeys((NAME, "www." + NAME), NOW + 4 * DAY))

    def test_brief(self) -> None:
        """Of a file that is valid for less than 56 days it is known since when it is."""
        pairs = {name: self_signed((name,), begin=NOW - DAY, days=days) for name, days in ((NAME, 55), (OTHER, 56))}
        self.given = GivenPairs(tuple(Certificate(name, FILE, pair, facts_of(pair)) for name, pair in pairs.items()))
        self.begin()
        self.assertEqual(self.certifying.brief, {NAME: NOW - DAY})

    def test_most_names_of_files(self) -> None:
        """A node's record has so many names of files, and no more; each pair is among them."""
        pairs = [self_signed(tuple(f"{n}.{pair}.com" for n in range(90)), begin=NOW - DAY) for pair in range(4)]
        self.given = GivenPairs(tuple(Certificate(f"0.{n}.com", FILE, p, facts_of(p)) for n, p in enumerate(pairs)))
        self.begin()
        self.assertEqual(len(self.certifying.files), MOST_COVERED)
        self.assertLessEqual({f"0.{pair}.com" for pair in range(4)}, set(self.certifying.files))

    def test_troubles(self) -> None:
        """A pair that cannot be used is reported once, and again when the reason is another one or comes back."""
        self.given = GivenPairs((), {"bad.com": "no PEM"})
        self.certifying.startService()
        self.reactor.pump([INTERVAL] * 3)
        told = [("certificate bad.com", "it is not usable: no PEM")]
        self.assertEqual((self.events, self.certifying.troubles), (told, {"bad.com": "no PEM"}))
        self.given = GivenPairs()
        self.reactor.advance(INTERVAL)
        self.assertEqual(self.certifying.troubles, {})
        self.given = GivenPairs((), {"bad.com": "no PEM"})
        self.reactor.advance(INTERVAL)
        self.assertEqual(self.events, told * 2)

    def test_own(self) -> None:
        """This node is at fault where a file of it, or a key that it lacks, is; it is not where the stored pair is."""
        self.given = GivenPairs((self.file(OTHER, days=0.5),), {"bad.com": "no PEM"})
        self.put(self_signed((NAME,), begin=NOW - DAY, days=0.5))
        self.certifying.startService()
        subjects = [subject for subject, _ in self.events]
        self.assertEqual(subjects, ["certificate bad.com", f"certificate {NAME}", f"certificate {OTHER}"])
        self.assertEqual(self.own, [True, False, True])
        self.keys = ()
        self.begin()
        self.put(self_signed((NAME,)))
        self.certifying.startService()
        self.assertIn("which this node does not have", self.events[-2][1])
        self.assertTrue(self.own[-2])

    def test_no_room(self) -> None:
        """If nginx has no room for some, one event names them, and ``troubles`` has each; no second one follows."""
        self.patch(certificates, "MOST_BYTES", 16_000)
        self.given = GivenPairs(tuple(self.file(f"{number:02}.com") for number in range(15)))
        self.certifying.startService()
        self.reactor.pump([INTERVAL] * 3)
        shown = self.names() - {UNKNOWN}
        ((subject, line),) = self.events
        self.assertEqual((subject, 0 < len(shown) < 4), ("certificates", True))
        self.assertIn("memory for certificates (20 MiB) is full, so these are not shown: ", line)
        self.assertRegex(line, rf"shown: {len(shown):02}\.com, .* and {5 - len(shown)} more$")
        self.assertEqual(set(self.certifying.troubles), {one.name for one in self.given.certificates} - shown)
        self.given = GivenPairs(self.given.certificates[:1])
        self.certifying.wake()
        self.assertEqual((self.certifying.troubles, len(self.events)), ({}, 1))

    def test_expiry(self) -> None:
        """A certificate that is not valid yet, or not any more, is served nevertheless, and reported once."""
        soon = self.file("soon.com", begin=NOW + 100)
        self.given = GivenPairs((self.file(NAME, days=1.001), soon))
        self.certifying.startService()
        self.assertEqual([subject for subject, _ in self.events], ["certificate soon.com"])
        self.assertIn("not valid before", self.certifying.troubles["soon.com"])
        self.reactor.pump([INTERVAL] * 5)
        self.assertEqual([subject for subject, _ in self.events], ["certificate soon.com", f"certificate {NAME}"])
        self.assertRegex(self.certifying.troubles[NAME], r"it expired at 19\d\d-\d\d-\d\d \d\d:\d\d:\d\dZ")
        self.assertEqual(self.names(), {UNKNOWN, NAME, "soon.com"})
        self.assertEqual(self.certifying.files["soon.com"], soon.facts.not_after)
