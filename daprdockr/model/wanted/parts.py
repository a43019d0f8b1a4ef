"""
The parts of a service definition beside its container: HTTP, health, placement, update.

Each reads its own JSON object and writes it back without what is at its default.
"""

from __future__ import annotations

import re
from typing import Any

from attrs import frozen

from daprdockr.model import reading
from daprdockr.model.errors import BadInput
from daprdockr.model.names import MAX_INSTANCES, is_host_name, shorten

_CONSTRAINT = re.compile(
    r"\s*([A-Za-z0-9][A-Za-z0-9._/-]{0,62})\s*(==|!=)\s*([A-Za-z0-9][A-Za-z0-9._/-]{0,62})\s*", re.ASCII
)

_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]{1,64}", re.ASCII)
_NOT_TO_BE_SENT = frozenset(
    {"host", "connection", "content-length", "transfer-encoding", "te", "trailer", "upgrade", "expect", "keep-alive"}
)
_MOST_HEADERS, _LONGEST_HEADER = 16, 1024


def host_names(value: object, path: str) -> tuple[str, ...]:
    """Host names by comma, in lower case, ``*.`` allowed in front."""
    names = [name.strip(" ").lower() for name in value.split(",")] if isinstance(value, str) else [""]
    for name in names:
        if not is_host_name(name):
            raise BadInput(
                f"{path}: {shorten(value)} is not usable, write host names such as example.com,*.example.com"
            )
    return tuple(dict.fromkeys(names))


@frozen
class Http:
    """Which HTTP host names lead to this service, and to which port of its containers."""

    host_names: tuple[str, ...]
    container_port: int

    @classmethod
    def read(cls, value: object, path: str) -> Http:
        given = reading.record(value, path, {"HostName": host_names, "ContainerPort": reading.port})
        for key in ("HostName", "ContainerPort"):
            if key not in given:
                raise BadInput(f"{path}.{key} is missing")
        return cls(host_names=given["HostName"], container_port=given["ContainerPort"])

    def write(self) -> dict[str, Any]:
        return {"HostName": ",".join(self.host_names), "ContainerPort": str(self.container_port)}


@frozen
class Health:
    """
    How an instance shows that it is well. ``interval`` and ``timeout`` are seconds; ``port`` is a container port
    (0: none); ``retries`` failures in a row make it unhealthy; ``command`` is what type ``exec`` runs inside.
    ``headers`` are sent by ``http`` beside ``host``, which is the header of that name ("": the first HTTP host name).
    """

    type: str = "none"
    path: str = "/"
    port: int = 0
    interval: float = 5
    timeout: float = 2
    retries: int = 3
    command: tuple[str, ...] = ()
    host: str = ""
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def read(cls, value: object, path: str) -> Health:
        given = reading.record(value, path, _HEALTH)
        if "Type" not in given:
            raise BadInput(f"{path}.Type is missing, write one of http, tcp, exec, docker, none")
        if given["Type"] == "exec" and not given.get("Cmd"):
            raise BadInput(f'{path}.Cmd is missing: type exec runs a command, such as ["pg_isready"]')
        return cls(**{_HEALTH_NAMES[key]: item for key, item in given.items()})

    def write(self) -> dict[str, Any]:
        plain = Health()
        written: dict[str, Any] = {"Type": self.type}
        for key, name in _HEALTH_NAMES.items():
            if getattr(self, name) != getattr(plain, name):
                written[key] = getattr(self, name)
        if "Port" in written:
            written["Port"] = str(self.port)
        if "Cmd" in written:
            written["Cmd"] = list(self.command)
        if "Headers" in written:
            written["Headers"] = dict(self.headers)
        return written


def _path(value: object, path: str) -> str:
    if isinstance(value, str) and re.fullmatch(r"/[!-~]{0,1023}", value):
        return value
    raise BadInput(f"{path}: {shorten(value)} is not usable, write a path that starts with / and has no spaces")


def _host(value: object, path: str) -> str:
    """What may stand in a ``Host`` header (RFC 9110, section 7.2): a name or address, perhaps with a port."""
    if isinstance(value, str) and re.fullmatch(
        r"[A-Za-z0-9._-]{1,253}(:[0-9]{1,5})?|\[[0-9A-Fa-f:.]+\](:[0-9]{1,5})?", value
    ):
        return value
    raise BadInput(f"{path}: {shorten(value)} is not usable, write a host such as example.com or example.com:8080")


def _headers(value: object, path: str) -> tuple[tuple[str, str], ...]:
    """
    Names and values that can be sent as they are (RFC 9110, section 5), none of them twice. Not those that belong to
    the connection, and not ``Host``, which has a member of its own.
    """
    given = reading.map_of(reading.text)(value, path)
    if len(given) > _MOST_HEADERS:
        raise BadInput(f"{path} has {len(given)} members, write at most {_MOST_HEADERS}")
    for name, text in given.items():
        if not _TOKEN.fullmatch(name) or name.lower() in _NOT_TO_BE_SENT:
            raise BadInput(f"{path}: a header {shorten(name)} cannot be sent; Host has a member of its own")
        if not (text.isascii() and len(text) <= _LONGEST_HEADER and text == text.strip()):
            raise BadInput(f"{path}.{name} is not usable, write at most {_LONGEST_HEADER} ASCII characters")
    if len({name.lower() for name in given}) < len(given):
        raise BadInput(f"{path} has a header twice, in different case")
    return tuple(sorted(given.items()))


_HEALTH: dict[str, reading.Check[Any]] = {
    "Type": reading.one_of("http", "tcp", "exec", "docker", "none"),
    "Path": _path,
    "Port": reading.port,
    "Interval": reading.seconds(0.1, 3600),
    "Timeout": reading.seconds(0.1, 300),
    "Retries": reading.integer(1, 100),
    "Cmd": lambda value, path: tuple(reading.list_of(reading.free_text)(value, path)),
    "Host": _host,
    "Headers": _headers,
}
_HEALTH_NAMES = {
    "Type": "type",
    "Path": "path",
    "Port": "port",
    "Interval": "interval",
    "Timeout": "timeout",
    "Retries": "retries",
    "Cmd": "command",
    "Host": "host",
    "Headers": "headers",
}


@frozen
class Constraint:
    """A wish about a node's labels: ``zone == a`` or ``disk != slow``. A label that a node lacks equals nothing."""

    label: str
    equal: bool
    value: str

    @classmethod
    def read(cls, value: object, path: str) -> Constraint:
        match = _CONSTRAINT.fullmatch(value) if isinstance(value, str) else None
        if match is None:
            raise BadInput(f"{path}: {shorten(value)} is not usable, write label == value or label != value")
        return cls(label=match[1], equal=match[2] == "==", value=match[3])

    def write(self) -> str:
        return f"{self.label} {'==' if self.equal else '!='} {self.value}"


@frozen
class Placement:
    """Where instances may run: on nodes that meet all constraints, and at most one on each if ``one_per_node``."""

    constraints: tuple[Constraint, ...] = ()
    one_per_node: bool = False

    @classmethod
    def read(cls, value: object, path: str) -> Placement:
        given = reading.record(
            value, path, {"Constraints": reading.list_of(Constraint.read), "OnePerNode": reading.boolean}
        )
        return cls(constraints=tuple(given.get("Constraints", ())), one_per_node=given.get("OnePerNode", False))

    def write(self) -> dict[str, Any]:
        written: dict[str, Any] = {}
        if self.constraints:
            written["Constraints"] = [constraint.write() for constraint in self.constraints]
        if self.one_per_node:
            written["OnePerNode"] = True
        return written


@frozen
class Update:
    """How a rollout goes: instances at a time, seconds it may take, what to do on failure, seconds of drain."""

    parallelism: int = 1
    deadline: float = 300
    on_failure: str = "revert"
    drain: float = 10

    @classmethod
    def read(cls, value: object, path: str) -> Update:
        given = reading.record(value, path, _UPDATE)
        return cls(**{_UPDATE_NAMES[key]: item for key, item in given.items()})

    def write(self) -> dict[str, Any]:
        plain = Update()
        pairs = ((key, getattr(self, name), getattr(plain, name)) for key, name in _UPDATE_NAMES.items())
        return {key: mine for key, mine, default in pairs if mine != default}


_UPDATE: dict[str, reading.Check[Any]] = {
    "Parallelism": reading.integer(1, MAX_INSTANCES),
    "Deadline": reading.seconds(1, 86400),
    "OnFailure": reading.one_of("revert", "pause"),
    "Drain": reading.seconds(0, 3600),
}
_UPDATE_NAMES = {
    "Parallelism": "parallelism",
    "Deadline": "deadline",
    "OnFailure": "on_failure",
    "Drain": "drain",
}
