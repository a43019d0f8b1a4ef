"""The files of TLS in memory."""

from __future__ import annotations

from pathlib import Path

from twisted.trial.unittest import SynchronousTestCase

from daprdockr.model.stored.certificate import CertificatePair
from daprdockr.proxy.tls_files import TlsFiles


class TlsFilesTests(SynchronousTestCase):
    def test_closed(self) -> None:
        """The directory and its files are for their owner alone; the certificates of nginx outlive the agent."""
        directory = Path(self.mktemp()) / "x.tls"
        files = TlsFiles(directory, CertificatePair("chain", "key"))
        files.prepare()
        files.keep_state(b"message")
        files.prepare()
        found = {path.name: path.read_bytes() for path in directory.iterdir()}
        self.assertEqual(found, {"default.crt": b"chain", "default.key": b"key", "certificates.json": b"message"})
        for name, content in (("default.key", b"key"), ("default.crt", b"chain")):
            (directory / name).unlink()
            files.restore()
            self.assertEqual((directory / name).read_bytes(), content)
        modes = {path.stat().st_mode & 0o777 for path in directory.iterdir()}
        self.assertEqual((modes, directory.stat().st_mode & 0o777), ({0o600}, 0o700))
        files.clear()
        files.clear()
        self.assertFalse(directory.exists())
