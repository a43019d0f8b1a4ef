"""Tests for daprdockr.etcd.embedded: what is refused, and what etcd is started with."""

from __future__ import annotations

import os
from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.address import Access, EtcdEndpoint
from daprdockr.etcd.embedded import EmbeddedEtcd, flags, listening, private_flags, reached_with
from daprdockr.model.errors import BadInput
from daprdockr.model.troubles.etcd import EtcdDown
from tests.build.programs import with_etcd
from tests.fakes.process import ProcessReactor


class ListeningTests(SynchronousTestCase):
    """``listening``."""

    def test_own_address(self) -> None:
        """The first endpoint is taken, whatever the others are, a name by its address."""
        self.assertEqual(listening(Access.parse("localhost:5001,10.255.255.1:1")), EtcdEndpoint("127.0.0.1", 5001))
        self.assertEqual(listening(Access.parse("http://127.0.0.7:5001")), EtcdEndpoint("127.0.0.7", 5001))

    def test_foreign_address(self) -> None:
        """An address of another host, the wildcard, and a name of nobody are refused by name."""
        for endpoint in ("192.0.2.1:5001", "0.0.0.0:5001", "[::]:5001", "no..name:5001"):
            error = self.assertRaises(BadInput, listening, Access.parse(endpoint))
            self.assertIn(endpoint, str(error))

    def test_https(self) -> None:
        """https is refused."""
        self.assertIn("http only", str(self.assertRaises(BadInput, listening, Access.parse("https://localhost:1"))))


class FlagsTests(SynchronousTestCase):
    """``flags``."""

    def test_flags(self) -> None:
        """etcd listens on the endpoint, keeps its data below the directory, and syncs every write."""
        given = flags(EtcdEndpoint("::1", 5001), Path("/var/lib/x/etcd/data"), "abc")
        self.assertIn("--listen-client-urls=http://[::1]:5001", given)
        self.assertEqual(given[0], "--data-dir=/var/lib/x/etcd/data")
        self.assertIn("--initial-cluster-token=abc", given)
        self.assertFalse([flag for flag in given if "unsafe" in flag])

    def test_reached_with(self) -> None:
        """An etcd of an earlier agent is of use if it listens where it is looked for: Note [At another address]."""
        former = flags(EtcdEndpoint("127.0.0.1", 5001), Path("/x"), "abc")
        self.assertTrue(reached_with(Access.parse("localhost:5001,http://10.0.0.2:1")).intersection(former))
        for now in ("127.0.0.1:5002", "127.0.0.7:5001", "10.0.0.2:1,127.0.0.1:5001"):
            self.assertFalse(reached_with(Access.parse(now)).intersection(former), now)


class EmbeddedEtcdTests(SynchronousTestCase):
    """``EmbeddedEtcd``, with a reactor in memory and a program that is only looked up."""

    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.programs = with_etcd(self.directory / "bin")
        self.reactor = ProcessReactor()

    def embedded(self, path: str, **more: str) -> EmbeddedEtcd:
        return EmbeddedEtcd(
            flags=private_flags(Access.parse("127.0.0.1:5001")),
            directory=self.directory / "etcd",
            reactor=self.reactor,
            environment={"PATH": path, **more},
            stop_at_exit=True,
        )

    def test_not_installed(self) -> None:
        """Without the program the line names the package that brings it."""
        error = self.assertRaises(BadInput, self.embedded, "/nonexistent")
        self.assertIn("etcd-server", str(error))

    def test_start(self) -> None:
        """A start makes the directory, for us alone, and runs etcd without the ETCD_ variables of our environment."""
        etcd = self.embedded(f"{self.programs}:{os.defpath}", ETCD_CERT_FILE="/x", ETCD_HOSTS="y", LANG="C")
        etcd.startService()
        process = self.reactor.processes[0]
        self.assertEqual(process.argv[1], str(self.programs / "etcd"))
        self.assertEqual(sorted(process.environment), ["LANG", "PATH"])
        self.assertEqual((self.directory / "etcd/data").stat().st_mode & 0o777, 0o700)
        self.assertEqual(etcd.pid, process.pid)
        gone = etcd.stopService()
        assert gone is not None
        process.end()
        self.assertIsNone(self.successResultOf(gone))
        self.assertIn("--listen-client-urls=http://127.0.0.1:5001", process.argv)

    def test_quota(self) -> None:
        """The quota of its database comes from the settings of the agent, which have no other way to raise it."""
        etcd = self.embedded(f"{self.programs}:{os.defpath}", ETCD_QUOTA_BACKEND_BYTES="4294967296")
        etcd.startService()
        self.addCleanup(etcd.stopService)
        self.assertEqual(self.reactor.processes[0].environment["ETCD_QUOTA_BACKEND_BYTES"], "4294967296")

    def test_no_proxy(self) -> None:
        """A proxy for the web, which ACME may need, is none for members: etcd would look for the others behind it."""
        names = ("https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "FORWARD_PROXY")
        etcd = self.embedded(f"{self.programs}:{os.defpath}", **dict.fromkeys(names, "http://proxy.test:3128"))
        etcd.startService()
        self.addCleanup(etcd.stopService)
        self.assertEqual(sorted(self.reactor.processes[0].environment), ["PATH"])

    def test_retired(self) -> None:
        """One that has no place any more is ended, and the end of the agent has nothing left to do."""
        etcd = self.embedded(f"{self.programs}:{os.defpath}")
        etcd.startService()
        gone = etcd.retire()
        assert gone is not None
        self.reactor.processes[0].end()
        self.successResultOf(gone)
        self.assertIsNone(etcd.stopService())

    def test_ended(self) -> None:
        """One that ended has a condition with its reason until it has run for a while; one that is retired has none."""
        etcd = self.embedded(f"{self.programs}:{os.defpath}")
        etcd.startService()
        self.assertIsNone(etcd.condition)
        line = '{"level":"fatal","msg":"discovery failed","error":"address already in use"}'
        (self.directory / "etcd/etcd.log").write_text(f"{line}\npanic: x\n")
        self.reactor.processes[0].end(status=1)
        ended = EtcdDown("exit status 1: discovery failed: address already in use")
        self.assertEqual(etcd.condition, ended)
        self.reactor.advance(9)
        self.reactor.advance(9)
        self.assertEqual((len(self.reactor.processes), etcd.condition), (2, ended))
        self.reactor.advance(10)
        self.assertIsNone(etcd.condition)
        self.reactor.processes[1].end(by=9)
        self.assertEqual(etcd.condition, EtcdDown("killed by SIGKILL"))
        etcd.retire()
        self.assertIsNone(etcd.condition)
