"""The etcd beside an agent: a private one, the member of a cluster, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.statedir import StateDir
from daprdockr.etcd.address import Access
from daprdockr.etcd.cluster_files import ClusterFiles
from daprdockr.model.etcd_member import HostPart
from daprdockr.wiring.embedding import embedded_etcd
from daprdockr.wiring.foundation import Foundation
from daprdockr.wiring.real import real
from tests.build.programs import with_etcd
from tests.build.settings import settings
from tests.fakes.run import LoopClock


class EmbeddedEtcdTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.directory = Path(self.mktemp()).absolute()
        self.programs = with_etcd(self.directory / "bin")

    def base(self, **changed: Any) -> Foundation:
        chosen = settings("a", self.directory, **changed)
        outside = real(chosen, StateDir(self.directory), LoopClock())
        machine = evolve(outside.machine, environment={"PATH": str(self.programs)})
        parts: dict[str, Any] = {"settings": chosen, "outside": evolve(outside, machine=machine)}
        return cast(Foundation, type("Parts", (), parts))

    def test_none(self) -> None:
        """Without an option, and on a host that belongs to no cluster or is its client, there is none."""
        self.assertIsNone(embedded_etcd(self.base()))
        self.assertIsNone(embedded_etcd(self.base(founded=True)))
        files = ClusterFiles(self.directory)
        files.write(files.host, HostPart("a", "127.0.0.1").encode())
        self.assertIsNone(embedded_etcd(self.base(founded=True)))

    def test_private(self) -> None:
        """The option makes a private one, of use where the first endpoint is."""
        etcd = embedded_etcd(self.base(embedded_etcd=True, etcd=Access.parse("http://127.0.0.1:5001")))
        assert etcd is not None
        self.assertEqual(etcd.usable_with, {"--listen-client-urls=http://127.0.0.1:5001"})

    def test_member(self) -> None:
        """A host with a member needs no option."""
        files = ClusterFiles(self.directory)
        files.write(files.host, HostPart("a", "127.0.0.1", ("a=x",), "5f").encode())
        self.assertIsNotNone(embedded_etcd(self.base(founded=True)))
