"""
The names of hosts in their one spelling: lower case, no dot at the end, letters beyond ASCII by IDNA 2008 (RFC 5891).

nginx puts the names that clients send into the same spelling, except letters beyond ASCII: clients send them encoded.
"""

from __future__ import annotations

import re

import idna

from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

_LABEL = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:\*\.)?{_LABEL}(?:\.{_LABEL})*", re.ASCII)
_LONGEST = 253
"""Characters of a name as a person writes it; encoded it is never shorter."""


def is_host_name(name: str) -> bool:
    """
    Return whether ``name`` is a host name in this spelling, perhaps with ``*.`` before it: labels (RFC 1123 section
    2.1, and underscores, which DNS has and clients send), at most 253 characters (RFC 1035 section 2.3.4, without the
    root's dot).
    """
    return _HOST_NAME.fullmatch(name) is not None


def host_name(text: str) -> str:
    """
    Return the one spelling of a host name that a person wrote.

    :raises BadInput: it is none, with the reason.
    """
    name = text.strip(" ")
    if not name.isascii():
        name = _encoded(name)
    name = name.lower().removesuffix(".")
    if not is_host_name(name):
        raise BadInput(f"{shorten(text)} is not usable, write host names such as example.com,*.example.com")
    return name


def _encoded(name: str) -> str:
    wildcard, rest = ("*.", name[2:]) if name.startswith("*.") else ("", name)
    if len(rest) > _LONGEST:
        raise BadInput(f"{shorten(name)} is not usable, because a host name has at most {_LONGEST} characters")
    try:
        return wildcard + idna.encode(rest, uts46=True).decode("ascii")
    except UnicodeError as error:
        raise BadInput(f"{shorten(name)} is no host name by IDNA 2008: {ascii(str(error))[1:-1]}") from None
