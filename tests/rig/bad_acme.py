"""An ACME server that issues nothing: it refuses everything, hangs, or answers with garbage, as ``manner`` says."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from tests.fakes.acme_http import AcmeRequest

REFUSE, HANG, GARBAGE = "refuse", "hang", "garbage"
DETAIL = "this account may not order anything"


class BadAcme:
    """It has a free port of the loopback address; ``asked`` counts its requests by manner."""

    def __init__(self) -> None:
        self.manner = REFUSE
        self.asked = {REFUSE: 0, HANG: 0, GARBAGE: 0}
        self._over = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._asked_by())
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    @property
    def directory(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/dir"

    def close(self) -> None:
        self._over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, type and content of an answer; a hanging one comes when all is over."""
        self.asked[self.manner] += 1
        if self.manner == HANG:
            self._over.wait()
        if self.manner != REFUSE:
            return 200, "text/html", b"<html>It works!</html>"
        if path == "/dir":
            places = {name: self.directory.replace("dir", name) for name in ("newNonce", "newAccount", "newOrder")}
            return 200, "application/json", json.dumps(places).encode()
        if path == "/newNonce":
            return 200, "text/plain", b""
        problem = {"type": "urn:ietf:params:acme:error:unauthorized", "detail": DETAIL}
        return 403, "application/problem+json", json.dumps(problem).encode()

    def _asked_by(self) -> type[BaseHTTPRequestHandler]:
        answer = self._answer

        class Asking(AcmeRequest):
            def do_GET(self) -> None:  # noqa: N802  the name in http.server
                status, kind, content = answer(self.path)
                length = str(len(content))
                headers = {"Content-Type": kind, "Content-Length": length, "Replay-Nonce": "bm9uY2U"}
                self.reply(status, headers, content)

        return Asking
