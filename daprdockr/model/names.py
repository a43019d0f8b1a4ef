"""
The names of services, instances and nodes, and their one rule: each part is a DNS label.

A name that passes here is safe in an etcd key, a DNS name, a container name and a file name.
"""

from __future__ import annotations

import json
import re

from attrs import frozen

from daprdockr.model.errors import BadInput

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", re.ASCII)

MAX_INSTANCES = 10_000
MOST_TAIL = 10**9
"""The most last lines of a log that can be asked for."""


def check_label(label: object, what: str) -> str:
    """
    Return ``label`` if it is a DNS label in lower case (RFC 1035 section 2.3.1, first digit allowed by RFC 1123).

    :param what: what the label names, for the error: "group", "service" or "node".
    :raises BadInput: otherwise.
    """
    if isinstance(label, str) and _LABEL.fullmatch(label):
        return label
    raise BadInput(
        f"{what} name {shorten(label)} is not usable: write 1 to 63 lower-case letters, digits or inner hyphens"
    )


_VALUE = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,62}", re.ASCII)


def check_value_name(name: object, what: str) -> str:
    """
    Return the name of a secret or of a file if it can be one: it is safe in an etcd key and as the name of a file.

    :param what: what it names, for the error: "secret" or "file".
    :raises BadInput: otherwise.
    """
    if isinstance(name, str) and _VALUE.fullmatch(name):
        return name
    raise BadInput(
        f"{what} name {shorten(name)} is not usable: write 1 to 63 letters, digits, hyphens, underscores or inner dots"
    )


def shorten(value: object, limit: int = 60) -> str:
    """
    Quote any value for a one-line message, control characters escaped, cut at ``limit`` characters: ``true``, ``null``,
    lists and objects as JSON spells them, which is how their writer did.
    """
    is_spelled = value is None or isinstance(value, bool | list | dict)
    try:
        text = json.dumps(value, default=ascii) if is_spelled else ascii(value)
    except (TypeError, ValueError):  # YAML has keys of other types, and lists that contain themselves
        text = ascii(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def printable(text: str) -> str:
    """Return the text with each character escaped that moves a cursor, switches a colour or is half a character."""
    return text if text.isprintable() else "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def one_line(text: str, limit: int = 300) -> str:
    """Return foreign text for a message: white space collapsed, other control characters left out, cut at ``limit``."""
    line = "".join(letter for letter in " ".join(text.split()) if letter.isprintable())
    return line if len(line) <= limit else line[: limit - 1] + "…"


@frozen(order=True, cache_hash=True)
class ServiceName:
    """A service of a group; written ``<service>.<group>``, as in ``web.myapp``."""

    group: str
    service: str

    def __attrs_post_init__(self) -> None:
        check_label(self.group, "group")
        check_label(self.service, "service")

    @classmethod
    def parse(cls, text: str) -> ServiceName:
        """Read ``web.myapp``. :raises BadInput: if it is anything else."""
        service, dot, group = text.partition(".")
        if not dot or "." in group:
            raise BadInput(f"service {shorten(text)} is not usable: write <service>.<group>, as in web.myapp")
        return cls(group=group, service=service)

    def __str__(self) -> str:
        return f"{self.service}.{self.group}"


@frozen(order=True, cache_hash=True)
class InstanceName:
    """A numbered place of a service; written ``<number>.<service>.<group>``, as in ``1.web.myapp``."""

    service: ServiceName
    number: int

    def __attrs_post_init__(self) -> None:
        if not 1 <= self.number <= MAX_INSTANCES:
            raise BadInput(f"instance number {self.number} is not usable: it lies between 1 and {MAX_INSTANCES}")

    @classmethod
    def parse(cls, text: str) -> InstanceName:
        """Read ``1.web.myapp``. :raises BadInput: if it is anything else."""
        number, dot, service = text.partition(".")
        if not dot or not re.fullmatch(r"[1-9][0-9]{0,4}", number, re.ASCII):
            raise BadInput(
                f"instance {shorten(text)} is not usable: write <number>.<service>.<group>, as in 1.web.myapp"
            )
        return cls(service=ServiceName.parse(service), number=int(number))

    def __str__(self) -> str:
        return f"{self.number}.{self.service}"
