"""The clients of nginx: whose word is believed, and how much each may have under way. Pure."""

from __future__ import annotations

import ipaddress
from itertools import product

from attrs import frozen

from daprdockr.model.errors import BadInput
from daprdockr.model.names import shorten

UNDER_WAY = 512
"""Requests that one address may have under way: enough for an office behind one address."""

LOOPBACK = ("127.0.0.0/8", "::1/128")

OUR_HEADERS = (
    "X-Real-IP",
    "X-Forwarded-For",
    "X-Forwarded-Proto",
    "X-Forwarded-Host",
    "X-Forwarded-Port",
    "X-Forwarded-Prefix",
    "X-Forwarded-Scheme",
    "X-Forwarded-Ssl",
    "Content-Length",
    "Transfer-Encoding",
)
"""The headers of a request that nginx writes or removes, and whose names have several words."""


@frozen(kw_only=True)
class HttpClients:
    """
    :ivar trusted: the networks of proxies whose word on their clients counts.
    :ivar under_way: how many requests one address may have under way.
    :raises BadInput: a network is none.
    """

    trusted: tuple[str, ...] = ()
    under_way: int = UNDER_WAY

    def __attrs_post_init__(self) -> None:
        for network in self.trusted:
            if not _is_network(network):
                raise BadInput(f"{shorten(network)} is no network: write one such as 10.0.0.0/8")

    @property
    def unlimited(self) -> tuple[str, ...]:
        """The networks whose addresses stand for many clients."""
        return tuple(dict.fromkeys((*LOOPBACK, *self.trusted)))


ALL_ALIKE = HttpClients()
"""Nobody is trusted."""


def _is_network(text: str) -> bool:
    """Return whether it is a network in its canonical spelling; ``ipaddress`` lets an IPv6 scope through unread."""
    try:
        return "%" not in text and str(ipaddress.ip_network(text)) == text
    except ValueError:
        return False


def aliases(name: str) -> list[str]:
    """Return the names that become the same variable of an application as ``name``: with ``_`` for some ``-``."""
    first, *rest = name.split("-")
    return [
        first + "".join(mark + word for mark, word in zip(marks, rest, strict=True))
        for marks in product("-_", repeat=len(rest))
        if "_" in marks
    ]
