"""The ``Health`` part of a definition: how an instance shows that it is healthy."""

from __future__ import annotations

import hashlib
import json
import re
from functools import cached_property
from typing import Any

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.members import Members, changed_members, read_members
from daprdockr.model.names import shorten

BY_PORT = frozenset({"http", "tcp", "grpc"})
"""The types that connect to a port."""

_TYPES = ("http", "tcp", "grpc", "exec", "docker", "none")
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)
_NOT_TO_BE_SENT = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "keep-alive"}
)
_MOST_HEADERS, _LONGEST_HEADER = 16, 1024


@frozen
class Health:
    """
    How an instance is checked. ``interval`` and ``timeout`` are seconds; ``port`` is a container port (0: none);
    ``retries`` failures in a row make an instance that never was healthy unhealthy; those of the first ``start_period``
    seconds of a run do not count until it was healthy once; ``command`` is what type ``exec`` runs in the container.
    ``headers`` are sent by type ``http`` beside ``host``, the value of the ``Host`` header ("": the first HTTP host
    name). ``service`` is that of which type ``grpc`` asks ("": the server as a whole).
    """

    type: str = "none"
    path: str = "/"
    port: int = 0
    interval: float = 5
    timeout: float = 2
    retries: int = 3
    start_period: float = 0
    command: tuple[str, ...] = ()
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()
    service: str = ""

    @classmethod
    def read(cls, value: object, path: str) -> Health:
        given = read_members(value, path, _MEMBERS)
        if "type" not in given:
            raise BadInput(f"{path}.Type is missing, write one of {', '.join(_TYPES)}")
        if given["type"] == "exec" and not given.get("command"):
            raise BadInput(f'{path}.Cmd is missing: type exec runs a command, such as ["pg_isready"]')
        return cls(**given)

    @cached_property
    def digest(self) -> str:
        """
        12 hex digits, alike for equal checks, whether a number is written as 5 or as 5.0. They are made from what
        differs from the defaults, so that a newer agent computes the same for an old check.
        """
        given = {key: float(item) if isinstance(item, int) else item for key, item in self.write().items()}
        text = json.dumps(given, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def write(self) -> dict[str, Any]:
        written = {"Type": self.type, **changed_members(self, Health(), _MEMBERS)}
        for key, form in _FORMS.items():
            if key in written:
                written[key] = form(written[key])
        return written


def _path(value: object, path: str) -> str:
    if isinstance(value, str) and re.fullmatch(r"/[!-~]{0,1023}", value):
        return value
    raise BadInput(f"{path}: {shorten(value)} is not usable, write a path that starts with / and has no spaces")


def _service(value: object, path: str) -> str:
    if isinstance(value, str) and re.fullmatch(r"[!-~]{0,127}", value):
        return value
    raise BadInput(f"{path}: {shorten(value)} is not usable, write the name of a service of gRPC, such as shop.Cart")


def _host(value: object, path: str) -> str:
    """Check what may stand in a ``Host`` header (RFC 9110, section 7.2): a name or address, perhaps with a port."""
    if isinstance(value, str) and re.fullmatch(
        r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?", value
    ):
        return value
    raise BadInput(f"{path}: {shorten(value)} is not usable, write a host such as example.com or example.com:8080")


def _headers(value: object, path: str) -> tuple[tuple[str, str], ...]:
    """
    Check that each header can be sent unchanged (RFC 9110, section 5) and none is given twice. Headers that belong to
    the connection are refused, and so is ``Host``, which has a member of its own.
    """
    given = reading.map_of(reading.text)(value, path)
    reading.refuse_more(given, path, _MOST_HEADERS)
    for name, text in given.items():
        if not _TOKEN.fullmatch(name) or name.lower() in _NOT_TO_BE_SENT:
            raise BadInput(f"{path}: a header {shorten(name)} cannot be sent; Host has a member of its own")
        if not (text.isascii() and len(text) <= _LONGEST_HEADER and text == text.strip()):
            raise BadInput(f"{path}.{name} is not usable, write at most {_LONGEST_HEADER} ASCII characters")
    if len({name.lower() for name in given}) < len(given):
        raise BadInput(f"{path} has a header twice, in different case")
    return tuple(sorted(given.items()))


_MEMBERS: Members = {
    "Type": ("type", reading.one_of(*_TYPES)),
    "Path": ("path", _path),
    "Port": ("port", reading.port),
    "Interval": ("interval", reading.seconds(0.1, 3600)),
    "Timeout": ("timeout", reading.seconds(0.1, 300)),
    "Retries": ("retries", reading.integer(1, 100)),
    "StartPeriod": ("start_period", reading.seconds(0, 3600)),
    "Cmd": ("command", reading.free_texts),
    "Host": ("host", _host),
    "Headers": ("headers", _headers),
    "Service": ("service", _service),
}
_FORMS = {"Port": str, "Cmd": list, "Headers": dict}
"""The JSON form of members that are not written as they are kept."""
