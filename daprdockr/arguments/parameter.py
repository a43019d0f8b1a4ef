# -*- test-case-name: tests.unit.arguments.test_options -*-
"""
An option that takes a value, and the readers of such values. Knows no parser and no environment.

A reader takes the text and returns the value, or raises ``BadInput`` with a remedy; its caller knows the option and
puts its name in front.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from attrs import field, frozen

from daprdockr.dns.clients import Network
from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten
from daprdockr.model.wanted.privileges import PRIVILEGES

Address = tuple[str, int]
"""An IP address without brackets, and a port."""

_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}", re.ASCII)
_PLACE = re.compile(r"(?P<host>\[[^]]*\]|[^][:]*)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
_ZONE = re.compile(r"[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*", re.ASCII)
_LONGEST_ZONE = 253
_ENGINE_URL = re.compile(r"unix:///[^\s]+|(?:tcp|https?)://[^\s/]+(?:/[^\s]*)?", re.ASCII)


@frozen
class Parameter:
    """
    One option. ``value`` is the placeholder in the help; ``variable`` names the environment variable that counts when
    the option is absent; ``many`` options may be repeated, and their reader takes the list of texts.
    """

    name: str
    value: str
    help: str
    default: str | None = None
    variable: str = ""
    many: bool = False
    read: Callable[[Any], object] = field(default=str)


def absolute_path(text: str) -> Path:
    """Read a path that stays the same when the daemon changes its working directory."""
    if not text or "\0" in text:
        raise BadInput(f"{shorten(text)} is not usable, write a path")
    try:
        return Path(os.path.abspath(text))
    except FileNotFoundError:
        raise BadInput(f"{shorten(text)}: the working directory was deleted, change to another one") from None


def new_file(text: str) -> Path:
    path = absolute_path(text)
    try:
        is_possible = path.parent.is_dir() and not path.is_dir()
    except OSError:  # its name is too long, or lies where this user may not look
        is_possible = False
    if not is_possible:
        raise BadInput(f"{shorten(text)} is not usable, write a file in a directory that exists")
    return path


def program(text: str) -> str:
    """Read a program by name, to be looked up on PATH, or by path."""
    return str(absolute_path(text)) if "/" in text or not text else text


def whole_number(low: int, high: int, unit: str = "") -> Callable[[str], int]:
    """Read a whole number; an error names the ``unit``, as in "seconds"."""
    number = f"a whole number of {unit}" if unit else "a whole number"

    def read(text: str) -> int:
        if re.fullmatch(r"[0-9]{1,9}", text, re.ASCII) and low <= int(text) <= high:
            return int(text)
        raise BadInput(f"{shorten(text)} is not usable, write {number} from {low} to {high}")

    return read


def number_or_off(low: int, high: int) -> Callable[[str], int | None]:
    """Read a whole number, or None for off."""
    number = whole_number(low, high)

    def read(text: str) -> int | None:
        if text == "off":
            return None
        try:
            return number(text)
        except BadInput as problem:
            raise BadInput(f"{problem}, or off") from None

    return read


def choice(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text in words:
            return text
        raise BadInput(f"{shorten(text)} is not usable, write {' or '.join(words)}")

    return read


def engine_url(text: str) -> str:
    if _ENGINE_URL.fullmatch(text):
        return text
    raise BadInput(f"{shorten(text)} is not usable, write unix:///var/run/docker.sock or tcp://<host>:<port>")


def ip_address(text: str) -> str:
    """Read an address; return its canonical form, without brackets around IPv6."""
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        if "%" not in bare:
            return str(ipaddress.ip_address(bare))
    except ValueError:
        pass
    raise BadInput(f"{shorten(text)} is not usable, write an IPv4 or IPv6 address")


def host_addresses(text: str) -> tuple[str, ...]:
    """Read addresses, separated by commas, by which others can reach a host."""
    addresses = tuple(dict.fromkeys(ip_address(part.strip()) for part in text.split(",")))
    for address in addresses:
        if (known := ipaddress.ip_address(address)).is_unspecified or known.is_multicast:
            raise BadInput(f"{address} is not the address of one host")
    return addresses


def address_and_port(text: str, default_port: int = 0) -> Address:
    """Read ``192.0.2.1:53`` or ``[2001:db8::1]:53``; with a default port (not 0) a bare address as well."""
    match = _PLACE.fullmatch(text)
    if default_port and (match is None or match["port"] is None):
        return ip_address(text), default_port
    if match is None or match["port"] is None:
        raise BadInput(f"{shorten(text)} is not usable, write <address>:<port> as in 127.0.0.1:8080 or [::1]:8080")
    port = int(match["port"])
    if not 1 <= port <= 65535:
        raise BadInput(f"{shorten(text)} is not usable, write a port from 1 to 65535")
    return ip_address(match["host"]), port


def listeners(texts: Sequence[str]) -> tuple[Address, ...]:
    """Read where to listen; ``off``, alone, is nowhere."""
    if list(texts) == ["off"]:
        return ()
    if "off" in texts:
        raise BadInput("off cannot be given together with an address")
    return tuple(dict.fromkeys(address_and_port(text) for text in texts))


def listener(text: str) -> Address | None:
    return None if text == "off" else address_and_port(text)


def upstreams(text: str) -> tuple[Address, ...]:
    """Read name servers, separated by commas, port 53 unless they state another; ``none`` is the empty tuple."""
    if text == "none":
        return ()
    return tuple(dict.fromkeys(address_and_port(part.strip(), default_port=53) for part in text.split(",")))


def forwards(texts: Sequence[str]) -> dict[tuple[bytes, ...], tuple[Address, ...]]:
    """Read ``corp.example=10.0.0.1``: the name servers of each zone, which is returned as its labels in lower case."""
    found: dict[tuple[bytes, ...], tuple[Address, ...]] = {}
    for text in texts:
        zone, _, servers = text.partition("=")
        if not servers or servers == "none":
            raise BadInput(f"{shorten(text)} is not usable, write <zone>=<address> as in corp.example=10.0.0.1")
        labels = _zone(zone)
        found[labels] = tuple(dict.fromkeys((*found.get(labels, ()), *upstreams(servers))))
    return found


def _zone(text: str) -> tuple[bytes, ...]:
    name = text.lower().removesuffix(".")
    if text == ".":
        raise BadInput("the zone . is that of all names, name its servers with --dns-upstream")
    if len(name) > _LONGEST_ZONE or not _ZONE.fullmatch(name):
        raise BadInput(f"{shorten(text)} is not usable, write a zone such as corp.example")
    labels = name.split(".")
    if labels[-1] in ("container", "localhost"):
        raise BadInput(f"{shorten(text)} is not usable, names below {labels[-1]} are answered here")
    return tuple(label.encode() for label in labels)


def networks(text: str) -> tuple[Network, ...]:
    return tuple(dict.fromkeys(_network(part.strip()) for part in text.split(",")))


def some_networks(text: str) -> tuple[Network, ...]:
    return () if text == "none" else networks(text)


def _network(text: str) -> Network:
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise BadInput(
            f"{shorten(text)} is not usable, write a network such as 10.0.0.0/8, no bit set beyond its length"
        ) from None


def privileges(texts: Sequence[str]) -> frozenset[str]:
    """Read names of privileges, separated by commas, ``all`` or ``none``."""
    names = [name.strip() for text in texts for name in text.split(",")]
    if names == ["none"]:
        return frozenset()
    if names == ["all"]:
        return frozenset(PRIVILEGES)
    for name in names:
        if name not in PRIVILEGES:
            raise BadInput(f"{shorten(name)} is not usable, write some of {', '.join(PRIVILEGES)}, or all, or none")
    return frozenset(names)


def node_labels(texts: Sequence[str]) -> dict[str, str]:
    labels: dict[str, str] = {}
    for text in texts:
        name, _, value = text.partition("=")
        if not (_LABEL.fullmatch(name) and _LABEL.fullmatch(value)):
            raise BadInput(f"{shorten(text)} is not usable, write name=value as in zone=a")
        if labels.setdefault(name, value) != value:
            raise BadInput(f"{name} is given twice, as {labels[name]} and as {value}")
    return labels
