"""The figures that stand in the metrics of a member alone."""

from __future__ import annotations

import datetime
import socket
import ssl
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

from attrs import evolve
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.trial.unittest import SynchronousTestCase

from daprdockr.etcd.address import Access
from daprdockr.etcd.member_figures import MemberFigures, member_figures, read_figures
from daprdockr.model.stored.certificate import CertificatePair
from daprdockr.sealing.authority import new_authority, new_key, request_of, signed, uses_of

NOW = datetime.datetime.now(datetime.UTC)
PAGE = """\
# HELP etcd_server_quota_backend_bytes Current backend storage quota size in bytes.
etcd_server_quota_backend_bytes 2.147483648e+09
etcd_debugging_mvcc_compact_revision 3811
etcd_debugging_mvcc_compact_revision_of_another 5
"""


def without_issuers_key(text: str, authority: CertificatePair) -> str:
    """Return the certificate as an authority signed it at first: it does not say by which key."""
    given, key = (
        x509.load_pem_x509_certificate(text.encode()),
        serialization.load_pem_private_key(authority.key.encode(), None),
    )
    builder = x509.CertificateBuilder(
        given.issuer,
        given.subject,
        given.public_key(),
        given.serial_number,
        given.not_valid_before_utc,
        given.not_valid_after_utc,
    )
    for extension in given.extensions:
        if not isinstance(extension.value, x509.AuthorityKeyIdentifier):
            builder = builder.add_extension(extension.value, extension.critical)
    assert isinstance(key, ec.EllipticCurvePrivateKey)
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


class Told(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/metrics" else 404)
        self.end_headers()
        self.wfile.write(PAGE.encode())

    def log_message(self, *words: object) -> None:
        """Nothing is logged."""


class FiguresTests(SynchronousTestCase):
    def test_read(self) -> None:
        """They are found by name; what is absent or no number is 0."""
        self.assertEqual(read_figures(PAGE), MemberFigures(2**31, 3811))
        self.assertEqual(read_figures(""), MemberFigures())
        for value in ("NaN", "+Inf", "1e999", "1.2.3", "-1", ""):
            self.assertEqual(read_figures(f"etcd_server_quota_backend_bytes {value}\n"), MemberFigures(), value)

    def test_asked(self) -> None:
        """The first endpoint is asked, whatever the environment says of proxies."""
        with HTTPServer(("127.0.0.1", 0), Told) as server:
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            self.addCleanup(thread.join)
            self.addCleanup(server.shutdown)
            access = Access.parse(f"http://127.0.0.1:{server.server_port}")
            self.assertEqual(member_figures(access, 5.0), MemberFigures(2**31, 3811))
            self.assertEqual(member_figures(evolve(access, secure=True), 5.0), MemberFigures())

    def test_tls(self) -> None:
        """
        A member is asked by TLS, too, though its certificate does not name the key of its issuer: newer Pythons ask for
        that, and the first certificates of ``init`` lack it.
        """
        authority, pair, home = new_authority(NOW), new_key(), Path(self.mktemp())
        member, _ = uses_of("host1", "127.0.0.1")
        home.mkdir()
        (home / "ca.pem").write_text(authority.chain)
        (home / "pair.pem").write_text(
            pair + without_issuers_key(signed(authority, request_of(pair), member, NOW), authority)
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(home / "pair.pem")
        with HTTPServer(("127.0.0.1", 0), Told) as server:
            server.socket = context.wrap_socket(server.socket, server_side=True)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            self.addCleanup(thread.join)
            self.addCleanup(server.shutdown)
            access = Access.parse(f"https://127.0.0.1:{server.server_port}", ca=home / "ca.pem")
            self.assertEqual(member_figures(access, 5.0), MemberFigures(2**31, 3811))

    def test_broken_off(self) -> None:
        """An answer that is no HTTP, or that ends in the middle because its member does, has no figures."""
        head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
        for answer in (b"no HTTP\r\n\r\n", head + b"ff\r\netcd_"):
            with socket.create_server(("127.0.0.1", 0)) as server:

                def serve(listening: socket.socket = server, content: bytes = answer) -> None:
                    with listening.accept()[0] as client:
                        client.recv(4096)
                        client.sendall(content)

                thread = threading.Thread(target=serve)
                thread.start()
                access = Access.parse(f"http://127.0.0.1:{server.getsockname()[1]}")
                self.assertEqual(member_figures(access, 5.0), MemberFigures())
                thread.join()

    def test_nobody(self) -> None:
        """A member that does not answer, or files that cannot be used, tell nothing."""
        self.assertEqual(member_figures(Access.parse("http://127.0.0.1:1"), 1.0), MemberFigures())
        path = Path(self.mktemp())
        path.write_text("no certificate")
        access = Access.parse("https://127.0.0.1:1", cert=path, key=path)
        self.assertEqual(member_figures(access, 1.0), MemberFigures())
