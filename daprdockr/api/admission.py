"""
The rules by which the agent's HTTP listener answers or refuses a request.

Note [Rebinding]
    A page in the browser of somebody on this host may have its own name lead to 127.0.0.1, and would then read what we
    serve there as if it were its own. It cannot have the browser write another name than its own into ``Host``: so on
    loopback only ``localhost`` and addresses are answered. Elsewhere a token is needed, which no such page has: a
    browser that was given it as a password sends it to the name and port that asked for it, and to no other.
"""

from __future__ import annotations

import base64
import hmac
import ipaddress
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from twisted.web.http import Request
from twisted.web.resource import Resource

from daprdockr.model.errors import BadInput
from daprdockr.process.given import read_given

OPEN = b"healthz"
"""The path that everybody may read: load balancers have no token."""

_LEAST_OCTETS = 16
_PORT = re.compile(r":[0-9]*$", re.ASCII)


def read_token(path: Path) -> str:
    """
    Return the first line of the file.

    :raises OSError: it cannot be read.
    :raises BadInput: that line is too short to be a secret, or cannot stand in a header.
    """
    line = read_given(path).partition(b"\n")[0].strip()
    if len(line) < _LEAST_OCTETS or not line.isascii() or not line.decode().isprintable():
        raise BadInput(
            f"--api-token-file {path} has no token: write at least {_LEAST_OCTETS} printable characters into its first "
            "line, such as those of openssl rand -hex 32"
        )
    return line.decode()


def is_loopback(address: str) -> bool:
    """Return whether an address of ours is reached from this host alone."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    return (mapped or found).is_loopback


def is_local_name(host: str) -> bool:
    """Return whether a ``Host`` header names this host in a way that nobody's DNS decides. See Note [Rebinding]."""
    name = _PORT.sub("", host).strip("[]")
    if name.lower() in ("", "localhost"):
        return True
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


class GuardedRoot(Resource):
    """
    The root of the listener: it leads to the children to whom a request may go, and answers the others.

    :param token: returns the token that opens the listener beyond loopback; "" or None: nothing does.
    """

    def __init__(self, token: Callable[[], str | None]) -> None:
        super().__init__()
        self._token = token

    def getChildWithDefault(self, path: bytes, request: Request) -> Any:  # noqa: N802  Twisted's name
        if path != OPEN and (refusal := self._refusal(request)) is not None:
            return refusal
        return super().getChildWithDefault(path, request)

    def _refusal(self, request: Request) -> Refused | None:
        if is_loopback(request.getHost().host):
            host = (request.getHeader(b"host") or b"").decode("latin-1")
            return None if is_local_name(host) else Refused(421, "ask for localhost, or for an address of this host")
        token = self._token()
        if not token:
            return Refused(403, "only /healthz is served here: give --api-token-file, or ask on 127.0.0.1")
        return (
            None
            if _has(request, token)
            else Refused(401, "send the token of --api-token-file as a bearer token, or as the password of any user")
        )


def _has(request: Request, token: str) -> bool:
    """Return whether a request brings the token: as a bearer token, or, from a browser, as the password of any user."""
    scheme, _, value = (request.getHeader(b"authorization") or b"").partition(b" ")
    value = value.strip()
    if scheme.lower() == b"basic":
        value = _password(value)
    elif scheme.lower() != b"bearer":
        return False
    return hmac.compare_digest(value, token.encode())


def _password(credentials: bytes) -> bytes:
    try:
        return base64.b64decode(credentials, validate=True).partition(b":")[2]
    except ValueError:
        return b""


class Refused(Resource):
    """One line that says what to do."""

    isLeaf = True  # noqa: N815  Twisted's name

    def __init__(self, status: int, text: str) -> None:
        super().__init__()
        self._status = status
        self._text = text

    def render(self, request: Request) -> bytes:
        request.setResponseCode(self._status)
        request.setHeader(b"content-type", b"text/plain; charset=utf-8")
        request.setHeader(b"cache-control", b"no-store")
        if self._status == 401:
            asked = [b"Bearer", b'Basic realm="daprdockr: any user, the token as password", charset="UTF-8"']
            request.responseHeaders.setRawHeaders(b"www-authenticate", asked)
        return f"{self._text}\n".encode()
