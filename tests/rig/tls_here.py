"""A real nginx with a listener for TLS and with certificates, and the clients that ask it."""

from __future__ import annotations

import datetime
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread

from daprdockr.model.stored.certificate import FILE, CertificatePair
from daprdockr.proxy.certificates import Certificate, CertificateState, certificate_state, chosen
from daprdockr.proxy.configuration import HttpListener
from daprdockr.proxy.nginx import Nginx
from daprdockr.proxy.tls_files import TlsFiles
from daprdockr.sealing.certificates import facts_of, self_signed, ticket_key
from tests.build.ports import free_port
from tests.rig.nginx_here import NginxTestCase, until

NAME = "web.example.com"
SECRET = b"of the cluster"


def state_of(*pairs: CertificatePair, unknown: CertificatePair | None = None, day: int = 1) -> CertificateState:
    found = [Certificate(facts_of(pair).names[0], FILE, pair, facts_of(pair)) for pair in pairs]
    return certificate_state(chosen(found, time.time()), unknown, ticket_key(SECRET, day))


def fingerprint(pair: CertificatePair) -> bytes:
    return ssl.PEM_cert_to_DER_cert(pair.chain)


class TlsTestCase(NginxTestCase):
    """An nginx with a listener for TLS, and with certificates."""

    def setUp(self) -> None:
        super().setUp()
        self.default = self_signed(datetime.datetime.now(datetime.UTC))
        self.tls_port = free_port()

    def memory(self) -> Path:
        directory = Path(tempfile.mkdtemp(prefix="dapr-tls-"))
        self.addCleanup(shutil.rmtree, directory, True)
        return directory

    async def served(self, state: CertificateState, *routes: Any, **changes: Any) -> Nginx:
        port = changes.pop("tls_port", self.tls_port)
        files = TlsFiles(changes.pop("memory", None) or self.memory(), self.default)
        listeners = [HttpListener("127.0.0.1", port, tls=True)]
        nginx = await self.started(*routes, listeners=listeners, tls=files, **changes)
        await self.certified(nginx, state)
        return nginx

    async def certified(self, nginx: Nginx, state: CertificateState) -> None:
        before = nginx.door.certified
        nginx.door.certify(state)
        await until(lambda: nginx.door.certified > before)

    async def shown(self, name: str | None, port: int = 0) -> bytes | None:
        """The certificate that a handshake for this name gets; None: it fails."""
        return await deferToThread(_shown, port or self.tls_port, name)

    async def openssl(self, *arguments: str, port: int = 0, request: bytes = b"") -> str:
        """Return the output of ``openssl s_client``; with a request it waits for the answer, and so for a ticket."""
        words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port or self.tls_port}", *arguments]
        words += ["-ign_eof"] if request else []

        def run() -> str:
            done = subprocess.run(words, input=request, capture_output=True, timeout=20, check=False)
            return (done.stdout + done.stderr).decode("utf-8", "replace")

        return await deferToThread(run)

    async def curl(self, *arguments: str, name: str = NAME, path: str = "/", stdin: bytes = b"") -> str:
        words = ["curl", "-sSk", "--max-time", "10", "--resolve", f"{name}:{self.tls_port}:127.0.0.1", *arguments]

        def run() -> str:
            target = f"https://{name}:{self.tls_port}{path}"
            done = subprocess.run([*words, target], input=stdin, capture_output=True, timeout=20, check=False)
            return (done.stdout + done.stderr).decode("utf-8", "replace")

        return await deferToThread(run)


def _shown(port: int, name: str | None) -> bytes | None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), timeout=10) as stream:
        try:
            with context.wrap_socket(stream, server_hostname=name) as connection:
                return connection.getpeercert(binary_form=True)
        except (ssl.SSLError, ConnectionError):
            return None
