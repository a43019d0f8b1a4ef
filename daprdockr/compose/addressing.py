# -*- test-case-name: tests.unit.compose.test_addressing -*-
"""Where the texts of a service name other services, and with which port."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from attrs import frozen

from daprdockr.compose.service import ComposeService
from daprdockr.compose.units import text

SCHEMES: Mapping[str, int] = {
    **{"postgres": 5432, "postgresql": 5432, "mysql": 3306, "mariadb": 3306, "redis": 6379, "mongodb": 27017},
    **{"amqp": 5672, "nats": 4222, "mqtt": 1883, "http": 80, "https": 443},
}
"""The port of an address that has none, by its scheme."""

_WITH_PORT = re.compile(r"(?<![\w.-])([\w.-]++)(?=:(\d{1,5})(?![\w@]))")
_WITH_SCHEME = tuple(re.compile(rf"([a-z][a-z+]*+)://{user}([\w.-]++)(?=[/?\"'\s]|$)") for user in ("", r"[^\s/@]*@"))
"""Two, because what stands before an ``@`` is a user, or the address of which the query has it."""
_HOST_VARIABLE = re.compile(r"(\w*?)(?:HOST(?:S|NAME)?|SERVERS?|ADDR(?:ESS)?|ENDPOINT|BROKER|UR[LI])", re.IGNORECASE)
_HOSTS = re.compile(r"[\w.-]+(?:[,;\s]+[\w.-]+)*")


@frozen
class Mention:
    """
    A name, which may be that of a service, in the value of a key.

    :ivar port: the port that stands with it; 0 if none does.
    """

    key: str
    name: str
    port: int


def mentions(service: ComposeService) -> Iterator[Mention]:
    for key, line in _texts(service):
        yield from (Mention(key, name, port) for name, port in _addresses(line))
    parts = (str(line).partition("=") for line in service.container.get("Env", ()))
    variables = {name: value for name, _, value in parts}
    for variable, value in variables.items():
        found = _HOST_VARIABLE.fullmatch(variable)
        if found and _HOSTS.fullmatch(value):
            # Beside a URL or BROKER, a mere PORT is the one on which the program itself listens.
            paired = found[1] or variable.lower().startswith("host")
            beside = variables.get(f"{found[1]}PORT", variables.get(f"{found[1]}port", ""))
            port = _port(beside) if paired else 0
            yield from (Mention("environment", name, port) for name in re.split(r"[,;\s]+", value))


def foreign_names(service: ComposeService) -> Iterator[str]:
    """Yield the names by which Compose or Swarm know a service, and that it does not have here."""
    project = service.project.name
    yield from (f"tasks.{service.name}", f"{project}_{service.name}")
    yield from (f"{project}{divider}{service.name}{divider}1" for divider in "-_")
    if container := service.read("container_name", text):
        yield container


def _texts(service: ComposeService) -> Iterator[tuple[str, str]]:
    """Yield the texts in which a service may name others, each with its key."""
    for line in service.container.get("Env", ()):
        yield "environment", line
    for key, name in (("command", "Cmd"), ("entrypoint", "Entrypoint")):
        yield from ((key, word) for word in service.container.get(name, ()))
    yield from (("healthcheck", word) for word in service.definition.get("Health", {}).get("Cmd", ()))
    yield from (("configs", str(one.get("Content", ""))) for one in service.definition.get("Files", ()))


def _addresses(line: str) -> Iterator[tuple[str, int]]:
    """Yield the names and ports of the addresses in a text."""
    for found in _WITH_PORT.finditer(line):
        if _port(found[2]):
            yield found[1], _port(found[2])
    for found in (one for pattern in _WITH_SCHEME for one in pattern.finditer(line)):
        port = SCHEMES.get(found[1].partition("+")[0])
        if port:
            yield found[2], port


def _port(written: str) -> int:
    """Return the number of a port; 0 if the text is none."""
    number = int(written) if written.isascii() and written.isdigit() and len(written) < 6 else 0
    return number if number <= 65535 else 0
