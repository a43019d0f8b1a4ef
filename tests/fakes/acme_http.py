"""An ACME server (RFC 8555) at a port of the loopback address that answers as a test's script says, and notes all."""

from __future__ import annotations

import json
import threading
from base64 import urlsafe_b64decode
from collections import defaultdict
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from attrs import field, frozen

PLACES = ("newNonce", "newAccount", "newOrder")
ERROR = "urn:ietf:params:acme:error:"


@frozen
class Scripted:
    """One answer; ``{base}`` in its content and its headers becomes the URL of the server."""

    content: Any = b""
    status: int = 200
    headers: dict[str, str] = field(factory=dict)
    kind: str = "application/json"
    nonce: bool = True

    def octets(self, base: str) -> bytes:
        text = self.content if isinstance(self.content, bytes) else json.dumps(self.content).encode()
        return text.replace(b"{base}", base.encode())


def problem(code: str, status: int = 400, detail: str = "no", **headers: str) -> Scripted:
    """A problem document (RFC 7807), with headers such as ``Retry_After``."""
    content = {"type": f"{ERROR}{code}", "detail": detail}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Scripted(content, status, named, "application/problem+json")


@frozen
class Asked:
    """One request: what its signature covers, and what it says."""

    method: str
    path: str
    protected: dict[str, Any] = field(factory=dict)
    payload: Any = None
    agent: str = ""


class AcmeRequest(BaseHTTPRequestHandler):
    """A request to an ACME server; ``do_GET`` answers those of every method, and no log is written."""

    def do_GET(self) -> None:
        raise NotImplementedError

    def do_POST(self) -> None:
        self.do_GET()

    def do_HEAD(self) -> None:
        self.do_GET()

    def reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
        """Send an answer, to a client that may be gone."""
        with suppress(OSError):  # the client waits no more
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"" if self.command == "HEAD" else content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class ScriptedAcme:
    """``script`` has the answers of each path in their order, of which the last one stays."""

    def __init__(self) -> None:
        self.script: dict[str, list[Scripted]] = defaultdict(lambda: [problem("malformed", 404)])
        self.asked: list[Asked] = []
        self.over = threading.Event()
        self._nonces = 0
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _asking(self))
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self.directory(*PLACES)
        self.script["/newNonce"] = [Scripted()]
        self.script["/newAccount"] = [Scripted({"status": "valid"}, headers={"Location": "{base}/account"})]

    @property
    def base(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def directory(self, *places: str) -> None:
        """The directory names these places."""
        self.script["/dir"] = [Scripted({place: f"{{base}}/{place}" for place in places})]

    def of(self, path: str) -> list[Asked]:
        """The requests for one path."""
        return [asked for asked in self.asked if asked.path == path]

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, asked: Asked) -> tuple[Scripted, str]:
        """The answer to a request, and a new nonce."""
        self.asked.append(asked)
        answers = self.script[asked.path]
        self._nonces += 1
        return answers.pop(0) if len(answers) > 1 else answers[0], f"bm9u{self._nonces:04}"


def _part(text: str) -> Any:
    octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    return json.loads(octets) if octets else ""


def _asking(acme: ScriptedAcme) -> type[BaseHTTPRequestHandler]:
    class Asking(AcmeRequest):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            signed = json.loads(body) if body else {"protected": "", "payload": ""}
            protected, payload = _part(signed["protected"]) or {}, _part(signed["payload"])
            asked = Asked(self.command, self.path, protected, payload, self.headers.get("User-Agent", ""))
            answer, nonce = acme.answer(asked)
            headers = {name: value.replace("{base}", acme.base) for name, value in answer.headers.items()}
            headers["Content-Type"] = answer.kind
            if answer.nonce:
                headers["Replay-Nonce"] = nonce
            self.reply(answer.status, headers, answer.octets(acme.base))

    return Asking
