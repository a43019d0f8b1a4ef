"""``certificates``: pairs are checked, sealed, listed and deleted, and no key is shown."""

from __future__ import annotations

import time
from pathlib import Path

from attrs import evolve

from daprdockr import __version__
from daprdockr.model.stored.certificate import ACME, STORED, CertificateFacts, CertificatePair, CertificateRecord
from daprdockr.model.stored.node import NodeRecord
from daprdockr.model.stored.renewal import RenewalRecord
from daprdockr.model.stored.sealed import SealedValue
from daprdockr.sealing.certificates import open_pair
from daprdockr.sealing.key_file import read_keys
from tests.build.command_line import DefinitionCase
from tests.build.pairs import DAY, self_signed
from tests.build.values import KEYS, named
from tests.fakes.command_line import Outcome

NAME = "example.com"


class CertificatesTests(DefinitionCase):
    def setUp(self) -> None:
        super().setUp()
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.key = self.folder / "cluster.key"
        self.run_line("secret", "key", str(self.key))

    def add(self, pair: CertificatePair, *words: str) -> Outcome:
        chain, key = self.folder / "a.crt", self.folder / "a.key"
        chain.write_text(pair.chain)
        key.write_text(pair.key)
        return self.run_line("certificates", "add", str(chain), str(key), *words)

    def record(self) -> CertificateRecord:
        entry = self.store.get(KEYS.certificate(NAME))
        assert entry is not None
        return CertificateRecord.decode(entry.value)

    def opened(self) -> CertificatePair:
        entry = self.store.get(KEYS.sealed_certificate(NAME))
        assert entry is not None
        return open_pair(read_keys(self.key), NAME, SealedValue.decode(entry.value))

    def test_added(self) -> None:
        """A pair is sealed under the first of its names, whole; neither etcd nor the output shows its key."""
        pair = self_signed((NAME, "*.example.com"), days=30)
        done = self.add(pair)
        self.assertEqual((done.status, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "the certificate of example.com, *.example.com is stored, 29 days left\n")
        record = self.record()
        self.assertEqual((record.source, record.facts.names), ("stored", (NAME, "*.example.com")))
        self.assertEqual(self.opened(), pair)
        everything = b"".join(entry.value for entry in self.store.list("/").entries)
        self.assertNotIn(pair.key.splitlines()[1].encode(), everything)
        (event,) = self.run_line("events", "-o", "json").json
        self.assertEqual(event["Subject"], "certificate example.com")

    def test_no_tls(self) -> None:
        """One line says that no node serves TLS, unless one does, or an older agent may."""
        pair = self_signed((NAME,), days=30)
        line = "daprdockrcmd: no node serves TLS yet: start the agents with --https, as in --https 0.0.0.0:443\n"
        lease = self.store.grant(60).id
        plain = NodeRecord(version=__version__)
        for records, said in (
            ((), ""),
            ((plain, plain), line),
            ((plain, evolve(plain, tls=True)), ""),
            ((plain, evolve(plain, version="0.1.0")), ""),
        ):
            for number, record in enumerate(records):
                self.store.put(KEYS.node(f"n{number}"), record.encode(), lease)
            done = self.add(pair)
            self.assertEqual((done.status, done.stderr), (0, said), records)

    def test_no_service(self) -> None:
        """One line says that services have none of its names, which is often a mistake; a wildcard covers some."""
        for host in ("shop.example.com", "a.test", "b.test", "c.test", "d.test", "e.test"):
            wanted = named(host.replace(".", "-"), Http={"HostName": host, "ContainerPort": 80})
            self.store.put(KEYS.service(wanted.name), wanted.encode())
        line = "daprdockrcmd: no service has a host name that it covers: the services have"
        some = "a.test, b.test, c.test, d.test, e.test and 1 more"
        self.assertEqual(self.add(self_signed((NAME,), days=30)).stderr, f"{line} {some}\n")
        self.assertEqual(self.add(self_signed((NAME, "*.example.com"), days=30)).stderr, "")

    def test_replaced(self) -> None:
        """Another pair for the same name takes its place, with another stamp."""
        self.add(self_signed((NAME,)))
        before, newer = self.record(), self_signed((NAME,))
        self.assertEqual(self.add(newer, "-o", "json").json["Names"], [NAME])
        self.assertNotEqual(self.record().stamp, before.stamp)
        self.assertEqual(self.opened(), newer)

    def test_refused(self) -> None:
        """A pair that cannot be used, or has expired, is not stored, and one line says why."""
        pair, other = self_signed((NAME,)), self_signed((NAME,))
        for given, said in (
            (CertificatePair(pair.chain, other.key), "the key does not belong to the certificate"),
            (CertificatePair("x", pair.key), "the certificate is no PEM"),
            (self_signed((NAME,), begin=time.time() - 2 * DAY, days=1), "has expired"),
        ):
            done = self.add(given)
            self.assertEqual((done.status, len(done.stderr.splitlines())), (1, 1))
            self.assertIn(said, done.stderr)
        done = self.run_line("certificates", "add", "/absent.crt", "/absent.key")
        self.assertIn("the certificate '/absent.crt' cannot be read", done.stderr)
        self.assertIsNone(self.store.get(KEYS.certificate(NAME)))

    def test_no_key(self) -> None:
        """Without a cluster key nothing is stored."""
        self.store = type(self.store)()
        done = self.add(self_signed((NAME,)))
        self.assertEqual(done.status, 1)
        self.assertIn("secret key FILE makes one", done.stderr)

    def test_removed(self) -> None:
        """A deleted certificate is gone with its sealed pair; one that is not there is not found."""
        self.add(self_signed((NAME,)))
        done = self.run_line("certificates", "rm", "Example.com")
        self.assertEqual((done.status, done.stdout), (0, "the certificate of example.com is deleted\n"))
        for key in (KEYS.certificate(NAME), KEYS.sealed_certificate(NAME)):
            self.assertIsNone(self.store.get(key))
        self.assertEqual(self.run_line("certificates", "rm", NAME).status, 3)

    def test_listed(self) -> None:
        """The list has what etcd stores, what nodes have in files, and what they cannot use, once for all of them."""
        self.add(self_signed((NAME, "www.example.com"), days=30))
        end = time.time() + 5.5 * DAY
        for node in ("a", "b"):
            record = NodeRecord(certificates={"files.com": end}, uncertified={"bad.com": "it is no PEM"})
            self.store.put(KEYS.node(node), record.encode(), self.store.grant(60).id)
        rows = self.run_line("certificates", "-o", "json").json
        told = [
            (row["Name"], row["Source"], row["DaysLeft"], row["Names"], row["Nodes"], row["LastError"]) for row in rows
        ]
        self.assertEqual(
            told,
            [
                ("bad.com", "file", None, [], ["a", "b"], "it is no PEM"),
                (NAME, "stored", 29, [NAME, "www.example.com"], [], ""),
                ("files.com", "file", 5, [], ["a", "b"], ""),
            ],
        )
        table = self.run_line("certificates").stdout
        self.assertRegex(table, r"example\.com +stored +29 +example\.com,www\.example\.com")

    def test_for_etcd(self) -> None:
        """Those by which nodes reach etcd are listed with the nodes, once for all that end on one day."""
        noon = (time.time() // DAY + 0.5) * DAY
        for node, days in (("a", 100.2), ("b", 100), ("c", 3)):
            ends = {"client": noon + days * DAY, "authority": noon + 200 * DAY}
            record = NodeRecord(etcd_certificates=ends)
            self.store.put(KEYS.node(node), record.encode(), self.store.grant(60).id)
        rows = self.run_line("certificates", "-o", "json").json
        self.assertEqual(
            [(row["Name"], row["Source"], row["NotAfter"], row["Nodes"]) for row in rows],
            [
                ("etcd authority", "file", noon + 200 * DAY, ["a", "b", "c"]),
                ("etcd client", "file", noon + 100 * DAY, ["a", "b"]),
                ("etcd client", "file", noon + 3 * DAY, ["c"]),
            ],
        )
        self.assertRegex(self.run_line("status").stdout, r"\ncertificate etcd client on c ends in [23] days\n")

    def test_missing(self) -> None:
        """A host name that is served by TLS alone and has no certificate is named; one that has ended counts."""
        http = {"HostName": f"{NAME},www.{NAME}", "ContainerPort": 8080}
        service = named("web", Http=[{**http, "Tls": "require"}, {**http, "HostName": "b.test"}])
        self.store.put(KEYS.service(service.name), service.encode())
        self.store.put(KEYS.node("a"), NodeRecord(version=__version__).encode(), self.store.grant(60).id)
        self.assertEqual(self.run_line("certificates", "-o", "json").json, [])  # trusted proxies may serve it by TLS
        self.store.put(KEYS.node("b"), NodeRecord(version=__version__, tls=True).encode(), self.store.grant(60).id)
        self.add(self_signed((NAME,), days=30))
        text = "clients are led to HTTPS, and get a warning there"
        table, status = self.run_line("certificates"), self.run_line("status")
        self.assertEqual(table.stdout.splitlines()[2].split(maxsplit=6), [f"www.{NAME}", *"-----", text])
        self.assertIn(f"certificate www.{NAME} is missing: {text}\n", status.stdout)
        self.assertNotIn("b.test is missing", status.stdout)
        facts = CertificateFacts((f"*.{NAME}",), time.time() - 2 * DAY, time.time() - DAY)
        self.store.put(KEYS.certificate(f"*.{NAME}"), CertificateRecord("s1", "k", facts).encode())
        self.assertNotIn("is missing", self.run_line("status").stdout)

    def test_usage(self) -> None:
        """Wrong usage is one line that says what is lacking."""
        for words, said in (
            (("show",), "write add or rm"),
            (("add", "a.crt"), "needs a certificate and a key"),
            (("rm",), "needs the name of a certificate"),
            (("rm", "a.b", "c.d"), "has no use with certificates rm"),
            (("rm", "a b"), "write host names"),
        ):
            done = self.run_line("certificates", *words)
            self.assertEqual(done.status, 2)
            self.assertIn(said, done.stderr)

    def test_rotated(self) -> None:
        """With another cluster key certificates are sealed again, too, with the same stamps."""
        pair = self_signed((NAME,))
        self.add(pair)
        before = self.record()
        self.run_line("secret", "rotate-key", str(self.key))
        self.assertEqual(self.record(), before)
        self.run_line("secret", "rotate-key", str(self.key))
        after = self.record()
        self.assertEqual(after.stamp, before.stamp)
        self.assertEqual(after.key, read_keys(self.key)[0].public.id)
        self.assertEqual(self.opened(), pair)

    def test_short_lives(self) -> None:
        """One for a few days ends soon when its renewal is overdue, not as long as it lives, wherever it is from."""
        now = time.time()
        web = named("web", Http=[{"HostName": f"{name}.com", "ContainerPort": "8080"} for name in ("fine", "late")])
        self.store.put(KEYS.service(web.name), web.encode())
        for name, begun in (("fine.com", 2 * DAY), ("late.com", 5 * DAY)):
            facts = CertificateFacts((name,), now - begun, now - begun + 6 * DAY)
            self.store.put(KEYS.certificate(name), CertificateRecord("s", "k", facts, ACME).encode())
            own = CertificateFacts((f"own-{name}",), now - begun, now - begun + 6 * DAY)
            self.store.put(KEYS.certificate(f"own-{name}"), CertificateRecord("s", "k", own, STORED).encode())
        year = CertificateFacts(("year.com",), now - 305 * DAY, now + 60 * DAY)
        self.store.put(KEYS.certificate("year.com"), CertificateRecord("s", "k", year, STORED).encode())
        ends = {"file.com": now + 4 * DAY, "late-file.com": now + DAY / 2, "old.com": now + 4 * DAY}
        brief = {"file.com": now - 2 * DAY, "late-file.com": now - 5.5 * DAY}
        self.store.put(KEYS.node("a"), NodeRecord(certificates=ends, brief=brief).encode(), self.store.grant(60).id)
        status = self.run_line("status").stdout
        ended = [line.split()[1] for line in status.splitlines() if line.startswith("certificate ")]
        self.assertEqual(sorted(ended), ["late-file.com", "late.com", "old.com", "own-late.com"])
        self.assertIn("certificate late.com ends in 0 days", status)

    def test_renewals(self) -> None:
        """A row says when a CA is asked next, and why the last attempt failed, without a certificate too."""
        now = time.time()
        record = CertificateRecord("s", "k", CertificateFacts((NAME,), 0, now + 9.5 * DAY), ACME)
        self.store.put(KEYS.certificate(NAME), record.encode())
        self.store.put(KEYS.renewal(NAME), RenewalRecord(next_attempt=5 * DAY).encode())
        self.store.put(KEYS.renewal("new.com"), RenewalRecord(3, "no such name", 1.0, 7.0).encode())
        self.store.put(KEYS.renewal("old.com"), RenewalRecord(1, "refused", 1.0, 8.0).encode())
        self.store.put(KEYS.renewal("bad.com"), b"{")
        web = named("web", Http={"HostName": "new.com", "ContainerPort": "8080"})
        self.store.put(KEYS.service(web.name), web.encode())
        rows = self.run_line("certificates", "-o", "json").json
        self.assertEqual([row["Needed"] for row in rows], [False, True, False])
        told = [(row["Name"], row["Source"], row["DaysLeft"], row["NextAttempt"], row["LastError"]) for row in rows]
        failed = [("new.com", "acme", None, 7.0, "no such name"), ("old.com", "acme", None, 8.0, "refused")]
        self.assertEqual(told, [(NAME, "acme", 9, 5 * DAY, ""), *failed])
