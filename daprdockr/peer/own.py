"""A node as it shows itself to those who connect: its own certificate, whose fingerprint stands in its record."""

from __future__ import annotations

import ipaddress
import ssl
from collections.abc import Callable, Collection
from hashlib import sha256
from pathlib import Path
from typing import Any

from attrs import frozen
from twisted.internet.error import CertificateError
from twisted.internet.ssl import Certificate, CertificateOptions, PrivateCertificate, TLSVersion
from twisted.logger import Logger

from daprdockr.model.stored.certificate import MAX_PEM, CertificatePair
from daprdockr.process.atomic import replace_file
from daprdockr.process.kept import read_kept

_ASK = 1
"""``SSL_VERIFY_PEER`` of OpenSSL: clients are asked for a certificate, and a function of ours judges it."""

ListenAddress = tuple[str, int]

_log = Logger()


@frozen
class OwnPeer:
    """
    :ivar where: returns where this node listens now, and the address by which others reach it.
    """

    pair: CertificatePair
    where: Callable[[], tuple[ListenAddress, ListenAddress]]

    @property
    def fingerprint(self) -> str:
        return sha256(ssl.PEM_cert_to_DER_cert(self.pair.chain)).hexdigest()

    @property
    def published(self) -> str:
        """Where others reach it, as <address>:<port>."""
        address, port = self.where()[1]
        return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"

    def options(self) -> CertificateOptions:
        """
        Return the options of TLS, which is 1.3: every client is ours. Clients may show a certificate, which proves that
        they have its key and nothing else: whose it is, the fingerprints in the records of nodes say.
        """
        options = _options(self.pair)
        options.getContext().set_verify(_ASK, lambda *_: True)
        return options


def fingerprint_of(transport: Any) -> str:
    """Return what stands in a node's record of the certificate that the other side shows; "" if it shows none."""
    try:
        found: bytes = Certificate.peerFromTransport(transport).dump()
    except CertificateError:
        return ""
    return sha256(found).hexdigest()


def kept_pair(
    path: Path, read: Callable[[bytes], CertificatePair], make: Callable[[], CertificatePair]
) -> CertificatePair:
    """
    Return the pair in a file; where there is none that can be used, a new one, which is written there. Blocking.

    :param read: raises BadInput for content that cannot be used.
    """
    pair = read_kept(path, 4 * MAX_PEM, read)
    if pair is None:
        pair = make()
        try:
            replace_file(path, pair.encode(), synced=True)
        except OSError as error:
            _log.warn(
                "{path} was not written, so the next agent shows another certificate: {why}", path=path, why=error
            )
    return pair


def _options(pair: CertificatePair) -> CertificateOptions:
    own: Any = PrivateCertificate.loadPEM((pair.key + pair.chain).encode())
    return CertificateOptions(own.privateKey.original, own.original, raiseMinimumTo=TLSVersion.TLSv1_3)


def listened(wanted: ListenAddress, published: str, own: Collection[str]) -> tuple[ListenAddress, ListenAddress]:
    """
    Return where to listen, and where others reach that.

    :param wanted: as the option has it. An address that this machine does not have is a router's, so all are listened
        to.
    :param published: the node's first address, which others reach if all are listened to.
    """
    address, port = wanted
    known = ipaddress.ip_address(address.partition("%")[0])
    if known.is_unspecified:
        return wanted, (published, port)
    if known.is_loopback or address in own or not own:
        return wanted, wanted
    return ("::" if known.version == 6 else "0.0.0.0", port), wanted
