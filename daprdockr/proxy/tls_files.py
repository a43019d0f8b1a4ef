"""
The files of TLS, in a directory in memory: they hold private keys. Blocking: called in a thread.

Note [Certificates in memory]
    ``certificates.json`` holds the certificates as nginx took them over last, with their keys, so that an nginx that is
    started anew has them before the agent speaks. It is on a tmpfs and no disk: after a reboot the agent opens the
    sealed pairs of its state directory, and writes it again. nginx also wants a certificate in its configuration,
    ``default.crt``, which no handshake shows.
"""

from __future__ import annotations

import shutil
from pathlib import Path

from attrs import frozen

from daprdockr.model.stored.certificate import CertificatePair
from daprdockr.process.atomic import replace_file
from daprdockr.process.kept import private_directory


@frozen
class TlsFiles:
    """
    :ivar directory: on a file system in memory.
    :ivar default: the pair for host names that have none.
    """

    directory: Path
    default: CertificatePair

    def prepare(self) -> None:
        """Create the directory, and write the default pair. :raises OSError: there is no room."""
        private_directory(self.directory)
        replace_file(self.directory / "default.crt", self.default.chain.encode(), synced=False)
        replace_file(self.directory / "default.key", self.default.key.encode(), synced=False)

    def restore(self) -> None:
        """Write the default pair if somebody removed any of it. :raises OSError: there is no room."""
        if not all((self.directory / name).exists() for name in ("default.crt", "default.key")):
            self.prepare()

    def clear(self) -> None:
        """Remove the directory, as far as that is possible."""
        shutil.rmtree(self.directory, ignore_errors=True)

    def keep_state(self, message: bytes) -> None:
        """Store the certificates for the next nginx."""
        replace_file(self.directory / "certificates.json", message, synced=False)
