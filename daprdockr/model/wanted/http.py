"""The ``Http`` part of a definition: the host names and paths that lead to a service."""

from __future__ import annotations

import hashlib
import re
from functools import cached_property
from typing import Any
from urllib.parse import unquote

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.host_names import host_name
from daprdockr.model.members import Members, changed_members, read_members
from daprdockr.model.names import shorten

HOLD = 10.0
"""Seconds in which an instance is usually there again: started anew, or taken over by another node."""

TIMEOUT = 3600.0
"""Seconds: websockets and long polls stay open, and clients have timeouts of their own."""

AUTO, OFF, REQUIRE = TLS = ("auto", "off", "require")
"""With TLS and without, never with TLS, or never without."""

MOST_ENTRIES, MOST_HOST_NAMES = 100, 10_000
"""The most of a service: nginx keeps those of all services in memory of a fixed size."""

MOST_BUFFERED = 16 * 1024 * 1024
"""Bytes of a body that nginx takes whole before it passes it on: it has them in memory."""

MOST_HEADERS = 64 * 1024
"""Bytes of headers for which nginx has room, whatever the service: it reads them before it knows which one it is."""

_COOKIE_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_LONGEST_PATH = 255
_ODD_SEGMENT = re.compile(r"/(?:\.{0,2}/|\.{1,2}\Z)")
_NOT_IN_A_PATH = frozenset("%?#\\")


def host_names(value: object, path: str) -> tuple[str, ...]:
    """Read host names separated by commas; return them in their one spelling, each once. ``*.`` is allowed in front."""
    given = value.split(",") if isinstance(value, str) else []
    if not 1 <= len(given) <= MOST_HOST_NAMES:
        raise BadInput(
            f"{path}: {shorten(value)} is not usable, write 1 to {MOST_HOST_NAMES} host names, separated by commas"
        )
    try:
        return tuple(dict.fromkeys(map(host_name, given)))
    except BadInput as error:
        raise BadInput(f"{path}: {error}") from None


def is_path(text: str) -> bool:
    """
    Return whether this is a path as nginx compares it: decoded, no empty segment and none of dots, no ``/`` at the end.
    """
    return text == "/" or (
        text.startswith("/")
        and not text.endswith("/")
        and text.isprintable()
        and not _NOT_IN_A_PATH & set(text)
        and not _ODD_SEGMENT.search(text)
        and len(text.encode()) <= _LONGEST_PATH
    )


def url_path(value: object, path: str) -> str:
    """Read the beginning of a path, as in a URL or decoded; ``/api/`` is ``/api``."""
    try:
        text = unquote(value, errors="strict") if isinstance(value, str) else ""
    except UnicodeDecodeError:
        text = ""
    if text != "/" and not text.endswith("//"):
        text = text.removesuffix("/")
    if is_path(text):
        return text
    raise BadInput(
        f"{path}: {shorten(value)} is not usable, write a path such as /api, of {_LONGEST_PATH} bytes at most, without"
        " //, dot segments, %, ?, # and \\"
    )


def cookie_name(value: object, path: str) -> str:
    if isinstance(value, str) and _COOKIE_NAME.fullmatch(value):
        return value
    raise BadInput(f"{path}: {shorten(value)} is not usable, write a cookie's name: 1 to 64 letters, digits, - and _")


@frozen
class Http:
    """
    Host names, a path below them, and the port of the service's containers that they lead to.

    :ivar hold: for how many seconds a request waits while no instance is healthy.
    :ivar path: requests below this path come here; of several entries the one with the longest path gets them.
    :ivar strip_path: whether instances see the path of a request without ``path``.
    :ivar max_header: bytes that the first line and the headers of a request may have; 0: as many as nginx takes.
    :ivar max_body: bytes that the body of a request may have; 0: any number.
    :ivar timeout: how many seconds an instance may send nothing while a client waits for its answer, or for more of it.
    :ivar buffer: whether a body is read whole before an instance gets it, with its length.
    :ivar grpc: whether the instances speak gRPC: HTTP/2 without TLS.
    :ivar tls: one of ``TLS``.
    :ivar hsts: for how many seconds browsers that came by TLS use nothing else; 0: nothing asks them to.
    :ivar sticky: the name of a cookie that brings a client back to its instance; "": none does.
    """

    host_names: tuple[str, ...]
    container_port: int
    hold: float = HOLD
    path: str = "/"
    strip_path: bool = False
    max_header: int = 0
    max_body: int = 0
    timeout: float = TIMEOUT
    sticky: str = ""
    buffer: bool = False
    grpc: bool = False
    tls: str = AUTO
    hsts: int = 0

    @cached_property
    def known_by(self) -> str:
        """8 hex digits for the first host name and the path: the same in another definition with other ports."""
        return hashlib.sha256(f"{self.host_names[0]}{self.path}".encode()).hexdigest()[:8]

    @classmethod
    def read(cls, value: object, path: str) -> Http:
        entry = cls(**read_members(value, path, _MEMBERS, required=("HostName", "ContainerPort")))
        if entry.buffer and entry.max_body > MOST_BUFFERED:
            raise BadInput(f"{path}.MaxBody: with Buffer it can be {MOST_BUFFERED} at most, or leave Buffer out")
        _check_grpc(entry, path)
        if entry.hsts and entry.tls == OFF:
            raise BadInput(f"{path}.Hsts: browsers cannot use TLS where Tls is off, leave one of them out")
        return entry

    def write(self) -> dict[str, Any]:
        written: dict[str, Any] = {"HostName": ",".join(self.host_names), "ContainerPort": str(self.container_port)}
        return written | changed_members(self, Http(self.host_names, self.container_port), _MEMBERS)


def _check_grpc(entry: Http, path: str) -> None:
    """:raises BadInput: it is for gRPC, and asks for what that has not."""
    if not entry.grpc:
        return
    if entry.tls == OFF:
        raise BadInput(f"{path}.Grpc: clients of gRPC come by TLS, leave Tls out")
    for name in ("StripPath", "MaxBody", "Buffer", "Sticky"):
        if getattr(entry, _MEMBERS[name][0]):
            raise BadInput(f"{path}.{name}: a call by gRPC has nothing of the kind, leave it or Grpc out")


def read_entries(value: object, path: str) -> tuple[Http, ...]:
    """Read one entry, or a list of them. :raises BadInput: two claim the same path of a host name."""
    if not isinstance(value, list):
        return (Http.read(value, path),)
    if len(value) > MOST_ENTRIES:
        raise BadInput(f"{path} has {len(value)} entries, write at most {MOST_ENTRIES}")
    entries = tuple(Http.read(entry, f"{path}[{number}]") for number, entry in enumerate(value))
    claimed: dict[tuple[str, str], int] = {}
    for number, entry in enumerate(entries):
        for name in entry.host_names:
            first = claimed.setdefault((name, entry.path), number)
            if first != number:
                raise BadInput(f"{path}[{number}] claims {name}{entry.path}, as {path}[{first}] does: change its Path")
    if len(claimed) > MOST_HOST_NAMES:
        raise BadInput(f"{path} has {len(claimed)} host names, write at most {MOST_HOST_NAMES}")
    return entries


def write_entries(entries: tuple[Http, ...]) -> dict[str, Any] | list[dict[str, Any]]:
    """Return the JSON form; one entry is an object, which agents read that know no lists."""
    written = [entry.write() for entry in entries]
    return written[0] if len(written) == 1 else written


_MEMBERS: Members = {
    "HostName": ("host_names", host_names),
    "ContainerPort": ("container_port", reading.port),
    "Path": ("path", url_path),
    "StripPath": ("strip_path", reading.boolean),
    "MaxHeader": ("max_header", reading.integer(0, MOST_HEADERS)),
    "MaxBody": ("max_body", reading.integer(0, 2**50)),
    "Timeout": ("timeout", reading.seconds(0.1, 86400)),
    "Sticky": ("sticky", cookie_name),
    "Buffer": ("buffer", reading.boolean),
    "Grpc": ("grpc", reading.boolean),
    "Tls": ("tls", reading.one_of(*TLS)),
    "Hsts": ("hsts", reading.integer(0, 2**31 - 1)),
    "Hold": ("hold", reading.seconds(0, 60)),
}
