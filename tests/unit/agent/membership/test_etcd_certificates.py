"""The certificates with which a node reaches etcd, and until when they are valid."""

from __future__ import annotations

import time
from pathlib import Path

from attrs import evolve
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.agent.membership.etcd_certificates import EtcdCertificateFiles
from daprdockr.etcd.address import Access
from daprdockr.model.errors import BadInput
from tests.build.pairs import DAY, self_signed


class EtcdCertificatesTests(SynchronousTestCase):
    def setUp(self) -> None:
        self.folder = Path(self.mktemp())
        self.folder.mkdir()
        self.now = time.time()
        self.issue(30)
        authorities = [self_signed(("etcd.test",), days=days).chain for days in (50, 400, 90)]
        self.written("ca.pem", "".join(authorities))
        ca, cert, key = (self.folder / f"{name}.pem" for name in ("ca", "cert", "key"))
        self.files = EtcdCertificateFiles(Access.parse("https://127.0.0.1:1", ca=ca, cert=cert, key=key))

    def written(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text)

    def issue(self, days: int) -> None:
        pair = self_signed(("node.test",), days=days)
        self.written("cert.pem", pair.chain + self_signed(("above.test",), days=5).chain)
        self.written("key.pem", pair.key)

    def days(self) -> dict[str, int]:
        return {role: round((end - self.now) / DAY) for role, end in self.files.read().ends.items()}

    def test_ends(self) -> None:
        """Of the own chain the first one counts, of several authorities the last that ends; renewed ones are seen."""
        self.assertEqual(self.days(), {"client": 30, "authority": 400})
        before = self.files.read()
        self.assertIs(self.files.read(), before)
        self.issue(60)
        self.assertEqual(self.days(), {"client": 60, "authority": 400})
        self.assertNotEqual(self.files.read().mark, before.mark)

    def test_parts(self) -> None:
        """Without a certificate of its own a node has the authority's alone, and the other way round."""
        whole = self.files.access
        self.files = EtcdCertificateFiles(evolve(whole, cert=None, key=None))
        self.assertEqual(self.days(), {"authority": 400})
        self.files = EtcdCertificateFiles(evolve(whole, ca=None))
        self.assertEqual(self.days(), {"client": 30})

    def test_unusable(self) -> None:
        """While the files do not belong together there is no answer."""
        self.written("key.pem", self_signed(("other.test",)).key)
        self.assertRaises(BadInput, self.files.read)
