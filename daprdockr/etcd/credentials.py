"""
The files of ``--etcd-ca``, ``--etcd-cert``, ``--etcd-key`` and ``--etcd-password-file``, as they are now. Opens no
connection.
"""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

from attrs import define, field

from daprdockr.etcd.address import Access
from daprdockr.model.errors import BadInput
from daprdockr.process.given import read_given

_MAX_PASSWORD = 4096

TlsContents = tuple[bytes | None, bytes | None, bytes | None]
"""Authority, key and certificate; None: there is none."""


@define(eq=False)
class CertificateFiles:
    """
    Connections are made with these. While the files cannot be used, as between two writes of a renewal, what was used
    last stays: connections are made again whenever etcd was away.
    """

    _last: TlsContents | None = field(init=False, default=None)

    def read(self, access: Access) -> TlsContents:
        """:raises OSError: a file cannot be read, and none was used before."""
        try:
            fingerprint(access)
        except (OSError, BadInput):
            return self._last or _contents(access)  # what is wrong with the first ones is the business of gRPC
        self._last = _contents(access)
        return self._last


def _contents(access: Access) -> TlsContents:
    ca, key, cert = (None if path is None else read_given(path) for path in (access.ca, access.key, access.cert))
    return ca, key, cert


def fingerprint(access: Access) -> bytes:
    """
    Return bytes that change with the contents of the files.

    :raises OSError: a file cannot be read.
    :raises BadInput: certificate and key do not match, as between two renewals.
    """
    digest = hashlib.sha256()
    for path in (access.ca, access.cert, access.key):
        if path is not None:
            digest.update(hashlib.sha256(read_given(path)).digest())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        if access.ca is not None:
            context.load_verify_locations(access.ca)
        if access.cert is not None:
            context.load_cert_chain(access.cert, access.key, password="")
    except ssl.SSLError:
        files = ", ".join(str(path) for path in (access.ca, access.cert, access.key) if path is not None)
        raise BadInput(f"{files} are not a certificate and its key in PEM: put both in place") from None
    return digest.digest()


def read_password(path: Path) -> str:
    """
    Return the first line of the file.

    :raises OSError: it cannot be read.
    :raises BadInput: that line is no password.
    """
    with path.open("rb") as file:
        line = file.readline(_MAX_PASSWORD)
    try:
        password = line.decode().rstrip("\r\n")
    except UnicodeDecodeError:
        raise BadInput(f"--etcd-password-file {path} cannot be read: it is not UTF-8") from None
    if not password:
        raise BadInput(f"--etcd-password-file {path} has an empty first line: write the password there")
    return password
