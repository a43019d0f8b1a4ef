"""
The host names that should have a certificate by ACME: those of definitions that are served by TLS, and that no other
certificate covers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from daprdockr.model.wanted.definition import Definition
from daprdockr.model.wanted.http import OFF

LONGEST_NAME = 253 - len("_acme-challenge.")
"""The name that DNS-01 asks for must be one, too."""


def wanted_names(definitions: Iterable[Definition], is_covered: Callable[[str], bool]) -> tuple[str, ...]:
    """
    Return the names in order.

    :param is_covered: whether a certificate of the operator's own is there for a name.
    """
    found = {
        name
        for definition in definitions
        for entry in definition.http
        if entry.tls != OFF
        for name in entry.host_names
        if is_orderable(name)
    }
    return tuple(sorted(name for name in found if not is_covered(name)))


def is_orderable(name: str) -> bool:
    """
    Return whether a public CA may issue for a name at all: it has a dot, no underscore, and does not end as an address.
    """
    bare = name.removeprefix("*.")
    return "." in bare and "_" not in bare and not bare.rpartition(".")[2].isdigit() and len(bare) <= LONGEST_NAME
